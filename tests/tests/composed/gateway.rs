//! What the gateway does itself: routes, limits, headers, and errors in the services' envelope.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use e2e::{Actor, PASSWORD, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    Composed, ORGANIZATIONS,
    container::docker,
    system::{NETWORKS, PATIENCE, Replicas},
};

const TOKEN: &str = "/api/v1/user/token/";
const ONE: Replicas = Replicas { auth: 1, org: 1 };
/// Logins that one address may try, where this is tested.
const LIMIT: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn whatever_the_gateway_answers_itself_is_in_the_envelope() -> anyhow::Result<()> {
    let composed = Composed::started(&[], ONE).await?;
    let base = &composed.base;
    let post = |rest: &str| format!("POST {TOKEN} HTTP/1.1\r\nHost: a\r\n{rest}");
    let huge = 2 * 1024 * 1024;
    let huge = format!("Content-Length: {huge}\r\n\r\n{}", "x".repeat(huge));
    // Sixteen parts of 64 KiB, and one byte.
    let part = format!("10000\r\n{}\r\n", "x".repeat(65536));
    let parts = format!("Transfer-Encoding: chunked\r\n\r\n{}1\r\nx\r\n0\r\n\r\n", part.repeat(16));
    let cases = [
        ("a body of two megabytes", post(&huge), 413),
        (
            "a body of more than a megabyte in parts",
            post(&format!("Content-Type: application/json\r\n{parts}")),
            413,
        ),
        ("a body that never comes", post("Content-Length: 10\r\n\r\n{"), 408),
    ];
    for (what, request, status) in cases {
        let answer = raw(base, request.as_bytes()).await.context(what)?;
        ensure!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        enveloped(&answer).with_context(|| what.to_owned())?;
        ensure!(answer.to_lowercase().contains("x-request-id: "), "{what}: {answer}");
    }
    // Nobody left to ask, and nobody who answers.
    let [org] = &composed.containers("org-service").await?[..] else { anyhow::bail!("one container") };
    docker(&["pause", org.id()]).await?;
    let gone = async || Ok(Actor::new(base).get(ORGANIZATIONS).await?.status == 503);
    until("the gateway notices", PATIENCE, gone).await?;
    let answer =
        raw(base, format!("GET {ORGANIZATIONS} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .await?;
    enveloped(&answer)?;
    ensure!(
        answer.to_lowercase().contains("retry-after: 1") && answer.to_lowercase().contains("x-request-id: "),
        "{answer}"
    );
    docker(&["unpause", org.id()]).await?;
    Ok(())
}

/// What is no request never gets as far as the rules, and no service sees it. Up to its version 3.2.3 the proxy
/// refuses it with a page of its own, from 3.2.4 on in the envelope.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn what_is_no_request_reaches_no_service() -> anyhow::Result<()> {
    let composed = Composed::started(&[], ONE).await?;
    let get = |rest: &str| format!("GET {ORGANIZATIONS} HTTP/1.1\r\nHost: a\r\n{rest}");
    let cases = [
        ("a head of twenty kilobytes", get(&format!("X-Long: {}\r\n\r\n", "y".repeat(20_000))), 400),
        ("two hundred headers", get(&format!("{}\r\n", "X-One: 1\r\n".repeat(200))), 400),
        ("no HTTP at all", "what is this?\r\n\r\n".to_owned(), 400),
        ("two lengths", get("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400),
        ("a header without a name", get(": 1\r\n\r\n"), 400),
        ("a head that never ends", get(""), 408),
    ];
    for (what, request, status) in cases {
        let answer = raw(&composed.base, request.as_bytes()).await.context(what)?;
        ensure!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        // Every answer of a service, and of the gateway's rules, has one.
        ensure!(
            !answer.to_lowercase().contains("x-request-id"),
            "{what} was answered by a service: {answer}"
        );
        if answer.to_lowercase().contains("content-type: application/json") {
            enveloped(&answer).with_context(|| what.to_owned())?;
        }
    }
    Ok(())
}

/// Sends bytes and reads whatever comes until the connection is closed.
async fn raw(base: &str, request: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").context("http")?).await?;
    // Whoever refuses early does not read it all.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) && !is_complete(&answer) {
        match tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await? {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(String::from_utf8(answer)?)
}

/// All bodies here are objects.
fn is_complete(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}

fn enveloped(answer: &str) -> anyhow::Result<()> {
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no answer: {answer:?}"))?;
    let head = head.to_lowercase();
    ensure!(head.contains("content-type: application/json"), "{answer}");
    ensure!(
        head.contains("x-frame-options: deny") && head.contains("x-content-type-options: nosniff"),
        "{answer}"
    );
    let body: Value = serde_json::from_str(body)?;
    ensure!(body.get("detail").is_some_and(Value::is_string), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn logins_from_one_address_are_limited_and_nothing_else_is() -> anyhow::Result<()> {
    let composed = Composed::started(&[("GATEWAY_OBTAIN_LIMIT", &LIMIT.to_string())], ONE).await?;
    composed.user("ada").await?;
    let anonymous = Actor::new(&composed.base);
    let wrong = json!({"username": "ada", "password": "wrong"});
    for path in
        ["/api/token/", "/api/v1/user/token", "/api/v1/user/token/sliding/", "/api/token/sliding", TOKEN]
    {
        let answer = anonymous.post(path, &wrong).await?;
        ensure!(answer.status == 401, "{path}: {answer:?}");
    }
    // Neither another spelling nor a claimed address helps.
    for path in [TOKEN, "/api/token", "/api/v1/user/%74oken/", "/api/v1/user/session/"] {
        let request =
            anonymous.request(Method::POST, path).header("X-Forwarded-For", "198.51.100.7").json(&wrong);
        let answer = anonymous.send(request).await?;
        ensure!(
            (answer.status, answer.code(), answer.header("retry-after")) == (429, "throttled", "10"),
            "{path}: {answer:?}"
        );
        ensure!(answer.header("x-request-id").len() == 36, "{answer:?}");
    }
    // A fragment has no business in a request; what lies behind it would decide whether the path counts.
    let fragment = format!("POST {TOKEN}#x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let answer = raw(&composed.base, fragment.as_bytes()).await?;
    ensure!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // A look at what a login needs, an answer for a page, and everything else goes on.
    for (method, path, status) in [
        (Method::OPTIONS, TOKEN, 200),
        (Method::GET, "/api/v1/user/session/", 200),
        (Method::POST, "/api/v1/user/token/verify/", 400),
        (Method::POST, "/api/v1/user/token/refresh/", 400),
        (Method::GET, ORGANIZATIONS, 401),
    ] {
        let answer = anonymous.send(anonymous.request(method, path).json(&json!({}))).await?;
        ensure!(answer.status == status, "{path}: {answer:?}");
    }
    let right = json!({"username": "ada", "password": PASSWORD});
    let again = async || Ok(anonymous.post(TOKEN, &right).await?.status == 200);
    let waited = until("logins are let through again", Duration::from_secs(30), again).await?;
    println!("logins are let through again after {waited:.1?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn what_clients_claim_about_themselves_does_not_get_through() -> anyhow::Result<()> {
    let composed = Composed::started(&[], ONE).await?;
    composed.user("ada").await?;
    let anonymous = Actor::new(&composed.base);
    let login =
        anonymous.request(Method::POST, TOKEN).json(&json!({"username": "ada", "password": PASSWORD}));
    let login = login.header("X-Forwarded-For", "198.51.100.7").header("X-Real-IP", "198.51.100.7");
    let login = login.header("X-Request-Id", "mine").header("Forwarded", "for=198.51.100.7");
    let answer = anonymous.send(login).await?;
    ensure!(answer.status == 200 && answer.header("x-request-id").len() == 36, "{answer:?}");
    let ada = Actor::with_pair(&composed.base, answer.text_of("access")?, answer.text_of("refresh")?);
    let sessions = ada.get("/api/v1/user/sessions/").await?;
    ensure!(sessions.status == 200 && !sessions.text.contains("198.51.100.7"), "{sessions:?}");
    // The address that it names instead is the network's, where the engine passes connections on.
    ensure!(sessions.text.contains(NETWORKS), "{sessions:?}");

    // Links of a page go where the client is, whatever it says about hosts and schemes.
    for number in 0..6 {
        let answer = ada.post(ORGANIZATIONS, &json!({ "name": format!("Organization {number}") })).await?;
        ensure!(answer.status == 201, "{answer:?}");
    }
    let list = ada.request(Method::GET, ORGANIZATIONS).header("X-Forwarded-Host", "evil.example");
    let list = ada.send(list.header("X-Forwarded-Proto", "https")).await?;
    let next = list.text_of("next")?;
    ensure!(next.starts_with(&composed.base), "{next} is not below {}", composed.base);

    for path in ["/readyz", "/healthz", "/metrics", "/internal/revocations/", "/internal/user-state/"] {
        let request = anonymous.request(Method::GET, path).header("X-Service-Secret", "development");
        let answer = anonymous.send(request).await?;
        ensure!((answer.status, answer.code()) == (404, "not_found"), "{path}: {answer:?}");
    }
    Ok(())
}

/// `--scale` while it serves: the gateway finds the new ones by itself, and uses all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker engine"]
async fn replicas_that_are_added_are_found_and_used() -> anyhow::Result<()> {
    let composed = Composed::started(&[], ONE).await?;
    let [gateway] = &composed.containers("gateway").await?[..] else { anyhow::bail!("one gateway") };
    let started = gateway.inspect("{{.State.StartedAt}}").await?;
    composed.up(Replicas { auth: 2, org: 3 }).await?;
    all_used(&composed, ORGANIZATIONS, ("org-service", 9002), 3).await?;
    all_used(&composed, "/api/v1/user/me/", ("auth-service", 9001), 2).await?;
    ensure!(gateway.inspect("{{.State.StartedAt}}").await? == started, "the gateway was started anew");
    Ok(())
}

/// Asks for this path until each of so many replicas says that it has answered.
async fn all_used(
    composed: &Composed,
    path: &str,
    (service, management): (&str, u16),
    count: usize,
) -> anyhow::Result<()> {
    let mut idle = BTreeSet::new();
    for container in composed.containers(service).await? {
        idle.insert(container.address(management).await?);
    }
    ensure!(idle.len() == count, "{idle:?}");
    let anonymous = Actor::new(&composed.base);
    let used = async || {
        anonymous.get(path).await?;
        if let Some(address) = idle.first().cloned()
            && has_answered(&address).await?
        {
            idle.remove(&address);
        }
        Ok(idle.is_empty())
    };
    until("every replica has answered something", PATIENCE, used).await?;
    Ok(())
}

async fn has_answered(management: &str) -> anyhow::Result<bool> {
    let metrics = Actor::new(management).get("/metrics").await?.text;
    Ok(metrics.lines().any(|line| line.starts_with("http_requests_total") && line.contains("\"401\"")))
}
