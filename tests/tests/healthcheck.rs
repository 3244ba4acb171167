//! `healthcheck`, as a container runs it: beside the service, every few seconds.

use e2e::{Cluster, Done, Node, until};
use std::time::Duration;
use tokio::net::TcpListener;

const NODE: &str = env!("CARGO_BIN_EXE_node");

/// Runs the command with this address and nothing else but what would stop any other command.
async fn check(service: &str, address: &str) -> anyhow::Result<Done> {
    let name = format!("{}_MANAGEMENT_LISTEN", service.to_uppercase());
    let environment =
        [(name.as_str(), address), ("SERVICE_SECRET", "short"), ("AUTH_SIGNING_KEY_FILE", "/none")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Done::of(NODE.as_ref(), &[service, "healthcheck"], &environment, "").await
}

fn address(node: &Node) -> &str {
    node.management.trim_start_matches("http://")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ready_service_is_healthy_and_says_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    let org = cluster.org(&auth).await?;
    for (service, node) in [("auth", &auth), ("org", &org)] {
        let port = address(node).rsplit(':').next().unwrap_or_default();
        for address in [address(node), &format!("0.0.0.0:{port}"), &format!("[::]:{port}")] {
            let done = check(service, address).await?;
            assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(0), "", ""), "{address}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_not_ready_is_unhealthy_and_the_reason_is_one_line() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let org = cluster.org_at("http://127.0.0.1:1", &[("DRAIN_DELAY", "10m")], 1).await?;
    let complaint = check("org", address(&org)).await?.complaint()?;
    assert!(
        complaint.starts_with("not ready: keys: ") && complaint.contains("; revocations: "),
        "{complaint}"
    );
    assert!(!complaint.contains("org_database"), "{complaint}");

    org.ask_to_stop()?;
    let leaving = async || Ok(check("org", address(&org)).await?.complaint()?.contains("stopping: "));
    until("the stop is told", Duration::from_secs(30), leaving).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_does_not_answer_is_unhealthy() -> anyhow::Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let address = silent.local_addr()?.to_string();
    let complaint = check("auth", &address).await?.complaint()?;
    assert_eq!(complaint, format!("{address} does not answer: nothing within 2 s"));
    drop(silent);
    let complaint = check("auth", &address).await?.complaint()?;
    assert!(complaint.starts_with(&format!("{address} does not answer: ")), "{complaint}");
    let complaint = check("org", "nowhere").await?.complaint()?;
    assert!(complaint.starts_with("ORG_MANAGEMENT_LISTEN: "), "{complaint}");
    Ok(())
}
