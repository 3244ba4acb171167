//! What ends the access that a token was held for.

use std::time::Duration;

use e2e::PASSWORD;
use shared::Secret;

use crate::world::{WRONG, World, clock, refused};

const MINUTE: Duration = Duration::from_secs(60);
const OTHER: &str = "another-Pa55word";

async fn change_password(world: &World) -> anyhow::Result<()> {
    let auth = &world.server.stack.auth;
    let password = Secret::new(OTHER.to_owned());
    auth.accounts().set_password(auth.hashing(), "ada", password).await?;
    Ok(())
}

#[tokio::test]
async fn a_changed_password_opens_at_once_and_the_old_one_ends_with_its_token() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::start(&clock).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    change_password(&world).await?;
    assert_eq!(world.list("ada", OTHER).await?.status, 200);
    clock.advance(MINUTE);
    refused(&world.list("ada", PASSWORD).await?, WRONG);
    assert_eq!(world.list("ada", OTHER).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_deactivated_or_deleted_user_ends_with_the_token() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::start(&clock).await?;
    world.server.user("eve").await?;
    for name in ["ada", "eve"] {
        assert_eq!(world.list(name, PASSWORD).await?.status, 200);
    }
    world.server.stack.auth.accounts().set_active("ada", false).await?;
    world.server.stack.auth.accounts().delete("eve").await?;
    clock.advance(MINUTE);
    for name in ["ada", "eve"] {
        refused(&world.list(name, PASSWORD).await?, WRONG);
    }
    world.server.stack.auth.accounts().set_active("ada", true).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn every_session_of_basic_credentials_is_revoked_with_the_password() -> anyhow::Result<()> {
    use auth_service::schema::sessions;
    use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
    let clock = clock();
    let world = World::start(&clock).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    change_password(&world).await?;
    let live = |conn: &mut shared::DbConnection| {
        sessions::table.filter(sessions::revoked_at.is_null()).count().get_result::<i64>(conn)
    };
    assert_eq!(world.server.stack.auth.db().read(live).await?, 0);
    Ok(())
}

#[tokio::test]
async fn where_the_users_state_is_asked_for_access_ends_at_once() -> anyhow::Result<()> {
    let clock = clock();
    let revoke = [("AUTH_CHECK_REVOKE_TOKEN", "true")];
    let asking = [("AUTH_CHECK_REVOKE_TOKEN", "true"), ("ORG_USER_STATE", "ask")];
    let world = World::with(&revoke, &asking, [&clock, &clock]).await?;
    world.server.user("eve").await?;
    for name in ["ada", "eve"] {
        assert_eq!(world.list(name, PASSWORD).await?.status, 200);
    }
    change_password(&world).await?;
    world.server.stack.auth.accounts().set_active("eve", false).await?;
    for name in ["ada", "eve"] {
        refused(&world.list(name, PASSWORD).await?, WRONG);
    }
    assert_eq!(world.list("ada", OTHER).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_held_token_that_is_refused_is_exchanged_anew() -> anyhow::Result<()> {
    let auth = clock();
    let org = clock();
    org.advance(MINUTE / 2);
    let world = World::with(&[], &[], [&auth, &org]).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    // To the organization service, whose clock is ahead, the token ends early.
    for clock in [&auth, &org] {
        clock.advance(MINUTE / 2);
    }
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    assert_eq!(world.proxy.asked(), 2);
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    assert_eq!(world.proxy.asked(), 2);
    Ok(())
}
