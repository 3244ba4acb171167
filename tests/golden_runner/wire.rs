//! HTTP/1.1 written and read by hand, because recordings hold what clients refuse to send: `TRACE`,
//! chunked bodies, Latin-1 header bytes, doubled headers, odd paths.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// A request as bytes go out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunked: bool,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; several of one name are joined as RFC 9110 allows.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let values: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One exchange on a connection of its own.
pub(crate) async fn send(host: &str, outgoing: &Outgoing) -> anyhow::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.with_context(|| format!("connecting to {host}"))?;
        let (mut reading, mut writing) = stream.split();
        let request = bytes(host, outgoing);
        let mut received = Vec::new();
        // At once: a server may refuse a body before it has read it all, and its answer still counts.
        let (written, read) = tokio::join!(writing.write_all(&request), reading.read_to_end(&mut received));
        if received.is_empty() {
            written?;
            read?;
        }
        parse(&received, outgoing.method == "HEAD")
    };
    timeout(PATIENCE, exchange).await.context("no answer in time")?
}

fn bytes(host: &str, outgoing: &Outgoing) -> Vec<u8> {
    let has = |name: &str| outgoing.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut out = format!("{} {} HTTP/1.1\r\n", outgoing.method, outgoing.path).into_bytes();
    let mut line = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    if !has("Host") {
        line("Host", host.as_bytes());
    }
    for (name, value) in &outgoing.headers {
        line(name, value);
    }
    let takes_body = matches!(outgoing.method.as_str(), "POST" | "PUT" | "PATCH");
    if outgoing.chunked {
        line("Transfer-Encoding", b"chunked");
    } else if !has("Content-Length") && (takes_body || !outgoing.body.is_empty()) {
        line("Content-Length", outgoing.body.len().to_string().as_bytes());
    }
    line("Connection", b"close");
    out.extend_from_slice(b"\r\n");
    if outgoing.chunked {
        for part in outgoing.body.chunks(1024) {
            out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            out.extend_from_slice(part);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\n\r\n");
    } else {
        out.extend_from_slice(&outgoing.body);
    }
    out
}

/// Reads one complete response; the connection was closed behind it.
pub(crate) fn parse(received: &[u8], is_head: bool) -> anyhow::Result<Answer> {
    let (head, body) = split_at_blank_line(received).context("the answer has no end of headers")?;
    let head: String = head.iter().copied().map(char::from).collect();
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status: u16 = status.with_context(|| format!("no status in {status_line:?}"))?;
    if (100..200).contains(&status) {
        return parse(body, is_head);
    }
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    if !is_head && status != 204 && status != 304 {
        let chunked = answer.header("Transfer-Encoding").is_some_and(|coding| coding.contains("chunked"));
        answer.body = if chunked { unchunk(body)? } else { by_length(&answer, body)? };
    }
    Ok(answer)
}

fn by_length(answer: &Answer, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Some(length) = answer.header("Content-Length") else { return Ok(body.to_vec()) };
    let length: usize = length.parse().with_context(|| format!("Content-Length {length:?}"))?;
    if body.len() != length {
        bail!("Content-Length says {length}, {} bytes came", body.len());
    }
    Ok(body.to_vec())
}

fn unchunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").context("a chunk without its size")?;
        let size = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let from = end + 2;
        body.extend_from_slice(rest.get(from..from + size).context("a chunk cut short")?);
        rest = rest.get(from + size + 2..).context("a chunk cut short")?;
    }
}

fn split_at_blank_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((bytes.get(..at)?, bytes.get(at + 4..)?))
}
