//! What exactly is set, under which names, and where.

use std::time::Duration;

use e2e::PASSWORD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{
    Browser, LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSION, claims, manual, server, set_cookies, shapes,
};

#[tokio::test]
async fn over_https_names_have_prefixes_and_cookies_exactly_these_attributes() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    let form = page.get(SESSION).await?;
    assert_eq!(shapes(&form), ["__Host-csrf=*; Max-Age=2592000; Path=/; SameSite=Lax; Secure"]);
    assert_eq!(form.json, json!({"user_id": null, "access_expires_at": null}));
    let login = page.post(SESSION, &json!({"username": "ada", "password": PASSWORD})).await?;
    assert_eq!(
        shapes(&login),
        [
            "__Host-access=*; Max-Age=300; Path=/; SameSite=Lax; HttpOnly; Secure",
            "__Secure-refresh=*; Max-Age=86400; Path=/api/v1/user/token/; SameSite=Strict; HttpOnly; Secure",
            "__Host-csrf=*; Max-Age=2592000; Path=/; SameSite=Lax; Secure",
        ]
    );
    let logout = page.poke(LOGOUT).await?;
    assert_eq!(
        shapes(&logout),
        [
            "__Host-access=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly; Secure",
            "__Secure-refresh=; Max-Age=0; Path=/api/v1/user/token/; SameSite=Strict; HttpOnly; Secure",
            "__Host-csrf=; Max-Age=0; Path=/; SameSite=Lax; Secure",
        ]
    );
    for answer in [&form, &login, &logout] {
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(form.header("vary"), "Cookie");
    Ok(())
}

