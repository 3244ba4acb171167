//! The end of a session, by cookie and by bearer.

use std::time::Duration;

use auth_service::store::sessions;
use e2e::Server;
use reqwest::Method;
use serde_json::{Value, json};
use shared::DbConnection;

use crate::browser::{
    Browser, LOGOUT, REFRESH, TOKEN_LOGOUT, check_forgery, claims, manual, server, set_cookies, shapes,
};

/// Why the session of a token ended.
async fn reason(server: &Server, token: &str) -> anyhow::Result<Option<String>> {
    let sid = claims(token)?.get("sid").and_then(Value::as_str).unwrap_or_default().parse()?;
    let id = sessions::SessionId::from_uuid(sid);
    let find = move |conn: &mut DbConnection| sessions::find(conn, id);
    let session = server.stack.auth.db().read(find).await?;
    Ok(session.and_then(|session| session.revoked_reason))
}

#[tokio::test]
async fn a_logout_ends_the_session_and_takes_every_cookie_back() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    for path in [LOGOUT, TOKEN_LOGOUT] {
        for page in [Browser::local(&server), Browser::secure(&server)] {
            let mut page = page;
            page.log_in().await?;
            let (mut stolen, token) = (page.clone(), page.value("refresh").unwrap_or_default().to_owned());
            let answer = page.poke(path).await?;
            assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
            assert_eq!(page.cookies.len(), 0, "{:?}", page.cookies);
            assert_eq!(reason(&server, &token).await?.as_deref(), Some("logged_out"));
            let refresh = stolen.poke(REFRESH).await?;
            assert_eq!((refresh.status, refresh.detail()), (401, "Token is blacklisted"));
            assert!(stolen.who().await?.is_null());
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_refresh_cookie_is_enough_when_the_access_cookie_has_expired() -> anyhow::Result<()> {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    clock.advance(Duration::from_secs(600));
    let token = page.value("refresh").unwrap_or_default().to_owned();
    let unproven = page.request(Method::POST, TOKEN_LOGOUT).header("Origin", &page.origin);
    check_forgery("no token", &page.actor.send(unproven).await?, "CSRF token missing.");
    assert_eq!(reason(&server, &token).await?, None);
    assert_eq!(page.poke(TOKEN_LOGOUT).await?.status, 200);
    assert_eq!(reason(&server, &token).await?.as_deref(), Some("logged_out"));
    assert_eq!(page.cookies.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_bearer_logs_out_without_proof() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let other = server.login("ada").await?;
    let bearer = server.login("ada").await?;
    let answer = bearer.send(bearer.request(Method::POST, LOGOUT)).await?;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    let refresh = bearer.refresh_with(bearer.refresh.as_deref().unwrap_or_default()).await?;
    assert_eq!((refresh.status, refresh.detail()), (401, "Token is blacklisted"));
    let verify = json!({"token": bearer.access});
    let verify = server.anonymous().post("/api/v1/user/token/verify/", &verify).await?;
    assert_eq!((verify.status, verify.detail()), (401, "Token is blacklisted"));
    let refresh = other.refresh_with(other.refresh.as_deref().unwrap_or_default()).await?;
    assert_eq!(refresh.status, 200, "the user's other session goes on");
    let garbage = bearer.bearing("garbage");
    assert_eq!(garbage.send(garbage.request(Method::POST, LOGOUT)).await?.code(), "token_not_valid");
    Ok(())
}

#[tokio::test]
async fn a_logout_without_a_session_takes_the_cookies_back_for_pages_of_ours() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    page.clone().poke(LOGOUT).await?;
    let stale = page.clone();
    page.cookies.insert("__Host-access".into(), ("garbage".into(), "/".into()));
    for mut page in [stale.clone(), page, Browser::secure(&server)] {
        for path in [LOGOUT, TOKEN_LOGOUT] {
            let foreign = page.request(Method::POST, path).header("Origin", "https://evil.example");
            let foreign = page.actor.send(foreign).await?;
            assert_eq!((foreign.status, set_cookies(&foreign).len()), (403, 0));
        }
        let answer = page.poke(LOGOUT).await?;
        assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
        assert_eq!((shapes(&answer).len(), page.cookies.len()), (3, 0));
    }
    Ok(())
}

#[tokio::test]
async fn prefixed_cookies_do_not_hide_plain_ones_on_ones_own_machine() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let port = server.base.rsplit(':').next().unwrap_or_default();
    let mut page = Browser::at(&server.base, &format!("https://127.0.0.1:{port}"));
    page.log_in().await?;
    page.origin = server.base.clone();
    page.log_in().await?;
    let names: Vec<_> = page.cookies.keys().map(String::as_str).collect();
    assert_eq!(names, ["access", "csrf", "refresh"]);
    assert!(page.who().await?.is_string());

    page.origin = format!("https://127.0.0.1:{port}");
    page.log_in().await?;
    page.origin = server.base.clone();
    assert_eq!(page.cookies.len(), 6);
    assert_eq!(page.poke(TOKEN_LOGOUT).await?.status, 200);
    assert_eq!(page.cookies.len(), 0);
    Ok(())
}
