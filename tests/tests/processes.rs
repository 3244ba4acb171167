//! The services as separate processes, as they run in production, and the harness that runs them.

use std::time::Duration;

use e2e::{Cluster, Node};
use serde_json::json;

const NODE: &str = env!("CARGO_BIN_EXE_node");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_in_processes_of_their_own_honour_each_others_tokens() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    let (org, protected) = (cluster.org(&auth).await?, cluster.protected(&auth).await?);
    cluster.user("ada").await?;
    let ada = cluster.login(&auth, "ada").await?;
    for (node, path) in [(&org, "/api/v1/organization/"), (&protected, "/protected")] {
        assert_eq!(node.anonymous().get(path).await?.status, 401);
        let answer = node.anonymous().bearing(ada.access.as_deref().unwrap_or_default()).get(path).await?;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", node.log());
    }
    assert_eq!(e2e::Actor::new(&org.management).get("/readyz").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_on_an_empty_database_agree_on_its_keys() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let (one, other) = tokio::try_join!(cluster.auth(), cluster.auth())?;
    cluster.user("ada").await?;
    let ada = cluster.login(&one, "ada").await?;
    let elsewhere = other.anonymous();
    let me = elsewhere.bearing(ada.access.as_deref().unwrap_or_default()).get("/api/v1/user/me/").await?;
    assert_eq!(me.status, 200, "{me:?}");
    assert_eq!(elsewhere.refresh_with(ada.refresh.as_deref().unwrap_or_default()).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_process_answers_nobody_until_it_goes_on() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    let anonymous = auth.anonymous();
    let keys = "/.well-known/jwks.json";
    assert_eq!(anonymous.get(keys).await?.status, 200);
    auth.stop()?;
    let asked = tokio::spawn(async move { anonymous.get(keys).await });
    let mut asked = std::pin::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut asked).await.is_err());
    auth.resume()?;
    assert_eq!(asked.await??.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_ends_as_asked_or_killed() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let (mut asked, mut killed) = tokio::try_join!(cluster.auth(), cluster.auth())?;
    assert!(asked.terminate().await?.success());
    assert!(asked.log().contains("SIGTERM: stopping"), "{}", asked.log());
    assert_eq!(killed.kill().await?.code(), None, "a signal ended it");
    assert!(killed.stop().is_err(), "its id may be another's now");
    assert!(killed.anonymous().post("/api/v1/user/token/", &json!({})).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_start_tells_why() -> anyhow::Result<()> {
    let environment = [("AUTH_DATABASE_URL".to_owned(), "mysql://nowhere/auth".to_owned())];
    let failed = Node::start(NODE.as_ref(), &["auth", "serve"], &environment, 2).await;
    let complaint = failed.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(complaint.contains("exit status: 1"), "{complaint}");
    assert!(complaint.contains("AUTH_DATABASE_URL: ") && complaint.contains("unknown scheme"), "{complaint}");
    Ok(())
}
