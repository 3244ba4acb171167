//! Sessions that began on the original go on here, under its signing key.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::time::Duration;

use e2e::{Actor, Server};
use serde_json::{Map, Value, json};
use shared::{
    Clock, Timestamp,
    keys::{Alg, SigningKey},
};

const SECRET: &str = "a-secret-of-the-original-0123456789abcdef";
const NOW: i64 = 1_795_444_848;

fn minted_by_the_original(changes: Value) -> String {
    let mut claims = json!({
        "token_type": "refresh", "exp": NOW + 86_400, "iat": NOW - 60,
        "jti": "0123456789abcdef0123456789abcdef", "user_id": "7", "theme": "dark",
    });
    let claims: &mut Map<_, _> = claims.as_object_mut().unwrap();
    if let Value::Object(changes) = changes {
        claims.extend(changes);
    }
    SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None).unwrap().sign(claims).unwrap()
}

/// A server under the original's key, with its user 7.
async fn moved(extra: &[(&str, &str)]) -> (Server, Clock, Actor) {
    let clock = Clock::manual(Timestamp::from_secs(NOW));
    let base = [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", SECRET), ("AUTH_ISSUER", "none")];
    let server = Server::with(&[&base, extra].concat(), clock.clone()).await.unwrap();
    let user = server.user("ada").await.unwrap();
    let import = move |conn: &mut shared::DbConnection| {
        use auth_service::schema::users;
        use diesel::prelude::*;
        diesel::update(users::table.find(user.id)).set(users::subject.eq("7")).execute(conn)
    };
    server.stack.auth.db().write(import).await.unwrap();
    let anonymous = server.anonymous();
    (server, clock, anonymous)
}

#[tokio::test]
async fn a_foreign_refresh_token_is_adopted_and_then_rotates_like_ours() {
    let (_server, clock, client) = moved(&[]).await;
    let foreign = minted_by_the_original(json!({}));
    let first = client.refresh_with(&foreign).await.unwrap();
    assert_eq!(first.status, 200, "{first:?}");
    let retry = client.refresh_with(&foreign).await.unwrap();
    assert_eq!(retry.text, first.text, "the grace window covers the adoption too");
    let second = client.refresh_with(&first.text_of("refresh").unwrap()).await.unwrap();
    assert_eq!(second.status, 200);
    clock.advance(Duration::from_secs(11));
    assert_eq!(client.refresh_with(&foreign).await.unwrap().detail(), "Token is blacklisted");
    let last = client.refresh_with(&second.text_of("refresh").unwrap()).await.unwrap();
    assert_eq!(last.detail(), "Token is blacklisted", "reuse of the adopted token ended the session");
}

#[tokio::test]
async fn reserved_claims_of_a_foreign_token_are_not_believed() {
    let (_server, _, client) = moved(&[]).await;
    let forged = minted_by_the_original(
        json!({"is_superuser": true, "org_id": "x", "permissions": ["*"], "mv": 9, "csrf": "x"}),
    );
    let answer = client.refresh_with(&forged).await.unwrap();
    let access = answer.text_of("access").unwrap();
    let payload = access.split('.').nth(1).unwrap();
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    for reserved in ["is_superuser", "org_id", "permissions", "mv", "csrf"] {
        assert!(claims.get(reserved).is_none(), "{reserved} in {claims}");
    }
    assert_eq!(claims["theme"], "dark", "other claims are copied");
}

#[tokio::test]
async fn a_logout_with_a_foreign_access_token_ends_that_token() {
    let (_server, _, client) = moved(&[]).await;
    let foreign = |jti: &str| {
        client.bearing(&minted_by_the_original(json!({"token_type": "access", "jti": jti, "csrf": "x"})))
    };
    let (leaving, staying) = (foreign("leaving"), foreign("staying"));
    let me = "/api/v1/user/me/";
    assert_eq!(leaving.get(me).await.unwrap().status, 200);
    let answer = leaving.post("/api/v1/user/logout/", &json!({})).await.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    let refused = leaving.get(me).await.unwrap();
    assert_eq!(
        (refused.status, &refused.json["messages"][0]["message"]),
        (401, &json!("Token is blacklisted"))
    );
    assert_eq!(staying.get(me).await.unwrap().status, 200);
}

#[tokio::test]
async fn with_rotation_off_a_foreign_token_is_accepted_until_it_is_blacklisted() {
    let (_server, _, client) = moved(&[("AUTH_ROTATE_REFRESH_TOKENS", "false")]).await;
    let foreign = minted_by_the_original(json!({}));
    for _ in 0..2 {
        assert_eq!(client.refresh_with(&foreign).await.unwrap().status, 200);
    }
    let body = json!({ "refresh": foreign });
    assert_eq!(client.post("/api/token/blacklist/", &body).await.unwrap().status, 200);
    assert_eq!(client.refresh_with(&foreign).await.unwrap().detail(), "Token is blacklisted");
    assert_eq!(client.post("/api/token/blacklist/", &body).await.unwrap().detail(), "Token is blacklisted");
}

#[tokio::test]
async fn a_password_change_calls_in_foreign_tokens_issued_before_it() {
    let (server, clock, client) = moved(&[]).await;
    let auth = &server.stack.auth;
    let password = shared::Secret::new("another-Pa55word".to_owned());
    auth.accounts().set_password(auth.hashing(), "ada", password).await.unwrap();
    let foreign = minted_by_the_original(json!({}));
    assert_eq!(client.refresh_with(&foreign).await.unwrap().detail(), "Token is blacklisted");
    let verify = client.post("/api/token/verify/", &json!({"token": foreign})).await.unwrap();
    assert_eq!((verify.status, verify.detail()), (401, "Token is blacklisted"));
    clock.advance(Duration::from_secs(60));
    let later = minted_by_the_original(json!({"iat": NOW + 30, "jti": "later"}));
    assert_eq!(client.refresh_with(&later).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_foreign_token_of_nobody_or_of_an_inactive_user_is_refused() {
    let (server, _, client) = moved(&[]).await;
    for user_id in [json!("8"), json!(""), json!(null), json!([7])] {
        let foreign = minted_by_the_original(json!({"user_id": user_id}));
        assert_eq!(client.refresh_with(&foreign).await.unwrap().status, 401, "{user_id}");
    }
    server.stack.auth.accounts().set_active("ada", false).await.unwrap();
    let answer = client.refresh_with(&minted_by_the_original(json!({}))).await.unwrap();
    assert_eq!(answer.detail(), "No active account found for the given token.");
}

#[tokio::test]
async fn under_managed_keys_foreign_tokens_are_refused() {
    let server = Server::with(&[], Clock::manual(Timestamp::from_secs(NOW))).await.unwrap();
    let foreign = minted_by_the_original(json!({}));
    let answer = server.anonymous().refresh_with(&foreign).await.unwrap();
    assert_eq!((answer.status, answer.detail()), (401, "Token is invalid"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_first_refreshes_of_a_foreign_token_share_one_step() {
    let (_server, _, client) = moved(&[]).await;
    for round in 0..10 {
        let foreign = minted_by_the_original(json!({"jti": format!("round-{round}")}));
        assert_eq!(client.refresh_at_once(&foreign, 4).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_foreign_sliding_token_is_adopted_and_goes_on_sliding() {
    let (server, clock, client) = moved(&[]).await;
    let mut token = minted_by_the_original(json!({
        "token_type": "sliding", "exp": NOW + 300, "refresh_exp": NOW + 86_400,
    }));
    for _ in 0..3 {
        clock.advance(Duration::from_secs(200));
        let answer = client.post("/api/token/sliding/refresh/", &json!({ "token": token })).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        token = answer.text_of("token").unwrap();
    }
    server.stack.auth.accounts().set_active("ada", false).await.unwrap();
    let answer = client.post("/api/token/sliding/refresh/", &json!({ "token": token })).await.unwrap();
    assert_eq!((answer.status, answer.detail()), (401, "No active account found for the given token."));
}

#[tokio::test]
async fn flushing_does_not_revive_a_spent_foreign_token() {
    let (server, clock, client) = moved(&[]).await;
    let week = minted_by_the_original(json!({"exp": NOW + 7 * 86_400}));
    let body = json!({ "refresh": week });
    assert_eq!(client.refresh_with(&week).await.unwrap().status, 200);
    assert_eq!(client.post("/api/token/blacklist/", &body).await.unwrap().status, 200);
    clock.advance(Duration::from_secs(2 * 86_400));
    let now = clock.now();
    let purge = move |conn: &mut shared::DbConnection| auth_service::store::sessions::purge(conn, now, 100);
    server.stack.auth.db().write(purge).await.unwrap();
    assert_eq!(client.refresh_with(&week).await.unwrap().detail(), "Token is blacklisted");
}

#[tokio::test]
async fn leeway_counts_for_the_session_too() {
    let (_server, clock, client) = moved(&[("AUTH_LEEWAY", "30")]).await;
    let late = minted_by_the_original(json!({"exp": NOW + 100}));
    clock.advance(Duration::from_secs(120));
    assert_eq!(client.refresh_with(&late).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_a_foreign_token_calls_gen_is_not_believed() {
    let (_server, _, client) = moved(&[]).await;
    for (jti, generation) in [("a", json!(5)), ("b", json!(i64::MAX)), ("c", json!("x")), ("d", json!(-1))] {
        let foreign = minted_by_the_original(json!({"jti": jti, "gen": generation}));
        let answer = client.refresh_with(&foreign).await.unwrap();
        assert_eq!(answer.status, 200, "{generation}");
    }
}
