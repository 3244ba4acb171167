//! Which cookies count, and beside what.

use std::time::Duration;

use e2e::Server;
use reqwest::Method;
use serde_json::json;

use crate::browser::{Browser, ME, ORGANIZATIONS, claims, manual, server};

const NOTHING: &str = "Authentication credentials were not provided.";

/// What `GET user/me/` answers to these cookies at this origin.
async fn me(server: &Server, origin: &str, cookies: &str) -> anyhow::Result<u16> {
    let page = Browser::at(&server.base, origin);
    let answer = page.actor.send(page.request(Method::GET, ME).header("Cookie", cookies)).await?;
    if answer.status == 401 {
        assert_eq!((answer.detail(), answer.header("vary")), (NOTHING, "Cookie"), "{cookies}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
    }
    Ok(answer.status)
}

async fn token(server: &Server) -> anyhow::Result<String> {
    let mut page = Browser::secure(server);
    page.log_in().await?;
    Ok(page.value("access").unwrap_or_default().to_owned())
}

const ORIGINS: [&str; 4] =
    ["http://127.0.0.1", "https://127.0.0.1", "http://app.example", "https://app.example"];

#[tokio::test]
async fn the_prefixed_name_counts_everywhere_and_the_plain_one_on_ones_own_machine_only() -> anyhow::Result<()>
{
    let server = server(&[]).await?;
    let token = token(&server).await?;
    for origin in ORIGINS {
        assert_eq!(me(&server, origin, &format!("__Host-access={token}")).await?, 200, "{origin}");
        let plain = if origin == "http://127.0.0.1" { 200 } else { 401 };
        assert_eq!(me(&server, origin, &format!("access={token}")).await?, plain, "{origin}");
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_was_set_counts_everywhere_and_the_default_ones_nowhere() -> anyhow::Result<()> {
    let server = server(&[("AUTH_SESSION_COOKIE_NAME", "sessionid")]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let (token, _) = page.cookies["sessionid"].clone();
    for origin in ORIGINS {
        assert_eq!(me(&server, origin, &format!("sessionid={token}")).await?, 200, "{origin}");
        assert_eq!(me(&server, origin, &format!("__Host-access={token}; access={token}")).await?, 401);
        assert_eq!(me(&server, origin, &format!("__Host-sessionid={token}")).await?, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_cookie_that_stands_twice_counts_for_nothing() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let token = token(&server).await?;
    let cookie = format!("__Host-access={token}");
    for tossed in [
        format!("{cookie}; __Host-access=x"),
        format!("__Host-access=x; {cookie}"),
        format!("{cookie}; {cookie}"),
        format!("{cookie}; __Host-access="),
        format!("__Host-access=x; access={token}"),
    ] {
        assert_eq!(me(&server, "http://127.0.0.1", &tossed).await?, 401, "{tossed}");
    }
    let page = Browser::secure(&server);
    let lines = page.request(Method::GET, ME).header("Cookie", &cookie).header("Cookie", "__Host-access=x");
    assert_eq!(page.actor.send(lines).await?.status, 401, "over two lines");
    let lines = page.request(Method::GET, ME).header("Cookie", "a=b").header("Cookie", &cookie);
    assert_eq!(page.actor.send(lines).await?.status, 200, "beside others");
    assert_eq!(me(&server, "https://a.example", &format!("a=b;{cookie} ;=;;c; __host-access=x")).await?, 200);
    Ok(())
}

#[tokio::test]
async fn odd_and_overlong_cookies_are_no_session() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let token = token(&server).await?;
    for odd in [
        String::new(),
        ";;;=;=".to_owned(),
        "__Host-access".to_owned(),
        "__Host-access=".to_owned(),
        "__Host-access=x".to_owned(),
        format!("__Host-access=\"{token}\""),
        format!("__Host-access= {token} x"),
        format!("__Host-access={token}="),
        format!("__host-access={token}"),
        format!("__Host-access={token}{}", "A".repeat(4096)),
        format!("__Host-access={}", "A".repeat(20_000)),
    ] {
        assert_eq!(me(&server, "https://app.example", &odd).await?, 401, "{odd:.80}");
    }
    Ok(())
}

#[tokio::test]
async fn only_an_access_token_that_was_made_for_a_cookie_is_a_session() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let bearer = server.login("ada").await?;
    let sliding = json!({"username": "ada", "password": e2e::PASSWORD});
    let sliding = server.anonymous().post("/api/v1/user/token/sliding/", &sliding).await?.text_of("token")?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let refresh = page.value("refresh").unwrap_or_default().to_owned();
    let bearer = [bearer.access, bearer.refresh].map(Option::unwrap_or_default);
    for token in [&bearer[0], &bearer[1], &sliding, &refresh] {
        assert_eq!(me(&server, "https://app.example", &format!("__Host-access={token}")).await?, 401);
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_session_is_none() -> anyhow::Result<()> {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await?;
    server.user("ada").await?;
    let token = token(&server).await?;
    let cookie = format!("__Host-access={token}");
    clock.advance(Duration::from_secs(299));
    assert_eq!(me(&server, "https://app.example", &cookie).await?, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(me(&server, "https://app.example", &cookie).await?, 401);
    Ok(())
}

#[tokio::test]
async fn the_same_token_in_the_header_needs_no_proof() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let token = token(&server).await?;
    assert!(claims(&token)?["csrf"].is_string());
    let bearer = server.anonymous().bearing(&token);
    let request = bearer.request(Method::POST, ORGANIZATIONS).header("Origin", "https://evil.example");
    assert_eq!(bearer.send(request.json(&json!({"name": "Acme"}))).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn of_header_and_cookie_the_class_that_comes_first_decides() -> anyhow::Result<()> {
    let session_first = "SessionAuthentication,JWTAuthentication";
    for (classes, header_first) in [("JWTAuthentication,SessionAuthentication", true), (session_first, false)]
    {
        let server = server(&[("AUTHENTICATION_CLASSES", classes)]).await?;
        server.user("eve").await?;
        let eve = server.login("eve").await?;
        let mut page = Browser::secure(&server);
        page.log_in().await?;
        let both = Browser { actor: eve.clone(), ..page.clone() };
        let name = if header_first { "eve" } else { "ada" };
        let answer = both.actor.send(both.request(Method::GET, ME)).await?;
        assert_eq!(answer.json["username"], name);
        assert_eq!(answer.header("vary"), if header_first { "" } else { "Cookie" });

        let unproven = both.request(Method::PATCH, ME).json(&json!({}));
        let unproven = both.actor.send(unproven).await?;
        assert_eq!(unproven.status, if header_first { 200 } else { 403 }, "{}", unproven.text);

        let garbage = Browser { actor: eve.bearing("garbage"), ..page.clone() };
        let answer = garbage.actor.send(garbage.request(Method::GET, ME)).await?;
        assert_eq!(answer.status, if header_first { 401 } else { 200 }, "a refusal ends the search");

        let stale = Browser { cookies: [].into(), ..both.clone() };
        let stale = stale.request(Method::GET, ME).header("Cookie", "__Host-access=x");
        assert_eq!(eve.send(stale).await?.json["username"], "eve", "no session is nothing to say");

        let nobody = server.anonymous().get(ME).await?;
        let challenge = if header_first { (401, "Bearer realm=\"api\"") } else { (403, "") };
        assert_eq!((nobody.status, nobody.header("www-authenticate")), challenge);
        assert_eq!(nobody.detail(), NOTHING);
    }
    Ok(())
}
