//! Revocation lag with everything in place: two auth services, three organization services, the gateway.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use e2e::{Eyes, Load, Pace, Report, Sample, Watch};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::config::Variables;

use crate::{Composed, ORGANIZATIONS, system::Replicas};

/// Clients that saturate the services through the gateway, and for how long.
const CLIENTS: usize = 12;
/// How often each replica is shown the token that is being revoked, and how often those before it.
const EVERY: Duration = Duration::from_millis(5);
const WATCH: Duration = Duration::from_millis(50);
const CAPACITY: Duration = Duration::from_millis(1500);
/// The bounds, and their room: as long as other requests at the same moment took, on a machine that
/// builds or tests something else.
const P99: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn a_logout_through_the_gateway_is_known_at_every_replica_at_once() -> anyhow::Result<()> {
    let full = Variables::from_env().get("TRUST_LOAD") == Some("full");
    let revocations = if full { 500 } else { 60 };
    let settings = [("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "warn")];
    let composed = Composed::started(&settings, Replicas { auth: 2, org: 3 }).await?;
    composed.user("ada").await?;
    // Two at a time: hashing is slow on purpose.
    let sessions: Vec<_> =
        stream::iter((0..=revocations).map(|_| composed.login("ada"))).buffered(2).try_collect().await?;
    let (bystander, sessions) = sessions.split_first().context("a session")?;

    let mut replicas = Vec::new();
    for container in composed.containers("org-service").await? {
        replicas.push(container.inner_address(8002).await?);
    }
    ensure!(replicas.iter().collect::<BTreeSet<_>>().len() == 3, "{replicas:?}");
    let load = Load::new(std::slice::from_ref(bystander), ORGANIZATIONS);
    let capacity = load.capacity(CLIENTS, CAPACITY).await?;
    let running = load.start(Pace::PerSecond(capacity / 2));
    running.done(100).await;
    let (mut eyes, watch) = (Eyes::on(&replicas).await?.every(EVERY), Watch::every(WATCH, &replicas).await?);
    let mut revoked = Vec::new();
    for session in sessions {
        revoked.push(eyes.revoke(session).await?);
        watch.add(session)?;
    }
    let refusals = watch.finish().await?;
    let load = running.finish().await;

    let sample = |it: &e2e::Revoked| Sample { target: 0, due: it.answered, took: it.lag, status: Some(401) };
    let lag = Report { samples: revoked.iter().map(sample).collect() };
    println!(
        "revocation lag behind the gateway, 2 auth and 3 organization services, {} revocations at half of {capacity}/s: p50 \
         {:.1?}, p99 {:.1?}, max {:.1?}; other requests p99 {:.1?}, max {:.1?}, {:?}; {refusals} later refusals",
        revoked.len(),
        lag.p50(),
        lag.p99(),
        lag.max(),
        load.p99(),
        load.max(),
        load.statuses(),
    );
    let crowded = u32::from(!full);
    ensure!(load.statuses().keys().all(|status| *status == Some(200)), "{:?}", load.statuses());
    // Of sixty samples the slowest is the 99th percentile: it gets the room of the slowest.
    ensure!(lag.p99() <= P99 + load.max() * crowded, "p99 {:?}", lag.p99());
    ensure!(lag.max() <= MAX + load.max() * crowded, "max {:?}", lag.max());
    Ok(())
}
