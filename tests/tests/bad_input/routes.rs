//! Paths, methods and headers.

use crate::check::{Bad, Stack, Who};

const POSTS: [&str; 8] = [
    "/api/v1/user/logout/",
    "/api/v1/user/token/logout/",
    "/api/v1/user/token/",
    "/api/v1/user/token/refresh/",
    "/api/v1/user/token/verify/",
    "/api/v1/user/token/blacklist/",
    "/api/token/sliding/",
    "/api/token/sliding/refresh/",
];

#[tokio::test]
async fn unknown_paths_are_not_found() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let long = format!("/{}", "x".repeat(8000));
    let paths = [
        "/",
        "/api/",
        "/api/v1/",
        "/api/v2/user/token/",
        "/api/v1/user/",
        "/api/v1/user/token/x/",
        "/favicon.ico",
        "/api/v1/user/me/x",
        "/api/v1/user/ME/",
        "/api/v1/organization/abc/",
        "/api/v1/organization/-1/",
        "/api/v1/organization/1.5/",
        "/api/v1/organization/%00/",
        "/api/v1/organization/%ff/",
        "/api/v1/organization/..%2f..%2fetc%2fpasswd/",
        "/api/v1/organization/'%20OR%20'1'='1/",
        "/api/v1/organization/1/2/",
        "/api/v1/organization/ff/",
        "/.well-known/",
        "/.env",
        "/metrics",
        "/readyz",
        "/internal/user-state?user_id=1",
        "//api/v1/user/token/",
        "/api/v1/user/token//",
        &long,
    ];
    let mut all = Vec::new();
    for path in paths {
        for (who, method) in
            [(Who::Anonymous, "GET"), (Who::Anonymous, "POST"), (Who::Alice, "DELETE"), (Who::Alice, "HEAD")]
        {
            all.push(Bad::new(who, method, path, 404));
        }
    }
    stack.refuse_unseen(&all).await
}

#[tokio::test]
async fn an_organization_that_is_not_there_is_not_found() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let id = uuid::Uuid::nil();
    let paths = [
        format!("/api/v1/organization/{id}/"),
        "/api/v1/organization/0/".into(),
        "/api/v1/organization/1".into(),
        format!("/api/v1/organization/{}/", "9".repeat(300)),
        format!("/api/v1/organization/{}/", "-".repeat(36)),
        format!("/api/v1/organization/{}/", "a".repeat(36)),
    ];
    for path in &paths {
        for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD"] {
            stack.refuse(&Bad::new(Who::Anonymous, method, path, 401)).await?;
            stack.refuse(&Bad::new(Who::Alice, method, path, 404).body("text/plain", "x")).await?;
        }
    }
    Stack::nothing_logged();
    stack.goes_on().await
}

#[tokio::test]
async fn methods_that_a_path_lacks_are_refused_with_those_it_has() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let others = ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND", "BREW", "post", "get"];
    for path in POSTS {
        for method in others {
            let answer = stack.refuse(&Bad::new(Who::Anonymous, method, path, 405)).await?;
            assert_eq!(answer.header("allow"), "POST, OPTIONS", "{method} {path}");
        }
    }
    for (path, methods, allow) in [
        ("/api/v1/user/me/", ["POST", "PUT", "DELETE", "TRACE"], "GET, PATCH, HEAD"),
        ("/api/v1/user/token/organization/", ["GET", "PUT", "PATCH", "DELETE"], "POST, OPTIONS"),
        ("/api/v1/organization/", ["PUT", "PATCH", "DELETE", "BREW"], "GET, POST, HEAD, OPTIONS"),
        (&stack.organization, ["POST", "TRACE", "get", "BREW"], "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ] {
        let mut all = Vec::new();
        for method in methods {
            // Who nobody knows is not told which methods there are.
            all.push(Bad::new(Who::Anonymous, method, path, 401));
            let bad = Bad::new(Who::Alice, method, path, 405);
            let answer = stack.refuse(&bad).await?;
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
            all.push(bad);
        }
        stack.refuse_unseen(&all).await?;
    }
    Ok(())
}

#[tokio::test]
async fn headers_that_cannot_be_met_are_refused() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let many = "text/html, ".repeat(700);
    let mut all = Vec::new();
    for path in ["/api/v1/user/me/", "/api/v1/organization/", "/api/v1/user/token/verify/"] {
        let method = if path.ends_with("verify/") { "POST" } else { "GET" };
        for accept in ["text/html", "application/xml;q=0.1", "image/*", "application/json/x", &many] {
            all.push(Bad::new(Who::Alice, method, path, 406).header("Accept", accept));
        }
        for format in ["xml", "api", "JSON", "%00", "json%20"] {
            all.push(Bad::new(Who::Alice, method, format!("{path}?format={format}"), 404));
        }
    }
    for authorization in ["Basic YTpi", "Digest x", "Bearer", "Bearer a b", "Bearer x", "\u{e9}"] {
        for path in ["/api/v1/user/me/", "/api/v1/organization/", &stack.organization] {
            all.push(Bad::new(Who::Anonymous, "GET", path, 401).header("Authorization", authorization));
        }
    }
    stack.refuse_unseen(&all).await
}

#[tokio::test]
async fn odd_headers_do_not_disturb_an_honest_request() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    for (name, value) in [
        ("X-Request-Id", "a b\u{e9}".as_bytes()),
        ("User-Agent", &[0xff; 3000]),
        ("X-Forwarded-For", b"not, an, address"),
        ("X-Forwarded-Proto", b"javascript"),
        ("Cookie", b"=;=;;sessionid=\xff"),
        ("Content-Type", b"\xff"),
        ("Range", b"bytes=9-1"),
        ("If-None-Match", b"*"),
        ("Expect", b"something"),
    ] {
        for path in ["/api/v1/user/me/", "/api/v1/organization/"] {
            let request = stack.alice.request(reqwest::Method::GET, path);
            let value = reqwest::header::HeaderValue::from_bytes(value)?;
            let answer = stack.alice.send(request.header(name, value)).await?;
            assert!(answer.status < 500, "{name}: {} {}", answer.status, answer.text);
            assert_eq!(answer.header("x-request-id").len(), 36, "{name}");
        }
    }
    Ok(())
}
