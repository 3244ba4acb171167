//! Tokens that do not list their permissions: what the role permits is looked up, and nothing is
//! permitted that nobody has said.

use auth_service::schema::feed;
use shared::{DbConnection, issuer::Change, organizations::Membership};

use crate::world::{ACME, World, reader, speaks_for};

/// A member whose role permits too much for a token.
fn of_many(version: i64) -> Membership {
    Membership { role: "many".to_owned(), permissions: None, ..reader(ACME, version) }
}

fn many(version: i64, permissions: &[&str]) -> Change {
    let permissions = permissions.iter().map(|&permission| permission.to_owned()).collect();
    Change::role(ACME, "many", version, Some(permissions))
}

async fn token(world: &World, version: i64) -> anyhow::Result<String> {
    world.admit(&["acme"], &of_many(version));
    let token = world.switch(&world.login().await?, "acme").await?;
    speaks_for(&token, &of_many(version))?;
    Ok(token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_permits_what_its_latest_definition_says() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let first = token(&world, 5).await?;
    let unknown = world.invoices(&first).await?;
    assert_eq!((unknown.status, unknown.code()), (403, "permission_denied"), "nobody has said: {unknown:?}");

    world.tell(&[many(5, &["invoice:write", "invoice:read"])]).await?;
    world.becomes(&first, 200).await?;
    let later = token(&world, 8).await?;
    assert_eq!(world.status(&later).await?, 200, "what held at 5 holds at 8, if nothing was said since");

    world.tell(&[many(9, &["invoice:write"])]).await?;
    world.becomes(&later, 401).await?;
    let reduced = token(&world, 9).await?;
    assert_eq!(world.status(&reduced).await?, 403);
    world.tell(&[Change::role(ACME, "many", 10, None)]).await?;
    world.becomes(&reduced, 401).await?;
    assert_eq!(world.status(&token(&world, 10).await?).await?, 403, "without a definition the old one stays");

    world.tell(&[many(11, &["invoice:read"])]).await?;
    world.tell(&[many(9, &["invoice:write"])]).await?;
    let restored = token(&world, 11).await?;
    world.becomes(&restored, 200).await?;
    world.tell(&[many(12, &[])]).await?;
    world.becomes(&restored, 401).await?;
    assert_eq!(world.status(&token(&world, 12).await?).await?, 403, "the role is gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_begins_anew_gets_definitions_whose_entries_have_expired() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    world.tell(&[many(5, &["invoice:read"])]).await?;
    let token = token(&world, 5).await?;
    world.becomes(&token, 200).await?;
    let expired = |conn: &mut DbConnection| {
        use diesel::prelude::*;
        diesel::delete(feed::table).execute(conn)
    };
    assert_eq!(world.cluster.auth_db.db.write(expired).await?, 1);
    world.validator = world.cluster.protected(&world.auth).await?;
    assert_eq!(world.status(&token).await?, 200);
    world.auth.kill().await?;
    world.auth = world.cluster.auth().await?;
    world.validator = world.cluster.protected(&world.auth).await?;
    assert_eq!(world.status(&token).await?, 200, "nor does the auth service forget them");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_definition_arrives_whole() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    let mut permissions: Vec<String> = (0..999).map(|n| format!("{}:{n}", "x".repeat(95))).collect();
    permissions.push("invoice:read".to_owned());
    let mut roles: Vec<Change> =
        (0..60).map(|n| Change::role(ACME, &n.to_string(), 5, Some(permissions.clone()))).collect();
    roles.push(Change::role(ACME, "many", 5, Some(permissions)));
    for some in roles.chunks(10) {
        world.tell(some).await?;
    }
    let token = token(&world, 5).await?;
    world.becomes(&token, 200).await?;
    world.validator = world.cluster.protected(&world.auth).await?;
    assert_eq!(world.status(&token).await?, 200, "also in a snapshot");
    Ok(())
}
