//! Changes of memberships reach validators: old tokens are refused, newer ones are not.

use serde_json::json;
use shared::issuer::Change;

use crate::world::{ACME, GLOBEX, World, reader};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_refuses_the_tokens_made_before_it_and_no_others() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let unscoped = ada.access.clone().unwrap_or_default();
    let other = world.switch(&ada, "globex").await?;
    let changes = [
        Change::member(ACME, &world.ada, 6),
        Change::organization(ACME, 7),
        Change::role(ACME, "viewer", 8, None),
    ];
    for (change, version) in changes.iter().zip(6..) {
        let old = world.switch(&ada, "acme").await?;
        assert_eq!(world.status(&old).await?, 200, "{change:?}");
        world.tell(std::slice::from_ref(change)).await?;
        world.becomes(&old, 401).await?;
        let again = ada.bearing(&old).post(crate::world::SWITCH, &json!({"organization": "acme"})).await?;
        assert_eq!(again.status, 401, "the auth service refuses it too: {again:?}");
        world.admit(&["acme"], &reader(ACME, version));
        let new = world.switch(&ada, "acme").await?;
        assert_eq!(world.status(&new).await?, 200, "{change:?}");
        // Delivered twice, or an older one after a newer: nothing changes.
        world.tell(&[change.clone(), Change::organization(ACME, 1)]).await?;
        assert_eq!(world.status(&new).await?, 200, "{change:?} again");
        assert_eq!(world.status(&old).await?, 401);
    }
    assert_eq!(world.status(&other).await?, 200, "the other organization is not concerned");
    let open = world.validator.anonymous().bearing(&unscoped).get("/protected").await?;
    assert_eq!(open.status, 200, "nor is a token for none");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_somebody_else_or_of_another_role_concerns_nobody_here() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    let elsewhere = [
        Change::member(ACME, "somebody else", 99),
        Change::member(GLOBEX, &world.ada, 99),
        Change::organization(GLOBEX, 99),
        Change::role(ACME, "admin", 99, None),
        Change::role(GLOBEX, "viewer", 99, None),
    ];
    world.tell(&elsewhere).await?;
    let last = world.switch(&ada, "globex").await?;
    world.becomes(&last, 401).await?;
    assert_eq!(world.status(&token).await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_the_death_of_the_service() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    world.tell(&[Change::member(ACME, &world.ada, 6)]).await?;
    world.auth.kill().await?;
    world.auth = world.cluster.auth().await?;
    world.validator = world.cluster.protected(&world.auth).await?;
    assert_eq!(world.status(&token).await?, 401);
    Ok(())
}
