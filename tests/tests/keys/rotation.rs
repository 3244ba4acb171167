//! One key after the other: what is published, what signs, and what is still accepted at each step.

use std::time::Duration;

use auth_service::keyring::Purpose;
use serde_json::json;

use crate::world::{
    AHEAD, PERIOD, REFRESH, World, access, claims, kid, published, refresh, shown, step, verified,
};

#[tokio::test]
async fn a_signing_key_is_published_then_signs_then_verifies_and_is_gone() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let first = kid(access(&server.login("ada").await.unwrap()));
    assert_eq!(published(&server).await, [first.as_str()]);

    world.wait(PERIOD - AHEAD - 1);
    step(&server).await;
    assert_eq!(published(&server).await, [first.as_str()], "not a second too early");
    world.wait(1);
    step(&server).await;
    let [old, new] = <[String; 2]>::try_from(published(&server).await).unwrap();
    assert_eq!(old, first);
    assert_eq!(kid(access(&server.login("ada").await.unwrap())), old, "published, and does not sign yet");

    world.wait(AHEAD - 1);
    let last = server.login("ada").await.unwrap();
    assert_eq!(kid(access(&last)), old);
    world.wait(1);
    // No step has been taken: the time alone decides who signs.
    let next = server.login("ada").await.unwrap();
    assert_eq!(kid(access(&next)), new);
    step(&server).await;
    assert_eq!(published(&server).await, [old.as_str(), new.as_str()]);
    for token in [access(&last), access(&next)] {
        assert_eq!(shown(&server, token).await.status, 200);
    }

    let left = world.promised(&server).await;
    world.wait(left - 1);
    step(&server).await;
    assert_eq!(published(&server).await, [old.as_str(), new.as_str()], "to the last second");
    world.wait(1);
    step(&server).await;
    assert_eq!(published(&server).await, [new.as_str()]);
    let left = world.stored(&server, Purpose::Signing).await;
    assert_eq!(left.iter().map(|row| row.kid.as_str()).collect::<Vec<_>>(), [new.as_str()], "deleted");
}

#[tokio::test]
async fn a_token_is_accepted_to_its_end_whichever_key_signed_it() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    world.wait(AHEAD - 1);
    let last = server.login("ada").await.unwrap();
    for _ in 0..299 {
        world.wait(1);
        step(&server).await;
        assert_eq!(shown(&server, access(&last)).await.status, 200);
    }
    world.wait(1);
    assert_eq!(shown(&server, access(&last)).await.status, 401, "expired");
}

/// What nobody can get from the service: a token that outlives the promise of its key.
#[tokio::test]
async fn a_key_verifies_as_long_as_promised_and_no_longer() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let far = world.clock.now().after(Duration::from_secs(30 * PERIOD)).as_secs();
    let keyring = server.stack.auth.keyring();
    let endless = |purpose, token: &str| {
        let mut claims = claims(token);
        claims.insert("exp".into(), json!(far));
        keyring.signer(purpose, None).unwrap().sign(&claims).unwrap()
    };
    let of_access = endless(Purpose::Signing, access(&ada));
    let of_refresh = endless(Purpose::Refresh, refresh(&ada));
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    world.wait(AHEAD);
    step(&server).await;

    let left = world.promised(&server).await;
    world.wait(left - 1);
    step(&server).await;
    assert_eq!(shown(&server, &of_access).await.status, 200);
    world.wait(1);
    step(&server).await;
    assert_eq!(shown(&server, &of_access).await.status, 401, "its key is gone");

    world.wait(REFRESH - left - 1);
    step(&server).await;
    let kids = |rows: Vec<auth_service::store::keys::StoredKey>| -> Vec<String> {
        rows.into_iter().map(|row| row.kid).collect()
    };
    assert!(kids(world.stored(&server, Purpose::Refresh).await).contains(&kid(&of_refresh)));
    let known = || matches!(&**keyring.refresh().load(), shared::keys::KeySet::Published(keys) if keys.contains_key(&kid(&of_refresh)));
    assert!(known(), "to the last second");
    world.wait(1);
    step(&server).await;
    assert!(!known(), "gone");
    assert_eq!(verified(&server, &of_refresh).await.status, 401);
}

#[tokio::test]
async fn refresh_keys_rotate_the_same_way_and_are_never_published() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    world.wait(AHEAD - 1);
    let ada = server.login("ada").await.unwrap();
    let old = kid(refresh(&ada));
    world.wait(3590);
    step(&server).await;
    let answer = ada.refresh_with(refresh(&ada)).await.unwrap();
    assert_eq!(answer.status, 200, "a retired refresh key verifies for a refresh lifetime: {answer:?}");
    let successor = answer.text_of("refresh").unwrap();
    assert_ne!(kid(&successor), old);
    assert_eq!(ada.refresh_with(&successor).await.unwrap().status, 200);
    let secret: Vec<String> =
        world.stored(&server, Purpose::Refresh).await.into_iter().map(|row| row.kid).collect();
    assert_eq!(secret.len(), 2);
    assert!(published(&server).await.iter().all(|kid| !secret.contains(kid)));
}

#[tokio::test]
async fn a_retry_across_a_rotation_gets_the_same_bytes_under_the_old_keys() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    world.wait(AHEAD - 2);
    let ada = server.login("ada").await.unwrap();
    world.wait(1);
    let answer = ada.refresh_with(refresh(&ada)).await.unwrap();
    world.wait(1);
    let before_step = ada.refresh_with(refresh(&ada)).await.unwrap();
    assert_eq!((before_step.status, &before_step.text), (200, &answer.text));
    step(&server).await;
    let now_retired = ada.refresh_with(refresh(&ada)).await.unwrap();
    assert_eq!((now_retired.status, &now_retired.text), (200, &answer.text));
    assert_ne!(kid(access(&server.login("ada").await.unwrap())), kid(&answer.text_of("access").unwrap()));
}

#[tokio::test]
async fn a_service_that_slept_past_its_schedule_publishes_ahead_all_the_same() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let old = kid(access(&server.login("ada").await.unwrap()));
    drop(server);
    world.wait(PERIOD * 400);
    let server = world.replica().await;
    assert_eq!(published(&server).await.len(), 2);
    assert_eq!(kid(access(&server.login("ada").await.unwrap())), old);
    world.wait(AHEAD);
    assert_ne!(kid(access(&server.login("ada").await.unwrap())), old);
}

#[tokio::test]
async fn without_a_period_keys_stay_until_somebody_rotates_them() {
    let world = World::new();
    let server = world.replica_with(&[("AUTH_KEY_ROTATION", "none")]).await;
    world.wait(PERIOD * 1000);
    assert_eq!(step(&server).await, None, "nothing will ever be due");
    assert_eq!(published(&server).await.len(), 1);
    let now = world.clock.now();
    let rotate = crate::world::command(&server, move |managed, conn| {
        managed.rotate(conn, Purpose::Signing, false, now)
    });
    let rotated = rotate.await.unwrap();
    assert_eq!(rotated.signs_from, now.after(Duration::from_secs(AHEAD)));
    step(&server).await;
    assert_eq!(published(&server).await.len(), 2);
    world.wait(AHEAD);
    step(&server).await;
    world.wait(world.promised(&server).await);
    step(&server).await;
    assert_eq!(published(&server).await, [rotated.kid]);
}
