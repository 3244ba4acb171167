//! The error envelope: whatever is wrong with a request, clients read one shape.

use e2e::{Answer, Site};
use reqwest::{Method, header::HeaderValue};
use serde_json::{Value, json};

use crate::{LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSIONS, TOKEN, VERIFY};

/// Demands a status in the envelope: `{"detail": "…"}`, or lists of texts by field.
fn enveloped(what: &str, answer: &Answer, status: u16) {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, "application/json"),
        "{what}: {answer:?}"
    );
    let told = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    let by_field = answer.json.as_object().is_some_and(|all| !all.is_empty() && all.values().all(told));
    assert!(by_field || !answer.detail().is_empty(), "{what}: {answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}: no request id");
}

#[tokio::test]
async fn unknown_paths_are_not_found() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, nobody) = (site.member().await?, site.anonymous());
    for path in [
        "/api/",
        "/api/v1/",
        "/api/v2/user/token/",
        "/api/v1/user/",
        "/api/v1/user/token/x/",
        "/api/v1/organization/abc/",
    ] {
        for (who, method) in
            [(&ada, Method::GET), (&nobody, Method::GET), (&ada, Method::DELETE), (&nobody, Method::POST)]
        {
            let answer = who.send(who.request(method.clone(), path)).await?;
            enveloped(&format!("{method} {path}"), &answer, 404);
        }
    }
    Ok(())
}

#[tokio::test]
async fn methods_that_a_path_lacks_are_refused_with_those_it_has() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    for (path, method, allow) in [
        (TOKEN, Method::GET, "POST, OPTIONS"),
        (REFRESH, Method::DELETE, "POST, OPTIONS"),
        (LOGOUT, Method::PUT, "POST, OPTIONS"),
        (ME, Method::POST, "GET, PATCH, HEAD"),
        (SESSIONS, Method::POST, "GET, HEAD"),
        (ORGANIZATIONS, Method::DELETE, "GET, POST, HEAD, OPTIONS"),
    ] {
        let answer = ada.send(ada.request(method.clone(), path)).await?;
        enveloped(&format!("{method} {path}"), &answer, 405);
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn bodies_that_mean_nothing_are_refused() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    for path in [TOKEN, REFRESH, VERIFY, ORGANIZATIONS] {
        for (kind, body, status) in [
            ("application/json", "{", 400),
            ("application/json", "[]", 400),
            ("application/json", "{\"a\":NaN}", 400),
            ("application/json", "{}", 400),
            ("application/x-www-form-urlencoded", "a=%ff", 400),
            ("multipart/form-data; boundary=b", "--b\r\n", 400),
            ("text/plain", "{}", 415),
            ("application/xml", "<a/>", 415),
            ("application/json", &large, 413),
        ] {
            let request = ada.request(Method::POST, path).header("Content-Type", kind);
            let answer = ada.send(request.body(body.to_owned())).await?;
            enveloped(&format!("{path} {kind} {body:.20}"), &answer, status);
        }
    }
    Ok(())
}

#[tokio::test]
async fn missing_fields_are_named() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let nobody = site.anonymous();
    for (path, fields) in
        [(TOKEN, &["username", "password"][..]), (REFRESH, &["refresh"]), (VERIFY, &["token"])]
    {
        let answer = nobody.post(path, &json!({})).await?;
        enveloped(path, &answer, 400);
        for field in fields {
            assert_eq!(answer.json[field], json!(["This field is required."]), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_no_answer_could_be_is_said_so() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    for path in [ME, ORGANIZATIONS] {
        let html = ada.send(ada.request(Method::GET, path).header("Accept", "text/html")).await?;
        enveloped(path, &html, 406);
        enveloped(path, &ada.get(&format!("{path}?format=xml")).await?, 404);
    }
    Ok(())
}

#[tokio::test]
async fn absurd_headers_disturb_nobody() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let ada = site.member().await?;
    let many = "text/html, ".repeat(500);
    for (name, value) in [
        ("User-Agent", &[0xff; 3000][..]),
        ("Cookie", b"=;=;;sessionid=\xff"),
        ("Content-Type", b"\xff"),
        ("Range", b"bytes=9-1"),
        ("If-None-Match", b"*"),
        ("X-Forwarded-For", b"not, an, address"),
        ("X-Request-Id", b"a b\xe9"),
        ("Accept", many.as_bytes()),
        ("X-Long", &[b'x'; 6000]),
    ] {
        for path in [ME, ORGANIZATIONS] {
            let request = ada.request(Method::GET, path).header(name, HeaderValue::from_bytes(value)?);
            let answer = ada.send(request).await?;
            assert!(matches!(answer.status, 200 | 400..500), "{name}: {answer:?}");
            let is_told = answer.status == 200 || !answer.detail().is_empty();
            assert!(is_told && !answer.header("x-request-id").is_empty(), "{name}: {answer:?}");
        }
    }
    for value in ["Bearer", "Bearer a b", "Bearer x", "Bearer \u{e9}", "Digest x", &"x".repeat(6000)] {
        for path in [ME, ORGANIZATIONS] {
            let nobody = site.anonymous();
            let request = nobody.request(Method::GET, path).header("Authorization", value);
            enveloped(value, &nobody.send(request).await?, 401);
        }
    }
    crate::accepted(&ada).await
}
