//! Which signal waits, and for how long.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use e2e::{Cluster, Node, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{NODE, PATIENCE, PROMPT, is_leaving};

/// Far longer than any test waits.
const LONG: (&str, &str) = ("DRAIN_DELAY", "10m");

/// Demands that it ends by itself, and soon.
async fn ends_soon(node: &mut Node) -> anyhow::Result<()> {
    let status = tokio::time::timeout(PROMPT, node.ended()).await.context("it goes on")??;
    assert_eq!(status.code(), Some(0), "{}", node.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_does_not_wait() -> anyhow::Result<()> {
    let mut auth = Cluster::with(NODE, &[LONG])?.auth().await?;
    auth.interrupt()?;
    ends_soon(&mut auth).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_cuts_the_wait_short() -> anyhow::Result<()> {
    let second: [fn(&Node) -> anyhow::Result<()>; 2] = [Node::ask_to_stop, Node::interrupt];
    for again in second {
        let mut auth = Cluster::with(NODE, &[LONG])?.auth().await?;
        auth.ask_to_stop()?;
        is_leaving(&auth).await?;
        again(&auth)?;
        ends_soon(&mut auth).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_delay_a_stop_waits_for_nothing_and_for_no_idle_connection() -> anyhow::Result<()> {
    let mut auth = Cluster::new(NODE)?.auth().await?;
    let idle = auth.anonymous();
    assert_eq!(idle.get("/.well-known/jwks.json").await?.status, 200);
    auth.ask_to_stop()?;
    ends_soon(&mut auth).await?;
    assert!(auth.log().contains("SIGTERM: stopping\n"), "{}", auth.log());
    assert!(idle.get("/.well-known/jwks.json").await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_never_became_ready_ends_the_same_way() -> anyhow::Result<()> {
    let nobody = "http://127.0.0.1:1";
    let cluster = Cluster::new(NODE)?;
    let mut waits = cluster.org_at(nobody, &[("DRAIN_DELAY", "2s")], 1).await?;
    let began = Instant::now();
    waits.ask_to_stop()?;
    is_leaving(&waits).await?;
    ends_soon(&mut waits).await?;
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());

    let mut prompt = cluster.org_at(nobody, &[LONG], 1).await?;
    prompt.interrupt()?;
    ends_soon(&mut prompt).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_has_not_begun_to_listen_ends_at_a_signal() -> anyhow::Result<()> {
    // A database that takes the connection and says nothing.
    let database = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("postgres://auth:x@{}/auth", database.local_addr()?);
    let environment = [("AUTH_DATABASE_URL".to_owned(), url)];
    let mut auth = Node::start(NODE.as_ref(), &["auth", "serve"], &environment, 0).await?;
    let _silent = database.accept().await?;
    auth.ask_to_stop()?;
    ends_soon(&mut auth).await
}

/// A gateway has to be refused at once to ask elsewhere: whoever is only let in and never answered
/// waits until the process ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_finishes_what_is_in_flight_refuses_new_connections() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let auth = cluster.auth().await?;
    for mut node in [cluster.org(&auth).await?, auth] {
        let address = node.base.trim_start_matches("http://").to_owned();
        let mut slow = TcpStream::connect(&address).await?;
        slow.write_all(b"POST /api/v1/organization/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{")
            .await?;
        // It has been read once a second request on another connection is answered.
        node.anonymous().get("/api/v1/organization/").await?;
        node.ask_to_stop()?;
        let refused = async || Ok(TcpStream::connect(&address).await.is_err());
        until("new connections are refused", PATIENCE, refused).await?;
        slow.write_all(b"}").await?;
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 401 ") || answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(node.ended().await?.success());
    }
    Ok(())
}
