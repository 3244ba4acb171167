//! What strangers can reach and make the services believe: nothing of the management port, and nothing
//! that only a proxy may say.

use e2e::{Actor, Site};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{CONFIGURATION, JWKS, ME, ORGANIZATIONS, SESSIONS, TOKEN};

const MANAGEMENT: [&str; 8] = [
    "/readyz",
    "/healthz",
    "/metrics",
    "/metrics/",
    "/internal/",
    "/internal/user-state/?user_id=1",
    "/internal/revocations/",
    "/internal/credentials/",
];

#[tokio::test]
async fn nothing_of_the_management_port_is_reachable() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (admin, nobody) = (site.login(&site.superuser().await?).await?, site.anonymous());
    for path in MANAGEMENT {
        for (who, method) in
            [(&admin, Method::GET), (&nobody, Method::GET), (&admin, Method::POST), (&nobody, Method::HEAD)]
        {
            let answer = who.send(who.request(method.clone(), path)).await?;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
    Ok(())
}

/// The status of an answer to a request line that no client library would send.
async fn status_of(site: &Site, target: &str) -> anyhow::Result<u16> {
    let host = site.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.ok_or_else(|| anyhow::anyhow!("{target}: {answer}"))
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_to_the_management_port() -> anyhow::Result<()> {
    let site = Site::open().await?;
    for target in [
        "/api/../metrics",
        "/api/%2e%2e/metrics",
        "/api/v1/..%2f..%2fmetrics",
        "//metrics",
        "/./readyz",
        "/%6detrics",
        "/METRICS",
        "/.well-known/../internal/revocations/",
        "/internal%2frevocations/",
        "http://127.0.0.1:9001/metrics",
        "http://auth-service:9001/readyz",
    ] {
        let status = status_of(&site, target).await?;
        assert!(matches!(status, 400 | 404), "{target}: {status}");
    }
    assert_eq!(status_of(&site, JWKS).await?, 200, "the control");
    Ok(())
}

/// Whether the client's word counts as a proxy's: it does where nothing stands between, and the client
/// is on the same machine as a server with the default settings.
async fn is_taken_for_a_proxy(site: &Site) -> anyhow::Result<bool> {
    let nobody = site.anonymous();
    let asked = nobody.request(Method::GET, JWKS).header("X-Request-Id", "from-the-client");
    let echoed = nobody.send(asked).await?.header("x-request-id") == "from-the-client";
    // A gateway gives every request an id of its own.
    Ok(echoed && !site.is_own())
}

/// `GET` with everything that only a proxy may say.
async fn lying(actor: &Actor, path: &str) -> anyhow::Result<e2e::Answer> {
    let request = actor.request(Method::GET, path).header("X-Forwarded-For", "203.0.113.7");
    let request = request.header("X-Forwarded-Host", "evil.example").header("X-Forwarded-Proto", "https");
    actor.send(request.header("Forwarded", "for=203.0.113.7;host=evil.example;proto=https")).await
}

#[tokio::test]
async fn what_only_a_proxy_may_say_is_not_believed_of_a_client() -> anyhow::Result<()> {
    // As behind a gateway, the client is no proxy of theirs.
    let site = Site::open_with(&[("TRUSTED_PROXIES", "none")]).await?;
    let person = site.user().await?;
    let ada = site.login(&person).await?;
    for path in [ME, JWKS] {
        let (honest, lying) = (ada.get(path).await?, lying(&ada, path).await?);
        assert_eq!((lying.status, &lying.text), (honest.status, &honest.text), "{path}");
    }
    if is_taken_for_a_proxy(&site).await? {
        return Ok(());
    }
    for name in ["One", "Two"] {
        let made = ada.post(ORGANIZATIONS, &json!({"name": e2e::unique(name)})).await?;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let list = format!("{ORGANIZATIONS}?page_size=1");
    assert_eq!(lying(&ada, &list).await?.json, ada.get(&list).await?.json, "links lead where the client is");
    assert_eq!(lying(&ada, CONFIGURATION).await?.json, ada.get(CONFIGURATION).await?.json);

    let client = site.anonymous();
    let login = client.request(Method::POST, TOKEN).header("X-Forwarded-For", "203.0.113.7");
    let login = login.json(&json!({"username": person.name, "password": person.password}));
    assert_eq!(client.send(login).await?.status, 200);
    let sessions = ada.get(SESSIONS).await?;
    let addresses = sessions.json.as_array().into_iter().flatten().map(|session| &session["address"]);
    let addresses: Vec<&Value> = addresses.collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.iter().all(|address| **address != "203.0.113.7"), "{addresses:?}");
    Ok(())
}

#[tokio::test]
async fn a_request_id_that_the_client_brings_is_plain_when_it_comes_back() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let nobody = site.anonymous();
    let long = "x".repeat(129);
    for sent in ["from-the-client", "a b", "a\"b", "a;b=c", &long] {
        let answer = nobody.send(nobody.request(Method::GET, JWKS).header("X-Request-Id", sent)).await?;
        let id = answer.header("x-request-id");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!((1..=128).contains(&id.len()) && id.chars().all(plain), "{sent}: {id}");
        assert!(id != sent || sent == "from-the-client", "{sent}");
        assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
    }
    Ok(())
}
