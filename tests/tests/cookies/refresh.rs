//! Refreshing by cookie: the same steps as with a body, the tokens out of the page's sight.

use std::time::Duration;

use e2e::{Answer, Server};
use reqwest::Method;
use serde_json::json;

use crate::browser::{Browser, ME, REFRESH, SESSION, claims, manual, server, set_cookies, shapes};

/// Names and values of the cookies that an answer sets.
fn pairs(answer: &Answer) -> Vec<String> {
    set_cookies(answer).iter().filter_map(|line| line.split("; ").next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_empty_body_and_the_cookie_give_both_cookies_and_no_token_in_the_body() -> anyhow::Result<()> {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let old = page.clone();
    clock.advance(Duration::from_secs(600));
    assert_eq!(page.get(ME).await?.status, 401, "the access token has expired");
    let answer = page.poke(REFRESH).await?;
    assert_eq!(
        shapes(&answer),
        [
            "__Host-access=*; Max-Age=300; Path=/; SameSite=Lax; HttpOnly; Secure",
            "__Secure-refresh=*; Max-Age=86400; Path=/api/v1/user/token/; SameSite=Strict; HttpOnly; Secure",
        ]
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let me = page.get(ME).await?;
    let expected = json!({
        "user_id": me.json["id"], "access_expires_at": "2026-11-23T14:55:48Z",
        "refresh_expires_at": "2026-11-24T14:50:48Z",
    });
    assert_eq!(answer.json, expected);
    for name in ["access", "refresh"] {
        let token = |page: &Browser| claims(page.value(name).unwrap_or_default());
        let (before, after) = (token(&old)?, token(&page)?);
        assert_ne!(before["jti"], after["jti"]);
        assert_eq!((&before["csrf"], &before["sid"]), (&after["csrf"], &after["sid"]));
    }
    assert_eq!(page.csrf(), old.csrf());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_refresh_at_once_get_the_same_bytes() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    for step in 1..=3 {
        let race: Vec<_> = (0..8).map(|_| tokio::spawn(page.clone().poke_in_a_tab(REFRESH))).collect();
        let mut answers = Vec::new();
        for racer in race {
            let (tab, answer) = racer.await??;
            assert_eq!(answer.status, 200, "{answer:?}");
            answers.push(pairs(&answer));
            page = tab;
        }
        answers.dedup();
        assert_eq!((answers.len(), answers[0].len()), (1, 2));
        assert_eq!(claims(page.value("refresh").unwrap_or_default())?["gen"], step);
    }
    assert_eq!(page.get(ME).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_late_second_tab_ends_the_session() -> anyhow::Result<()> {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let mut late = page.clone();
    let first = page.poke(REFRESH).await?;
    clock.advance(Duration::from_secs(10));
    assert_eq!(pairs(&late.clone().poke(REFRESH).await?), pairs(&first), "within the grace window");
    clock.advance(Duration::from_secs(1));
    for tab in [&mut late, &mut page] {
        let answer = tab.poke(REFRESH).await?;
        assert_eq!((answer.status, answer.detail()), (401, "Token is blacklisted"));
        assert!(set_cookies(&answer).is_empty(), "what another tab was given stays");
    }
    assert!(page.who().await?.is_null());
    Ok(())
}

#[tokio::test]
async fn a_body_with_a_token_means_the_ordinary_mode_whatever_cookies_come_along() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let bearer = server.login("ada").await?;
    let answer = page.post(REFRESH, &json!({"refresh": bearer.refresh})).await?;
    assert_eq!((answer.status, set_cookies(&answer).len()), (200, 0));
    assert_eq!(claims(&answer.text_of("access")?)?.get("csrf"), None);
    for faulty in [json!(""), json!(null), json!(7)] {
        let answer = page.post(REFRESH, &json!({ "refresh": faulty })).await?;
        assert!([400, 401].contains(&answer.status), "{faulty}: {}", answer.text);
        assert!(set_cookies(&answer).is_empty());
    }
    assert_eq!(claims(page.value("refresh").unwrap_or_default())?["gen"], 0, "the cookie's token is unspent");

    let cookies_token = page.value("refresh").unwrap_or_default().to_owned();
    let answer = server.anonymous().refresh_with(&cookies_token).await?;
    assert_eq!(claims(&answer.text_of("access")?)?["csrf"], claims(&cookies_token)?["csrf"]);
    Ok(())
}

#[tokio::test]
async fn without_a_cookie_an_empty_body_lacks_its_field() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.get(SESSION).await?;
    let lacking = json!({"refresh": ["This field is required."]});
    for answer in [page.poke(REFRESH).await?, page.post(REFRESH, &json!({})).await?] {
        assert_eq!((answer.status, &answer.json), (400, &lacking));
    }
    page.log_in().await?;
    let twice = page.cookie_header(REFRESH).unwrap_or_default() + "; __Secure-refresh=x";
    let request = Browser { cookies: [].into(), ..page.clone() }.script(Method::POST, REFRESH);
    let answer = page.actor.send(request.header("Cookie", twice)).await?;
    assert_eq!((answer.status, &answer.json), (400, &lacking), "two are as good as none");
    Ok(())
}

#[tokio::test]
async fn only_a_refresh_token_that_was_made_for_a_cookie_refreshes_there() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let bearer = server.login("ada").await?;
    let access = page.value("access").unwrap_or_default().to_owned();
    for (token, words) in [
        (bearer.refresh.unwrap_or_default(), "Token has no 'csrf' claim"),
        (access, "Token is invalid"),
        ("garbage".to_owned(), "Token is invalid"),
    ] {
        let mut other = page.clone();
        other.cookies.insert("__Secure-refresh".into(), (token, "/".into()));
        let answer = other.poke(REFRESH).await?;
        assert_eq!((answer.status, answer.detail(), answer.code()), (401, words, "token_not_valid"));
        assert!(set_cookies(&answer).is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_refresh_cookie_is_refused() -> anyhow::Result<()> {
    let clock = manual();
    let server = Server::with(&[], clock.clone()).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    clock.advance(Duration::from_secs(86_400));
    let answer = page.poke(REFRESH).await?;
    assert_eq!((answer.status, answer.detail()), (401, "Token is expired"));
    Ok(())
}

#[tokio::test]
async fn without_rotation_only_the_access_cookie_is_renewed() -> anyhow::Result<()> {
    let server = server(&[("AUTH_ROTATE_REFRESH_TOKENS", "false")]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    for _ in 0..2 {
        let answer = page.poke(REFRESH).await?;
        assert_eq!(shapes(&answer), ["__Host-access=*; Max-Age=300; Path=/; SameSite=Lax; HttpOnly; Secure"]);
        assert_eq!(answer.json.get("refresh_expires_at"), None);
        assert_eq!(page.get(ME).await?.status, 200);
    }
    Ok(())
}
