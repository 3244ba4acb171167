//! Another `AUTH_ALGORITHM`, another encryption key: what a start does to keys that are there.

use auth_service::{
    keyring::{Managed, Purpose},
    sealing::SealingKeys,
};
use e2e::Server;

use crate::world::{World, access, kid, published, refresh, shown, step};

const ES256: &[(&str, &str)] = &[("AUTH_ALGORITHM", "ES256")];

#[tokio::test]
async fn a_changed_algorithm_signs_from_the_start_and_the_old_tokens_live_on() {
    let world = World::new();
    let before = world.replica().await;
    before.user("ada").await.unwrap();
    let old = before.login("ada").await.unwrap();
    drop(before);
    world.wait(1);
    let after = world.replica_with(ES256).await;
    let new = after.login("ada").await.unwrap();
    let rows = world.stored(&after, Purpose::Signing).await;
    let algorithms: Vec<&str> = rows.iter().map(|row| row.algorithm.as_str()).collect();
    assert_eq!(algorithms, ["EdDSA", "ES256"]);
    assert_eq!(kid(access(&new)), rows[1].kid);
    for token in [access(&old), access(&new)] {
        assert_eq!(shown(&after, token).await.status, 200);
    }
    assert_eq!(after.anonymous().refresh_with(refresh(&old)).await.unwrap().status, 200);
    world.wait(world.promised(&after).await);
    step(&after).await;
    assert_eq!(published(&after).await, [kid(access(&new))]);
}

#[tokio::test]
async fn replicas_of_two_algorithms_do_not_retire_each_others_keys() {
    let world = World::new();
    let old = world.replica().await;
    old.user("ada").await.unwrap();
    let new = world.replica_with(ES256).await;
    for _ in 0..3 {
        step(&old).await;
        step(&new).await;
    }
    assert_eq!(world.stored(&old, Purpose::Signing).await.len(), 2);
    let (by_old, by_new) = (old.login("ada").await.unwrap(), new.login("ada").await.unwrap());
    assert_eq!(kid(access(&by_old)), kid(access(&by_new)), "the newest key signs on both");
    for server in [&old, &new] {
        assert_eq!(shown(server, access(&by_old)).await.status, 200);
    }
}

/// A server on the world's database that seals with these keys.
async fn sealed_by(world: &World, keys: &str) -> anyhow::Result<Server> {
    let url = world.database.url.secret_text();
    let settings = [("AUTH_DATABASE_URL", url.as_str()), ("AUTH_KEY_ENCRYPTION_KEY", keys)];
    Server::with(&settings, world.clock.clone()).await
}

#[tokio::test]
async fn the_encryption_key_changes_without_losing_a_key() {
    let world = World::new();
    let (old, new) = (SealingKeys::generate(), SealingKeys::generate());
    let first = published(&sealed_by(&world, &old).await.unwrap()).await;
    let both = sealed_by(&world, &format!("{new},{old}")).await.unwrap();
    assert_eq!(published(&both).await, first);
    assert!(sealed_by(&world, &new).await.is_err(), "nothing is sealed under the new one yet");

    let auth = &both.stack.auth;
    let now = world.clock.now();
    let managed = Managed::of(auth.config()).unwrap();
    let reseal = || managed.change(auth.db(), move |managed, conn| managed.reseal(conn, now));
    assert_eq!(reseal().await.unwrap().len(), 2);
    assert!(reseal().await.unwrap().is_empty(), "nothing is left to do");
    assert!(sealed_by(&world, &old).await.is_err(), "the old one opens nothing any more");
    assert_eq!(published(&sealed_by(&world, &new).await.unwrap()).await, first);
}

#[tokio::test]
async fn a_key_that_cannot_be_opened_does_not_keep_a_revoked_one_alive() {
    let world = World::new();
    let (ours, theirs) = (SealingKeys::generate(), SealingKeys::generate());
    let server = sealed_by(&world, &ours).await.unwrap();
    let other = sealed_by(&world, &format!("{theirs},{ours}")).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let (old, now) = (kid(access(&ada)), world.clock.now());
    let auth = &other.stack.auth;
    let managed = Managed::of(auth.config()).unwrap();
    managed.change(auth.db(), move |managed, conn| managed.revoke(conn, &old, now)).await.unwrap();
    // The next key is sealed under what this server does not have.
    step(&server).await;
    assert_eq!(shown(&server, access(&ada)).await.status, 401);
    assert!(published(&server).await.is_empty());
    let body = serde_json::json!({"username": "ada", "password": e2e::PASSWORD});
    let login = server.anonymous().post("/api/v1/user/token/", &body).await.unwrap();
    assert_eq!(login.status, 500, "no token is better than one that nobody verifies");
}
