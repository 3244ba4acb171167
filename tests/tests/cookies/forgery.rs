//! Requests that other sites' pages make with our cookies.

use e2e::{PASSWORD, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::browser::{
    Browser, LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSION, TOKEN_LOGOUT, check_forgery, server, set_cookies,
};

/// Every door that an unsafe request by cookie comes to.
const DOORS: [(&str, &str); 7] = [
    ("POST", SESSION),
    ("POST", REFRESH),
    ("POST", LOGOUT),
    ("POST", TOKEN_LOGOUT),
    ("PATCH", ME),
    ("POST", ORGANIZATIONS),
    ("PUT", ORGANIZATIONS),
];

fn body(path: &str) -> Option<Value> {
    match path {
        SESSION => Some(json!({"username": "ada", "password": PASSWORD})),
        ORGANIZATIONS => Some(json!({"name": "Acme"})),
        ME => Some(json!({"first_name": "Ada"})),
        _ => None,
    }
}

/// Sends a request to every door, as `forge` makes it of the cookies alone, and demands these words.
async fn refused(
    page: &Browser,
    words: &str,
    forge: impl Fn(RequestBuilder) -> RequestBuilder,
) -> anyhow::Result<()> {
    for (method, path) in DOORS {
        let mut request = forge(page.request(Method::from_bytes(method.as_bytes())?, path));
        if let Some(body) = body(path) {
            request = request.json(&body);
        }
        check_forgery(&format!("{method} {path}"), &page.actor.send(request).await?, words);
    }
    Ok(())
}

async fn logged_in(server: &Server) -> anyhow::Result<(Browser, Browser)> {
    let (mut local, mut secure) = (Browser::local(server), Browser::secure(server));
    local.log_in().await?;
    secure.log_in().await?;
    Ok((local, secure))
}

#[tokio::test]
async fn a_request_of_another_origin_is_refused_whatever_else_it_proves() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (local, secure) = logged_in(&server).await?;
    for page in [&local, &secure] {
        let csrf = page.csrf().unwrap_or_default();
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.example",
            "https://app.example/",
            "https://xapp.example",
            "http://127.0.0.1:1",
            "http://localhost",
        ] {
            let words = format!("Origin checking failed - {origin} does not match any trusted origins.");
            refused(page, &words, |r| r.header("Origin", origin).header("X-CSRFToken", csrf)).await?;
        }
        let twice =
            format!("Origin checking failed - {0}, {0} does not match any trusted origins.", page.origin);
        refused(page, &twice, |r| {
            r.header("Origin", &page.origin).header("Origin", &page.origin).header("X-CSRFToken", csrf)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_header_must_repeat_the_cookie() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (local, secure) = logged_in(&server).await?;
    for page in [&local, &secure] {
        let csrf = page.csrf().unwrap_or_default().to_owned();
        let other = "0123456789abcdef0123456789abcdef";
        refused(page, "CSRF token missing.", |r| r.header("Origin", &page.origin)).await?;
        for (token, complaint) in [
            (other, "incorrect"),
            ("", "has incorrect length"),
            ("short", "has incorrect length"),
            (&format!("{csrf}{csrf}"), "has incorrect length"),
            ("0123456789abcdef-0123456789abcde", "has invalid characters"),
            (&csrf.to_uppercase(), "incorrect"),
        ] {
            let words = format!("CSRF token from the 'X-Csrftoken' HTTP header {complaint}.");
            refused(page, &words, |r| r.header("Origin", &page.origin).header("X-CSRFToken", token)).await?;
        }
        let words = "CSRF token from the 'X-Csrftoken' HTTP header incorrect.";
        refused(page, words, |r| {
            r.header("Origin", &page.origin).header("X-CSRFToken", &csrf).header("X-CSRFToken", &csrf)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_cookie_must_be_there_once_and_have_our_form() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (_, secure) = logged_in(&server).await?;
    let csrf = secure.csrf().unwrap_or_default().to_owned();
    let prove = |r: RequestBuilder| r.header("Origin", &secure.origin).header("X-CSRFToken", &csrf);
    let with = |value: Option<&str>| {
        let mut page = secure.clone();
        page.cookies.remove("__Host-csrf");
        page.cookies.extend(value.map(|value| ("__Host-csrf".into(), (value.into(), "/".into()))));
        page
    };
    refused(&with(None), "CSRF cookie not set.", prove).await?;
    refused(&with(Some("")), "CSRF cookie not set.", prove).await?;
    refused(&with(Some("short")), "CSRF cookie has incorrect length.", prove).await?;
    refused(&with(Some(&"-".repeat(32))), "CSRF cookie has invalid characters.", prove).await?;
    let doubled = format!("{csrf}; __Host-csrf={csrf}");
    refused(&with(Some(&doubled)), "CSRF cookie not set.", prove).await?;
    Ok(())
}

#[tokio::test]
async fn a_planted_pair_of_cookie_and_header_does_not_belong_to_the_session() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (_, mut secure) = logged_in(&server).await?;
    let planted = "0123456789abcdef0123456789abcdef";
    secure.cookies.insert("__Host-csrf".into(), (planted.into(), "/".into()));
    for (method, path) in DOORS.into_iter().filter(|(_, path)| *path != SESSION) {
        let request = secure.script(Method::from_bytes(method.as_bytes())?, path);
        let answer = secure.actor.send(request).await?;
        check_forgery(path, &answer, "CSRF cookie does not belong to the session.");
    }
    assert!(secure.who().await?.is_string(), "looking is safe, and the session goes on");
    Ok(())
}

#[tokio::test]
async fn somebody_elses_refresh_cookie_is_of_no_use_beside_ones_own_csrf_cookie() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (_, mut victim) = logged_in(&server).await?;
    let (_, attacker) = logged_in(&server).await?;
    let path = "/api/v1/user/token/".to_owned();
    let theirs = attacker.value("refresh").unwrap_or_default().to_owned();
    victim.cookies.insert("__Secure-refresh".into(), (theirs, path));
    check_forgery("refresh", &victim.poke(REFRESH).await?, "CSRF cookie does not belong to the session.");
    Ok(())
}

#[tokio::test]
async fn without_an_origin_https_demands_a_referer_and_the_browser_is_believed() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (local, secure) = logged_in(&server).await?;
    let csrf = secure.csrf().unwrap_or_default();
    for (referer, words) in [
        (None, "no Referer."),
        (Some("nonsense"), "Referer is malformed."),
        (Some("data:text/html,x"), "Referer is malformed."),
        (Some("http://app.example/page"), "Referer is insecure while host is secure."),
        (
            Some("https://evil.example/app.example?secret"),
            "https://evil.example does not match any trusted origins.",
        ),
        (Some("https://app.example:1/"), "https://app.example:1 does not match any trusted origins."),
    ] {
        let words = format!("Referer checking failed - {words}");
        refused(&secure, &words, |request| {
            let request = request.header("X-CSRFToken", csrf);
            match referer {
                None => request,
                Some(referer) => request.header("Referer", referer),
            }
        })
        .await?;
    }
    let good = secure.request(Method::PATCH, ME).header("X-CSRFToken", csrf);
    let good = good.header("Referer", "https://app.example/a?b").json(&json!({}));
    assert_eq!(secure.actor.send(good).await?.status, 200);

    let csrf = local.csrf().unwrap_or_default();
    for site in ["cross-site", "same-site"] {
        let words = "Origin checking failed - the request was made by another site.";
        refused(&local, words, |r| r.header("X-CSRFToken", csrf).header("Sec-Fetch-Site", site)).await?;
    }
    for site in ["same-origin", "none"] {
        let good =
            local.request(Method::PATCH, ME).header("X-CSRFToken", csrf).header("Sec-Fetch-Site", site);
        assert_eq!(local.actor.send(good.json(&json!({}))).await?.status, 200, "{site}");
    }
    Ok(())
}

#[tokio::test]
async fn trusted_origins_may_send_what_ours_may() -> anyhow::Result<()> {
    let trusted = "https://admin.example,https://*.partner.example,http://dev.example:3000";
    let server = server(&[("AUTH_CSRF_TRUSTED_ORIGINS", trusted)]).await?;
    let (_, secure) = logged_in(&server).await?;
    let csrf = secure.csrf().unwrap_or_default();
    let change = |origin: &str| {
        let request = secure.request(Method::PATCH, ME).header("Origin", origin).header("X-CSRFToken", csrf);
        secure.actor.send(request.json(&json!({})))
    };
    for origin in [
        "https://admin.example",
        "https://a.partner.example",
        "https://partner.example",
        "http://dev.example:3000",
    ] {
        assert_eq!(change(origin).await?.status, 200, "{origin}");
    }
    for origin in [
        "http://admin.example",
        "https://a.admin.example",
        "https://evilpartner.example",
        "https://a.partner.example:1",
        "https://a.partner.example.evil.example",
        "http://dev.example",
    ] {
        assert_eq!(change(origin).await?.status, 403, "{origin}");
    }
    Ok(())
}

#[tokio::test]
async fn safe_methods_need_no_proof() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (_, secure) = logged_in(&server).await?;
    for path in [ME, ORGANIZATIONS, SESSION] {
        for method in [Method::GET, Method::HEAD] {
            let request = secure.request(method.clone(), path).header("Origin", "https://evil.example");
            assert_eq!(secure.actor.send(request).await?.status, 200, "{method} {path}");
        }
    }
    let options = secure.request(Method::OPTIONS, ORGANIZATIONS);
    assert_eq!(secure.actor.send(options).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_refused_forgery_changes_nothing() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let (_, mut page) = logged_in(&server).await?;
    for path in [LOGOUT, TOKEN_LOGOUT, REFRESH, ORGANIZATIONS] {
        let request = page.request(Method::POST, path).header("Origin", "https://evil.example");
        let answer = page.actor.send(request.json(&json!({"name": "Acme"}))).await?;
        assert_eq!((answer.status, set_cookies(&answer).len()), (403, 0), "{path}");
    }
    assert!(page.who().await?.is_string());
    assert_eq!(page.get(ORGANIZATIONS).await?.json["count"], 0);
    assert_eq!(page.poke(REFRESH).await?.status, 200);
    Ok(())
}
