//! kill -9 of either service while a member is being removed, at every moment: in the end the membership
//! and the token agree, and what had to be announced has been.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::{Actor, until};
use org_service::store::announcements;
use reqwest::Method;
use shared::config::Variables;

use crate::{
    PATIENCE,
    world::{ORGANIZATIONS, Person, World, becomes},
};

/// Rounds, and so many with `TENANCY_LOAD=full`. Each meets another moment of the removal.
const ROUNDS: u32 = 12;
const MANY: u32 = 120;
/// Removals that tell how long one takes.
const UNDISTURBED: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Org,
    Auth,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_service_that_dies_while_it_removes_a_member_loses_nothing() -> anyhow::Result<()> {
    rounds(Victim::Org).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auth_service_that_dies_while_a_member_is_removed_is_told_later() -> anyhow::Result<()> {
    rounds(Victim::Auth).await
}

/// How long a removal takes that nothing disturbs, at most.
async fn duration(world: &World, ada: &Person, bob: &Person, org_id: &str) -> anyhow::Result<Duration> {
    let (admin, mut longest) = (world.at_org(ada), Duration::ZERO);
    for _ in 0..UNDISTURBED {
        world.join(org_id, bob, "member").await?;
        let began = Instant::now();
        let answer = admin.delete(&format!("{ORGANIZATIONS}{org_id}/members/{}/", bob.user_id)).await?;
        ensure!(answer.status == 204, "{answer:?}");
        longest = longest.max(began.elapsed());
    }
    Ok(longest)
}

async fn rounds(victim: Victim) -> anyhow::Result<()> {
    let full = Variables::from_env().get("TENANCY_LOAD") == Some("full");
    let rounds = if full { MANY } else { ROUNDS };
    // Far longer than the test: what is refused was called in, and did not expire.
    let mut world = World::start(&[("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "error")]).await?;
    let (ada, bob) = tokio::try_join!(world.person("ada"), world.person("bob"))?;
    let org_id = world.organization(&ada, "Acme").await?;
    let protected = world.cluster.protected(&world.auth).await?;
    let path = format!("{ORGANIZATIONS}{org_id}/members/{}/", bob.user_id);
    let span = duration(&world, &ada, &bob, &org_id).await? * 2;
    let mut removed = 0;
    for round in 0..rounds {
        if !world.is_member(&org_id, &bob).await? {
            world.join(&org_id, &bob, "member").await?;
        }
        let token = world.scoped(&bob, &org_id).await?;
        becomes(&protected.base, "/protected", &token, 200).await?;

        let admin = world.at_org(&ada);
        let asked = tokio::spawn({
            let path = path.clone();
            async move { admin.send(admin.request(Method::DELETE, &path)).await.map(|answer| answer.status) }
        });
        tokio::time::sleep(span * round / rounds).await;
        match victim {
            Victim::Org => drop(world.org.kill().await?),
            Victim::Auth => drop(world.auth.kill().await?),
        }
        let answer = asked.await?.ok();
        match victim {
            Victim::Org => world.restart_org().await?,
            Victim::Auth => world.restart_auth().await?,
        }

        let is_member = world.is_member(&org_id, &bob).await?;
        if answer == Some(204) {
            ensure!(!is_member, "round {round}: acknowledged, and undone by the crash");
        }
        let db = &world.cluster.org_db.db;
        let delivered = async || Ok(db.read(|conn| announcements::list(conn, 1)).await?.is_empty());
        until("everything is announced", PATIENCE, delivered).await?;
        let wanted = if is_member { 200 } else { 401 };
        for (base, path) in [(&world.org.base, ORGANIZATIONS), (&protected.base, "/protected")] {
            becomes(base, path, &token, wanted).await?;
        }
        removed += usize::from(!is_member);
        let session = Actor::new(&protected.base).bearing(bob.access());
        ensure!(session.get("/protected").await?.status == 200, "round {round}: the session went too");
    }
    println!("{victim:?} killed {rounds} times while removing a member: {removed} were removed");
    ensure!(removed > 0, "no removal ever came to its commit");
    let last = world.scoped(&bob, &org_id).await;
    ensure!(last.is_ok() == world.is_member(&org_id, &bob).await?, "{last:?}");
    Ok(())
}
