//! [`Wire`]: one kept connection that asks the same again and again, for a hundredth of what a whole
//! HTTP client costs.
//!
//! It shares the processors with the services that it measures: whatever it spends, they lack.

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection to a service.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
    /// The latest answer's head and body.
    head: Vec<u8>,
    body: Vec<u8>,
}

/// A `GET` with a bearer token, ready to be sent.
#[must_use]
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A `POST` of JSON, perhaps with a bearer token, ready to be sent.
#[must_use]
pub fn post(path: &str, json: &str, token: Option<&str>) -> Vec<u8> {
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = json.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Type: application/json\r\n");
    format!("{head}Content-Length: {length}\r\n\r\n{json}").into_bytes()
}

impl Wire {
    /// Connects to `http://HOST:PORT`.
    pub async fn connect(base: &str) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http://").context("an http:// address")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), head: Vec::new(), body: Vec::new() })
    }

    /// Sends a request, reads the whole answer, and gives its status.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.head.clear();
        while !self.head.ends_with(b"\r\n\r\n") {
            let read = self.stream.read_until(b'\n', &mut self.head).await?;
            ensure!(read > 0, "the connection was closed");
        }
        let length = self.header("content-length").map_or(Ok(0), str::parse)?;
        let status = self.lines().next().and_then(|line| line.split(' ').nth(1)).context("a status line")?;
        let status = status.parse()?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(status)
    }

    /// A header of the latest answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body of the latest answer.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.head).unwrap_or_default().split("\r\n")
    }
}
