//! What is no HTTP, or hardly: written straight to the socket.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::check::Stack;

struct Line(TcpStream);

impl Line {
    async fn to(stack: &Stack) -> anyhow::Result<Self> {
        Ok(Self(TcpStream::connect(stack.server.base.trim_start_matches("http://")).await?))
    }

    /// Writes what the server takes; it may hang up in between.
    async fn say(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes).await);
    }

    /// Everything that comes until the server hangs up. A reset counts as hanging up.
    async fn hear(&mut self) -> anyhow::Result<String> {
        let mut heard = Vec::new();
        let all = async {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = self.0.read(&mut buffer).await {
                heard.extend_from_slice(buffer.get(..length).unwrap_or_default());
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await?;
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }
}

fn statuses(heard: &str) -> Vec<u16> {
    heard.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// Sends something and hangs up the writing half, so that the server sees the end of it.
async fn exchange(stack: &Stack, bytes: &[u8]) -> anyhow::Result<Vec<u16>> {
    let mut line = Line::to(stack).await?;
    line.say(bytes).await;
    drop(line.0.shutdown().await);
    Ok(statuses(&line.hear().await?))
}

fn head(lines: &str) -> Vec<u8> {
    format!("POST /api/v1/user/token/ HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_server_goes_on() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let large = |name: &str| format!("{name}: {}\r\n", "x".repeat(200_000));
    let many = "X-More: y\r\n".repeat(2000);
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n").into_bytes();
    let sent: Vec<(&str, Vec<u8>)> = vec![
        ("words", line("hello")),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("nulls", vec![0; 1000]),
        ("HTTP/9.9", line("GET / HTTP/9.9")),
        ("no version", line("GET /api/v1/user/me/")),
        ("a null in the path", line("GET /\0 HTTP/1.1")),
        ("a space in the path", line("GET /a b HTTP/1.1")),
        ("a long path", line(&format!("GET /{} HTTP/1.1", "x".repeat(200_000)))),
        ("the greeting of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a long header", head(&large("X-Long"))),
        ("a long token", head(&large("Authorization"))),
        ("2,000 headers", head(&many)),
        ("a header without a name", head(": x\r\n")),
        ("a header without a colon", head("hello\r\n")),
        ("a space before the colon", head("Content-Length : 5\r\n")),
        ("a null in a header", head("X: \0\r\n")),
        ("a folded header", head("X: a\r\n b\r\n")),
        ("a negative length", head("Content-Length: -1\r\n")),
        ("a length in words", head("Content-Length: five\r\n")),
        ("a signed length", head("Content-Length: +5\r\n")),
        ("an enormous length", head("Content-Length: 99999999999999999999999\r\n")),
        ("two lengths", head("Content-Length: 2\r\nContent-Length: 3\r\n")),
        ("a length and chunks", head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n")),
        ("an unknown encoding", head("Transfer-Encoding: gzip\r\n")),
        ("chunks under another name", head("Transfer-Encoding: xchunked\r\n")),
        ("chunks, then more", head("Transfer-Encoding: chunked, identity\r\n")),
        ("a bad chunk", [head("Transfer-Encoding: chunked\r\n"), b"zz\r\nhello\r\n".to_vec()].concat()),
        (
            "an enormous chunk",
            [head("Transfer-Encoding: chunked\r\n"), b"ffffffffffffffff1\r\n".to_vec()].concat(),
        ),
        ("half a body", [head("Content-Length: 100\r\n"), b"{".to_vec()].concat()),
    ];
    for (what, bytes) in sent {
        let began = Instant::now();
        let statuses = exchange(&stack, &bytes).await?;
        let took = began.elapsed();
        assert!(statuses.len() <= 1, "{what}: {statuses:?}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {statuses:?}");
        assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    }
    Stack::nothing_logged();
    stack.goes_on().await
}

/// Two readings of where a request ends would let one client's bytes become another's request.
#[tokio::test]
async fn no_request_is_smuggled_in_another() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let hidden = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let control = exchange(&stack, &[hidden.clone(), hidden.clone()].concat()).await?;
    assert_eq!(control, [200, 200], "two honest requests in a row");
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 0, 5\r\n",
    ] {
        let statuses =
            exchange(&stack, &[head(lines), b"0\r\n\r\n".to_vec(), hidden.clone()].concat()).await?;
        assert!(!statuses.contains(&200), "{lines:?}: {statuses:?}");
    }
    stack.goes_on().await
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let slow = ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"].map(async |lines| {
        let mut line = Line::to(&stack).await?;
        line.say(&head(&format!("Content-Type: application/json\r\nConnection: close\r\n{lines}"))).await;
        line.hear().await
    });
    for heard in futures_util::future::join_all(slow).await {
        let heard = heard?;
        assert_eq!(statuses(&heard), [408], "{heard}");
        assert!(heard.contains("{\"detail\":\"Request body took too long to arrive.\"}"), "{heard}");
        assert!(heard.contains("x-request-id: "), "{heard}");
    }
    Stack::nothing_logged();
    Ok(())
}

/// The client of a chunked body alone says where it ends; nobody waits for that.
#[tokio::test]
async fn a_chunked_body_without_an_end_does_not_hold_its_connection() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    for path in ["/nowhere", "/api/v1/organization/", "/api/v1/user/me/", "/.well-known/jwks.json"] {
        let mut line = Line::to(&stack).await?;
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
        line.say(head.as_bytes()).await;
        let began = Instant::now();
        let answer = line.hear().await?;
        assert!(matches!(statuses(&answer)[..], [401 | 404 | 405]), "{path}: {answer}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
    }
    // One that ends leaves the connection to the next request.
    let whole =
        b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let login = [head("Transfer-Encoding: chunked\r\n"), b"0\r\n\r\n".to_vec()].concat();
    let mut line = Line::to(&stack).await?;
    line.say(&login).await;
    line.say(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(statuses(&line.hear().await?), [400, 404], "a body that was read to its end");
    assert_eq!(exchange(&stack, whole).await?, [404]);
    stack.goes_on().await
}

#[tokio::test]
async fn heads_that_do_not_arrive_are_given_up_and_keep_nobody_out() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let mut lines = Vec::new();
    for i in 0..300 {
        let mut line = Line::to(&stack).await?;
        let begun = head("X-Slow: y");
        line.say(begun.get(..begun.len() - i % 20).unwrap_or_default()).await;
        lines.push(line);
    }
    let began = Instant::now();
    stack.goes_on().await?;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for mut line in lines {
        let heard = line.hear().await?;
        assert!(statuses(&heard).iter().all(|status| (400..500).contains(status)), "{heard}");
    }
    Stack::nothing_logged();
    stack.goes_on().await
}

#[tokio::test]
async fn whoever_hangs_up_in_between_disturbs_nobody() -> anyhow::Result<()> {
    let stack = Stack::start().await?;
    let login = r#"{"username": "alice", "password": "wrong"}"#;
    let whole = [
        head(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", login.len())),
        login.into(),
    ];
    let whole = whole.concat();
    for length in (0..=whole.len()).step_by(7) {
        let mut line = Line::to(&stack).await?;
        line.say(whole.get(..length).unwrap_or_default()).await;
    }
    stack.goes_on().await
}