#[tokio::test]
async fn over_plain_http_on_ones_own_machine_names_are_plain() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let port = server.base.rsplit(':').next().unwrap_or_default();
    for host in ["127.0.0.1", "localhost", "app.localhost", "[::1]"] {
        let mut page = Browser::at(&server.base, &format!("http://{host}:{port}"));
        let login = page.log_in().await?;
        assert_eq!(
            shapes(&login),
            [
                "access=*; Max-Age=300; Path=/; SameSite=Lax; HttpOnly",
                "refresh=*; Max-Age=86400; Path=/api/v1/user/token/; SameSite=Strict; HttpOnly",
                "csrf=*; Max-Age=2592000; Path=/; SameSite=Lax",
            ],
            "{host}"
        );
        assert_eq!(page.get(ME).await?.json["username"], "ada", "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn over_plain_http_to_any_other_host_there_are_no_sessions() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut good = Browser::secure(&server);
    good.log_in().await?;
    for origin in ["http://app.example", "http://10.0.0.7:8000", "http://127.0.0.1.example"] {
        let mut page = Browser { origin: origin.to_owned(), ..good.clone() };
        let login = page.post(SESSION, &json!({"username": "ada", "password": PASSWORD})).await?;
        let form = page.get(SESSION).await?;
        let refresh = page.poke(REFRESH).await?;
        for answer in [login, form, refresh] {
            assert_eq!((answer.status, answer.code()), (403, "insecure_transport"), "{origin}");
            assert!(answer.detail().starts_with("Session cookies need HTTPS."), "{}", answer.detail());
            assert!(set_cookies(&answer).is_empty());
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_body_of_a_login_says_what_a_page_needs_and_no_token() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    let login = page.log_in().await?;
    let me = page.get(ME).await?;
    let expected = json!({
        "user_id": me.json["id"], "access_expires_at": "2026-11-23T14:45:48Z",
        "refresh_expires_at": "2026-11-24T14:40:48Z",
    });
    assert_eq!(login.json, expected);
    let shown = page.get(SESSION).await?.json;
    assert_eq!(shown, json!({"user_id": me.json["id"], "access_expires_at": "2026-11-23T14:45:48Z"}));
    Ok(())
}

#[tokio::test]
async fn both_tokens_are_bound_to_the_csrf_cookie_and_tokens_of_the_header_mode_are_not() -> anyhow::Result<()>
{
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let csrf = page.csrf().unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, csrf.as_bytes());
    for name in ["access", "refresh"] {
        let claims = claims(page.value(name).unwrap_or_default())?;
        assert_eq!(claims["csrf"], URL_SAFE_NO_PAD.encode(digest), "{name}");
    }
    let bearer = server.login("ada").await?;
    for token in [bearer.access, bearer.refresh] {
        assert_eq!(claims(&token.unwrap_or_default())?.get("csrf"), None);
    }
    Ok(())
}

#[tokio::test]
async fn a_login_changes_the_csrf_cookie_and_looking_does_not() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.get(SESSION).await?;
    let first = page.csrf().map(str::to_owned);
    page.get(SESSION).await?;
    assert_eq!(page.csrf(), first.as_deref());
    page.log_in().await?;
    let second = page.csrf().map(str::to_owned);
    assert_ne!(second, first);
    page.get(SESSION).await?;
    assert_eq!(page.csrf(), second.as_deref());
    page.cookies.insert("__Host-csrf".into(), ("planted".into(), "/".into()));
    page.get(SESSION).await?;
    assert_eq!(page.csrf().map(str::len), Some(32), "what we did not set is replaced");
    Ok(())
}

#[tokio::test]
async fn a_cookie_lives_as_long_as_its_token() -> anyhow::Result<()> {
    let clock = manual();
    let settings = [("AUTH_SESSION_LIFETIME", "100s"), ("AUTH_REFRESH_TOKEN_LIFETIME", "60s")];
    let server = e2e::Server::with(&settings, clock.clone()).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    clock.advance(Duration::from_secs(50));
    let answer = page.poke(REFRESH).await?;
    let ages = |line: &String| {
        let age = line.split("; ").find_map(|part| part.strip_prefix("Max-Age="));
        age.unwrap_or_default().to_owned()
    };
    assert_eq!(set_cookies(&answer).iter().map(ages).collect::<Vec<_>>(), ["300", "50"]);
    Ok(())
}

#[tokio::test]
async fn names_that_are_set_are_used_as_they_stand() -> anyhow::Result<()> {
    let settings = [
        ("AUTH_SESSION_COOKIE_NAME", "sessionid"),
        ("AUTH_REFRESH_COOKIE_NAME", "__Secure-r"),
        ("AUTH_CSRF_COOKIE_NAME", "csrftoken"),
        ("AUTH_CSRF_HEADER_NAME", "HTTP_X_XSRF"),
        ("AUTH_SESSION_COOKIE_SAMESITE", "Strict"),
    ];
    let server = server(&settings).await?;
    for (page, secure) in [(Browser::local(&server), ""), (Browser::secure(&server), "; Secure")] {
        let mut page = page;
        page.get(SESSION).await?;
        let (csrf, _) = page.cookies["csrftoken"].clone();
        let login = page.request(Method::POST, SESSION).header("Origin", &page.origin).header("X-XSRF", csrf);
        let login = page.send(login.json(&json!({"username": "ada", "password": PASSWORD}))).await?;
        assert_eq!(
            shapes(&login),
            [
                format!("sessionid=*; Max-Age=300; Path=/; SameSite=Strict; HttpOnly{secure}"),
                "__Secure-r=*; Max-Age=86400; Path=/api/v1/user/token/; SameSite=Strict; HttpOnly; Secure"
                    .into(),
                format!("csrftoken=*; Max-Age=2592000; Path=/; SameSite=Lax{secure}"),
            ]
        );
        assert_eq!(page.get(ME).await?.status, 200);
        assert_eq!(page.get(ORGANIZATIONS).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn without_the_class_there_are_no_sessions_in_cookies() -> anyhow::Result<()> {
    let server = server(&[("AUTHENTICATION_CLASSES", "JWTAuthentication")]).await?;
    let mut page = Browser::secure(&server);
    let body = json!({"username": "ada", "password": PASSWORD});
    for answer in [page.get(SESSION).await?, page.post(SESSION, &body).await?] {
        assert_eq!((answer.status, answer.code()), (404, "not_found"));
        assert!(set_cookies(&answer).is_empty());
    }
    page.cookies.insert("__Secure-refresh".into(), ("x".into(), "/".into()));
    assert_eq!(page.poke(REFRESH).await?.json, json!({"refresh": ["This field is required."]}));
    assert_eq!(page.poke(LOGOUT).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_login_is_refused_in_the_words_of_the_token_endpoint() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.get(SESSION).await?;
    let wrong = page.post(SESSION, &json!({"username": "ada", "password": "wrong"})).await?;
    assert_eq!((wrong.status, wrong.detail()), (401, "No active account found with the given credentials"));
    assert!(set_cookies(&wrong).is_empty());
    let empty = page.post(SESSION, &json!({"username": "ada"})).await?;
    assert_eq!((empty.status, &empty.json), (400, &json!({"password": ["This field is required."]})));
    assert_eq!(page.who().await?, Value::Null);
    Ok(())
}
