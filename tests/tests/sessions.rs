//! Refresh families under settings and clocks of their own; what the default settings do is told in
//! `stories/`.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{Actor, Answer, Server};
use serde_json::{Value, json};
use shared::{Clock, Timestamp};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn manual() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_444_848))
}

async fn rotated(server: &Server) -> (Actor, String, Answer) {
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let first = ada.refresh.clone().unwrap();
    let answer = ada.refresh_with(&first).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    (ada, first, answer)
}

fn refused(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.detail(), answer.code()),
        (401, "Token is blacklisted", "token_not_valid")
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
}

#[tokio::test]
async fn a_retry_within_the_grace_window_gets_the_same_bytes() {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await.unwrap();
    let (ada, first, answer) = rotated(&server).await;
    clock.advance(Duration::from_secs(10));
    let again = ada.refresh_with(&first).await.unwrap();
    assert_eq!((again.status, &again.text), (200, &answer.text));
}

#[tokio::test]
async fn a_reused_refresh_token_ends_the_session() {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await.unwrap();
    let (ada, first, answer) = rotated(&server).await;
    clock.advance(Duration::from_secs(11));
    refused(&ada.refresh_with(&first).await.unwrap());
    refused(&ada.refresh_with(&answer.text_of("refresh").unwrap()).await.unwrap());
}

#[tokio::test]
async fn without_a_grace_window_a_retry_is_reuse() {
    let server = Server::with(&[("AUTH_REFRESH_GRACE", "0")], manual()).await.unwrap();
    let (ada, first, _) = rotated(&server).await;
    refused(&ada.refresh_with(&first).await.unwrap());
}

#[tokio::test]
async fn a_session_has_an_absolute_limit_however_often_it_is_refreshed() {
    let clock = manual();
    let settings = [("AUTH_SESSION_LIFETIME", "100s"), ("AUTH_REFRESH_TOKEN_LIFETIME", "60s")];
    let server = Server::with(&settings, clock.clone()).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    clock.advance(Duration::from_secs(50));
    let answer = ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap();
    let second = answer.text_of("refresh").unwrap();
    assert_eq!(claims(&second)["exp"], claims(&second)["iat"].as_i64().unwrap() + 50);
    clock.advance(Duration::from_secs(50));
    let answer = ada.refresh_with(&second).await.unwrap();
    assert_eq!((answer.status, answer.detail()), (401, "Token is expired"));
}

#[tokio::test]
async fn with_rotation_off_a_refresh_writes_nothing_and_repeats() {
    let clock = manual();
    let server = Server::with(&[("AUTH_ROTATE_REFRESH_TOKENS", "false")], clock.clone()).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(60));
        let answer = ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json.as_object().unwrap().keys().collect::<Vec<_>>(), ["access"]);
    }
}

#[tokio::test]
async fn rotation_that_keeps_the_old_token_mints_from_any_live_ancestor() {
    let clock = manual();
    let server = Server::with(&[("AUTH_BLACKLIST_AFTER_ROTATION", "false")], clock.clone()).await.unwrap();
    let (ada, first, answer) = rotated(&server).await;
    clock.advance(Duration::from_secs(3600));
    let again = ada.refresh_with(&first).await.unwrap();
    assert_eq!(again.status, 200);
    assert_ne!(again.text_of("refresh").unwrap(), answer.text_of("refresh").unwrap());
    let body = json!({"refresh": first});
    assert_eq!(ada.post("/api/v1/user/token/blacklist/", &body).await.unwrap().status, 200);
    refused(&ada.refresh_with(&again.text_of("refresh").unwrap()).await.unwrap());
}

#[tokio::test]
async fn a_purged_session_stays_refused() {
    let clock = manual();
    let server = Server::with(&[("AUTH_SESSION_LIFETIME", "60s")], clock.clone()).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let before = clock.now();
    clock.advance(Duration::from_secs(61));
    let now = clock.now();
    let purge = move |conn: &mut shared::DbConnection| auth_service::store::sessions::purge(conn, now, 100);
    assert_eq!(server.stack.auth.db().write(purge).await.unwrap(), 1);
    assert!(before < now);
    let answer = ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap();
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn an_access_token_outlives_a_session_that_ran_out_but_not_one_that_was_ended() {
    let clock = manual();
    let server = Server::with(&[("AUTH_SESSION_LIFETIME", "60s")], clock.clone()).await.unwrap();
    server.user("ada").await.unwrap();
    let (ended, ran_out) = (server.login("ada").await.unwrap(), server.login("ada").await.unwrap());
    let body = json!({"refresh": ended.refresh});
    assert_eq!(ended.post("/api/v1/user/token/blacklist/", &body).await.unwrap().status, 200);
    clock.advance(Duration::from_secs(61));
    let verify = |actor: Actor| async move {
        actor.post("/api/v1/user/token/verify/", &json!({"token": actor.access})).await.unwrap()
    };
    assert_eq!(verify(ran_out).await.status, 200);
    refused(&verify(ended).await);
}
