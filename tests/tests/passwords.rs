//! Logging in with passwords: Django's hashes, their replacement, and a full hashing queue.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::{num::NonZeroU32, sync::mpsc};

use aws_lc_rs::pbkdf2;
use base64::{Engine, engine::general_purpose::STANDARD};
use diesel::prelude::*;
use e2e::{PASSWORD, Server};
use serde_json::json;
use shared::{Clock, Timestamp};

/// `pbkdf2_sha256$rounds$salt$hash`, as Django stores it.
fn django(password: &str, rounds: u32) -> String {
    let mut hash = [0; 32];
    let rounds_nonzero = NonZeroU32::new(rounds).unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds_nonzero, b"salt1234", password.as_bytes(), &mut hash);
    format!("pbkdf2_sha256${rounds}$salt1234${}", STANDARD.encode(hash))
}

async fn stored(server: &Server, name: &'static str) -> (String, String) {
    use auth_service::schema::users;
    let read = move |conn: &mut shared::DbConnection| {
        users::table
            .filter(users::username.eq(name))
            .select((users::password, users::password_scheme))
            .first(conn)
    };
    server.stack.auth.db().read(read).await.unwrap()
}

async fn import(server: &Server, name: &'static str, encoded: String) {
    use auth_service::schema::users;
    server.user(name).await.unwrap();
    let write = move |conn: &mut shared::DbConnection| {
        diesel::update(users::table.filter(users::username.eq(name)))
            .set((users::password.eq(encoded), users::password_scheme.eq("pbkdf2_sha256$1000$$")))
            .execute(conn)
    };
    server.stack.auth.db().write(write).await.unwrap();
}

#[tokio::test]
async fn a_django_hash_logs_in_as_it_is_and_is_replaced_by_argon2id() {
    let server = Server::start().await.unwrap();
    import(&server, "ada", django(PASSWORD, 1000)).await;
    let wrong = json!({"username": "ada", "password": "wrong"});
    let refused = server.anonymous().post("/api/token/", &wrong).await.unwrap();
    assert_eq!(refused.status, 401);
    assert!(stored(&server, "ada").await.0.starts_with("pbkdf2_sha256$"), "a failed login replaces nothing");
    server.login("ada").await.unwrap();
    let (encoded, scheme) = stored(&server, "ada").await;
    assert!(encoded.starts_with("argon2$argon2id$v=19$m=19456,t=2,p=1$"), "{scheme}");
    assert!(encoded.starts_with(scheme.trim_end_matches("$$")), "{scheme} describes the stored hash");
    server.login("ada").await.unwrap();
    assert_eq!(stored(&server, "ada").await.0, encoded, "once is enough");
}

#[tokio::test]
async fn last_login_is_written_only_when_asked_for() {
    for (setting, expected) in [("false", None), ("true", Some("2026-11-23T14:40:48Z"))] {
        let clock = Clock::manual(Timestamp::from_secs(1_795_444_848));
        let server = Server::with(&[("AUTH_UPDATE_LAST_LOGIN", setting)], clock).await.unwrap();
        server.user("ada").await.unwrap();
        let me = server.login("ada").await.unwrap().get("/api/v1/user/me/").await.unwrap();
        assert_eq!(me.json["last_login"].as_str(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_hashing_queue_answers_503_at_once_and_recovers() {
    let settings = [("AUTH_HASH_THREADS", "1"), ("AUTH_HASH_QUEUE", "1")];
    let server = Server::with(&settings, Clock::System).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    // One job holds the thread and one the queue, until they are let go.
    let (started, wait_for_start) = mpsc::channel::<()>();
    let hold_one = || {
        let (release, hold) = mpsc::channel::<()>();
        let (auth, started) = (server.stack.auth.clone(), started.clone());
        let job = move || (started.send(()).unwrap(), hold.recv().unwrap());
        (release, tokio::spawn(async move { auth.hashing().run(job).await }))
    };
    let running = hold_one();
    wait_for_start.recv().unwrap();
    let queued = hold_one();
    while server.stack.auth.hashing().queued() < 1 {
        tokio::task::yield_now().await;
    }
    let body = json!({"username": "ada", "password": PASSWORD});
    let busy = server.anonymous().post("/api/v1/user/token/", &body).await.unwrap();
    assert_eq!((busy.status, busy.code()), (503, "unavailable"));
    assert_eq!(busy.header("retry-after"), "1");
    assert_eq!(ada.get("/api/v1/user/me/").await.unwrap().status, 200, "nothing else waits for hashing");
    for (release, job) in [running, queued] {
        release.send(()).unwrap();
        job.await.unwrap().unwrap();
    }
    server.login("ada").await.unwrap();
}

#[tokio::test]
async fn a_login_that_raced_a_password_change_gets_no_session() {
    let server = Server::start().await.unwrap();
    let user = server.user("ada").await.unwrap();
    let auth = &server.stack.auth;
    let another = shared::Secret::new("another-Pa55word".to_owned());
    auth.accounts().set_password(auth.hashing(), "ada", another).await.unwrap();
    // `user` is what the password was checked against, before the change.
    let policy = &auth.config().tokens;
    let begun = auth_service::login::begin(
        auth,
        &user,
        auth_service::session::Client::default(),
        policy.refresh_lifetime,
    )
    .await;
    assert!(matches!(begun, Err(auth_service::error::AuthError::Credentials { .. })), "{begun:?}");
}
