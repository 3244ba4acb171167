//! `keys revoke`: every token under the key is refused at once, and the service goes on with the next.

use auth_service::{
    keyring::{KeyringError, Purpose, Revoked},
    store::sessions,
};
use e2e::Server;
use shared::DbConnection;

use crate::world::{
    AHEAD, PERIOD, World, access, announced, claims, command, kid, published, refresh, shown, step, verified,
};

async fn revoke(server: &Server, kid: &str) -> Result<Revoked, KeyringError> {
    let (kid, now) = (kid.to_owned(), server.clock().now());
    command(server, move |managed, conn| managed.revoke(conn, &kid, now)).await
}

#[tokio::test]
async fn revoking_the_signing_key_refuses_its_tokens_and_refresh_goes_on_under_the_next() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    assert_eq!(shown(&server, access(&ada)).await.status, 200);
    let old = kid(access(&ada));
    let done = revoke(&server, &old).await.unwrap();
    step(&server).await;
    let next = done.signing.unwrap();
    assert_eq!((done.purpose, done.sessions), (Purpose::Signing, 0));
    assert_eq!(announced(&server).await, [format!("key {old}")]);
    assert_eq!(published(&server).await, [next.as_str()]);
    for answer in [shown(&server, access(&ada)).await, verified(&server, access(&ada)).await] {
        assert_eq!((answer.status, answer.code()), (401, "token_not_valid"));
    }
    let answer = ada.refresh_with(refresh(&ada)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text_of("access").unwrap();
    assert_eq!(kid(&token), next);
    assert_eq!(shown(&server, &token).await.status, 200);
}

#[tokio::test]
async fn a_published_successor_takes_the_place_of_a_revoked_key_at_once() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    let [old, new] = <[String; 2]>::try_from(published(&server).await).unwrap();
    let done = revoke(&server, &old).await.unwrap();
    assert_eq!(done.signing.as_deref(), Some(new.as_str()), "validators know it already");
    step(&server).await;
    assert_eq!(kid(access(&server.login("ada").await.unwrap())), new);
    assert_eq!(published(&server).await, [new]);
}

#[tokio::test]
async fn revoking_a_retired_or_published_key_leaves_the_one_that_signs() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let old = server.login("ada").await.unwrap();
    world.wait(PERIOD - AHEAD);
    step(&server).await;
    let published_key = published(&server).await.pop().unwrap();
    let done = revoke(&server, &published_key).await.unwrap();
    assert_eq!(done.signing, Some(kid(access(&old))));
    step(&server).await;
    let successor = published(&server).await.pop().unwrap();
    assert_ne!(successor, published_key, "the schedule is due, so another one is published");
    world.wait(AHEAD);
    step(&server).await;
    let current = server.login("ada").await.unwrap();
    let done = revoke(&server, &kid(access(&old))).await.unwrap();
    assert_eq!(done.signing, Some(successor.clone()));
    step(&server).await;
    assert_eq!((kid(access(&current)), published(&server).await), (successor.clone(), vec![successor]));
    assert_eq!(shown(&server, access(&current)).await.status, 200);
}

#[tokio::test]
async fn revoking_a_refresh_key_ends_the_sessions_it_served_and_no_other() {
    let world = World::new();
    let server = world.replica().await;
    server.user("ada").await.unwrap();
    let (one, two) = (server.login("ada").await.unwrap(), server.login("ada").await.unwrap());
    let moved_on = server.login("ada").await.unwrap();
    let old = kid(refresh(&one));
    let now = world.clock.now();
    command(&server, move |managed, conn| managed.rotate(conn, Purpose::Refresh, true, now)).await.unwrap();
    step(&server).await;
    let other = server.login("ada").await.unwrap();
    let answer = moved_on.refresh_with(refresh(&moved_on)).await.unwrap();
    let moved_on_to = answer.text_of("refresh").unwrap();
    assert_ne!(kid(&moved_on_to), old);

    let done = revoke(&server, &old).await.unwrap();
    step(&server).await;
    assert_eq!((done.purpose, done.sessions), (Purpose::Refresh, 2));
    let sid = |token: &str| claims(token)["sid"].as_str().unwrap().to_owned();
    let mut entries = announced(&server).await;
    entries.sort();
    let mut expected = vec![format!("key {old}")];
    expected.extend([&one, &two].map(|actor| format!("session {}", sid(access(actor)))));
    expected.sort();
    assert_eq!(entries, expected);
    for ended in [&one, &two] {
        assert_eq!(ended.refresh_with(refresh(ended)).await.unwrap().status, 401);
        assert_eq!(shown(&server, access(ended)).await.status, 401);
        let id = sessions::SessionId::from_uuid(sid(access(ended)).parse().unwrap());
        let find = move |conn: &mut DbConnection| sessions::find(conn, id);
        let row = server.stack.auth.db().read(find).await.unwrap().unwrap();
        assert_eq!(row.revoked_reason.as_deref(), Some("key_revoked"));
    }
    for (live, token) in [(&other, refresh(&other)), (&moved_on, &moved_on_to)] {
        assert_eq!(live.refresh_with(token).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn with_rotation_that_keeps_the_old_token_the_latest_key_counts() {
    let world = World::new();
    let server = world.replica_with(&[("AUTH_BLACKLIST_AFTER_ROTATION", "false")]).await;
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let now = world.clock.now();
    let rotate = command(&server, move |managed, conn| managed.rotate(conn, Purpose::Refresh, true, now));
    let next = rotate.await.unwrap().kid;
    step(&server).await;
    let answer = ada.refresh_with(refresh(&ada)).await.unwrap();
    assert_eq!(kid(&answer.text_of("refresh").unwrap()), next);
    assert_eq!(revoke(&server, &next).await.unwrap().sessions, 1);
    step(&server).await;
    assert_eq!(ada.refresh_with(refresh(&ada)).await.unwrap().status, 401, "the whole session has ended");
}

#[tokio::test]
async fn a_key_is_revoked_once_and_only_if_there_is_one() {
    let world = World::new();
    let server = world.replica().await;
    let old = published(&server).await.pop().unwrap();
    revoke(&server, &old).await.unwrap();
    let again = revoke(&server, &old).await.unwrap_err();
    assert!(matches!(again, KeyringError::RevokedBefore(_)), "{again}");
    let unknown = revoke(&server, "nobody").await.unwrap_err();
    assert!(matches!(unknown, KeyringError::Unknown(_)), "{unknown}");
    assert_eq!(announced(&server).await, [format!("key {old}")], "a refusal announces nothing");
    assert_eq!(world.stored(&server, Purpose::Signing).await.len(), 2);
}
