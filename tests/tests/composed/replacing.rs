//! Replacing every container under load.

use std::time::Duration;

use anyhow::ensure;

use crate::{
    Composed,
    mix::{Met, Mix},
    system::Replicas,
};

/// Asked for; the demand is 200.
const PER_SECOND: u32 = 220;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn replacing_every_container_of_both_services_loses_no_request() -> anyhow::Result<()> {
    let composed = Composed::started(&[], Replicas { auth: 2, org: 3 }).await?;
    let met = roll_all(&composed).await?;
    report(&composed, &met, "2 and 3 replicas").await
}

/// The service that has one container has two for as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn replacing_the_only_container_loses_no_request() -> anyhow::Result<()> {
    let composed = Composed::started(&[], Replicas { auth: 1, org: 1 }).await?;
    let met = roll_all(&composed).await?;
    report(&composed, &met, "1 replica each").await
}

async fn roll_all(composed: &Composed) -> anyhow::Result<Met> {
    composed.user("ada").await?;
    let (caller, refresher) = (composed.login("ada").await?, composed.login("ada").await?);
    let mut old = Vec::new();
    for service in ["auth-service", "org-service"] {
        old.extend(composed.containers(service).await?);
    }
    let mix = Mix::start(&caller, refresher, PER_SECOND);
    while mix.so_far() < 100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for service in ["auth-service", "org-service"] {
        composed.roll(service).await?;
    }
    let met = mix.finish().await;
    for service in ["auth-service", "org-service"] {
        let now = composed.containers(service).await?;
        ensure!(
            now.iter().all(|new| old.iter().all(|old| old.id() != new.id())),
            "{service}: an old one is left"
        );
    }
    Ok(met)
}

async fn report(composed: &Composed, met: &Met, what: &str) -> anyhow::Result<()> {
    println!("rolled, {what}: {:.0}/s for {:.0?}, {:?}", met.rate(), met.lasted, met.tally());
    for service in ["gateway", "auth-service", "org-service", "postgres"] {
        for container in composed.containers(service).await? {
            println!("after load: {}", container.memory().await?);
        }
    }
    ensure!(met.failures().is_empty(), "{}\nlost:\n{}", composed.complaints().await, met.losses());
    ensure!(met.rate() >= 200.0, "only {:.0} requests a second", met.rate());
    Ok(())
}
