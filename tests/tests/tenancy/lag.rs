//! How soon a removed member is refused at every service process.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::wire::{self, Wire};
use futures_util::future::try_join_all;
use reqwest::Method;
use shared::{config::Variables, db::testing::TestDb};

use crate::world::{ORGANIZATIONS, World};

/// Removals; so many with `TENANCY_LOAD=full`.
const REMOVALS: usize = 20;
const MANY: usize = 300;
/// The bound of the 99th percentile, and its room on a machine that builds something else.
const P99: Duration = Duration::from_millis(100);
const CROWDED: u32 = 5;
/// A token that is still accepted after this is not refused at all.
const NEVER: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_is_refused_everywhere_at_once() -> anyhow::Result<()> {
    let full = Variables::from_env().get("TENANCY_LOAD") == Some("full");
    let world = World::start(&[("LOG", "warn")]).await?;
    let (ada, bob) = tokio::try_join!(world.person("ada"), world.person("bob"))?;
    let org_id = world.organization(&ada, "Acme").await?;
    // Three organization services, of which one makes the change and two have databases of their own, a
    // third service, and the auth service.
    let databases = [TestDb::empty()?, TestDb::empty()?];
    let mut others = Vec::new();
    for database in &databases {
        let url = database.url.secret_text();
        others.push(world.cluster.org_with(&world.auth, &[("ORG_DATABASE_URL", &url)]).await?);
    }
    let protected = world.cluster.protected(&world.auth).await?;
    let mut wires = Vec::new();
    for (base, path) in [
        (&world.org.base, ORGANIZATIONS),
        (&others[0].base, ORGANIZATIONS),
        (&others[1].base, ORGANIZATIONS),
        (&protected.base, "/protected"),
        (&world.auth.base, "/api/v1/user/me/"),
    ] {
        wires.push((Wire::connect(base).await?, path));
    }
    let admin = world.at_org(&ada);
    let path = format!("{ORGANIZATIONS}{org_id}/members/{}/", bob.user_id);
    let mut lags = Vec::new();
    for _ in 0..if full { MANY } else { REMOVALS } {
        world.join(&org_id, &bob, "member").await?;
        let token = world.scoped(&bob, &org_id).await?;
        for (wire, path) in &mut wires {
            ensure!(wire.ask(&wire::get(path, &token)).await? == 200, "a good token is refused: {path}");
        }
        let removed = admin.send(admin.request(Method::DELETE, &path)).await?;
        ensure!(removed.status == 204, "{removed:?}");
        let answered = Instant::now();
        let refused = wires.iter_mut().map(|(wire, path)| refused(wire, wire::get(path, &token)));
        let last = try_join_all(refused).await?.into_iter().max().unwrap_or(answered);
        lags.push(last.saturating_duration_since(answered));
    }
    lags.sort();
    let at = |percent: usize| lags[(lags.len() * percent / 100).min(lags.len() - 1)];
    println!(
        "a removed member is refused by five service processes after p50 {:.1?}, p99 {:.1?}, max {:.1?} ({} removals)",
        at(50),
        at(99),
        at(100),
        lags.len()
    );
    ensure!(at(99) <= P99 * if full { 1 } else { CROWDED }, "{lags:?}");
    Ok(())
}

/// When the first request was sent that was refused.
async fn refused(wire: &mut Wire, request: Vec<u8>) -> anyhow::Result<Instant> {
    let began = Instant::now();
    loop {
        let sent = Instant::now();
        match wire.ask(&request).await? {
            401 => return Ok(sent),
            200 => ensure!(began.elapsed() < NEVER, "it is never refused"),
            status => anyhow::bail!("{status}"),
        }
    }
}
