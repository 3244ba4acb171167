//! Validators whose auth service is replaced: they move to another replica, and neither refuse what is
//! valid nor accept what is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use e2e::{Actor, Cluster, Front, Node, until};
use serde_json::json;

use crate::{NODE, PATIENCE, is_leaving};

/// How long the feed may be silent before a validator answers 503.
const STALENESS: (&str, &str) = ("REVOCATION_MAX_STALENESS", "4s");

/// Asks with both tokens until told to end: one is valid throughout, the other is not. Gives how often.
async fn watch(
    valid: Actor,
    revoked: Actor,
    path: &'static str,
    end: Arc<AtomicBool>,
) -> anyhow::Result<usize> {
    let mut rounds = 0;
    while !end.load(Ordering::Relaxed) {
        for (actor, expected) in [(&valid, 200), (&revoked, 401)] {
            let answer = actor.get(path).await?;
            anyhow::ensure!(answer.status == expected, "{expected} expected in round {rounds}: {answer:?}");
        }
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(rounds)
}

/// Ends the session of a pair at this service.
async fn log_out(node: &Node, pair: &Actor) -> anyhow::Result<()> {
    let body = json!({"refresh": pair.refresh});
    let answer = node.anonymous().post("/api/v1/user/token/blacklist/", &body).await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_of_a_service_that_stops_move_to_the_next_and_stay_exact() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, &[STALENESS, ("DRAIN_DELAY", "1s")])?;
    let mut first = cluster.auth().await?;
    let second = cluster.auth().await?;
    let front = Front::before(&[&first.management, &second.management]).await?;
    let org = cluster.org_at(&front.base, &[], 2).await?;
    let protected = cluster.protected_at(&front.base, &[]).await?;
    let places = [(&org, "/api/v1/organization/"), (&protected, "/protected")];
    cluster.user("ada").await?;
    let valid = cluster.login(&second, "ada").await?.access.context("a token")?;
    let (gone, going) = (cluster.login(&first, "ada").await?, cluster.login(&first, "ada").await?);
    log_out(&first, &gone).await?;
    let revoked = gone.access.context("a token")?;
    let refuses = async |node: &Node, path: &str, token: &str| {
        Ok(node.anonymous().bearing(token).get(path).await?.status == 401)
    };
    for (node, path) in places {
        until("what was revoked is refused", PATIENCE, async || refuses(node, path, &revoked).await).await?;
    }

    let end = Arc::new(AtomicBool::new(false));
    let watching = places.map(|(node, path)| {
        let who = |token: &str| node.anonymous().bearing(token);
        tokio::spawn(watch(who(&valid), who(&revoked), path, Arc::clone(&end)))
    });
    first.ask_to_stop()?;
    is_leaving(&first).await?;
    // Revoked elsewhere, while half of the followers still listen to the one that goes.
    log_out(&second, &going).await?;
    let going = going.access.context("a token")?;
    for (node, path) in places {
        until("news come from the other", PATIENCE, async || refuses(node, path, &going).await).await?;
    }
    assert_eq!(first.ended().await?.code(), Some(0), "{}", first.log());

    // For longer than a validator believes what it last heard.
    let alone = Instant::now();
    let long = async || Ok(alone.elapsed() > Duration::from_secs(6));
    until("the first one's news are stale", PATIENCE, long).await?;
    for (node, path) in places {
        assert!(refuses(node, path, &going).await?, "accepted again\n{}", node.log());
    }
    end.store(true, Ordering::Relaxed);
    for watch in watching {
        assert!(watch.await?? > 100, "hardly anything was asked");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_goes_on_while_a_service_drains_and_ends_with_the_delay() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, &[("DRAIN_DELAY", "2s")])?;
    let mut auth = cluster.auth().await?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let request = client.get(format!("{}/internal/revocations/", auth.management));
    let mut feed = request.header("X-Service-Secret", cluster.secret()).send().await?.error_for_status()?;
    let began = Instant::now();
    auth.ask_to_stop()?;
    is_leaving(&auth).await?;
    let mut heard = 0;
    while feed.chunk().await?.is_some() {
        heard += 1;
    }
    assert!(heard > 1 && began.elapsed() >= Duration::from_secs(2), "{heard} in {:?}", began.elapsed());
    assert_eq!(auth.ended().await?.code(), Some(0), "{}", auth.log());
    Ok(())
}
