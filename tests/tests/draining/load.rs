//! Clients that keep their connections, while the service behind them is asked to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use e2e::{Actor, Cluster, until};

use crate::{NODE, PATIENCE, is_leaving, readiness};

const CLIENTS: usize = 8;
const ME: &str = "/api/v1/user/me/";

/// Sends one request after the other on a connection that it keeps, until it is told that the
/// connection ends. Gives how many were answered; an error is a request that was lost.
async fn stay(client: Actor, answered: Arc<AtomicUsize>) -> anyhow::Result<usize> {
    for before in 0.. {
        let answer = client.get(ME).await.with_context(|| format!("lost after {before} requests"))?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.header("connection").eq_ignore_ascii_case("close") {
            return Ok(before + 1);
        }
    }
    anyhow::bail!("never told")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_drains_loses_no_request_of_clients_that_leave_when_told() -> anyhow::Result<()> {
    let delay = Duration::from_secs(3);
    let cluster = Cluster::with(NODE, &[("DRAIN_DELAY", "3s")])?;
    let mut auth = cluster.auth().await?;
    cluster.user("ada").await?;
    let access = cluster.login(&auth, "ada").await?.access.context("a token")?;
    let answered = Arc::new(AtomicUsize::new(0));
    let client = || auth.anonymous().bearing(&access);
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(stay(client(), Arc::clone(&answered)))).collect();
    let busy = async || Ok(answered.load(Ordering::Relaxed) > 20 * CLIENTS);
    until("every client is busy", PATIENCE, busy).await?;
    assert_eq!(readiness(&auth).await?.status, 200);
    assert!(clients.iter().all(|client| !client.is_finished()), "nobody is told to leave before the stop");

    let began = Instant::now();
    auth.ask_to_stop()?;
    is_leaving(&auth).await?;
    for client in clients {
        client.await??;
    }
    // Whoever comes anew while the gateway has not noticed is served as well.
    let late = auth.anonymous().bearing(&access).get(ME).await?;
    assert_eq!((late.status, late.header("connection")), (200, "close"), "{late:?}");
    assert_eq!(readiness(&auth).await?.status, 503, "red for as long as it serves");
    assert!(began.elapsed() < delay, "the clients left late: {:?}", began.elapsed());

    assert_eq!(auth.ended().await?.code(), Some(0), "{}", auth.log());
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    assert!(auth.log().contains("SIGTERM: stopping in 3s"), "{}", auth.log());
    Ok(())
}
