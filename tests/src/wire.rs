//! [`Wire`]: one kept connection that asks the same again and again, for a hundredth of what a whole
//! HTTP client costs.
//!
//! It shares the processors with the services that it measures: whatever it spends, they lack.

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection to a service.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
    bytes: Vec<u8>,
}

/// A `GET` with a bearer token, ready to be sent.
#[must_use]
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

impl Wire {
    /// Connects to `http://HOST:PORT`.
    pub async fn connect(base: &str) -> anyhow::Result<Self> {
        let address = base.strip_prefix("http://").context("an http:// address")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), bytes: Vec::new() })
    }

    /// Sends a request, reads the whole answer, and gives its status.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        let status = self.line().await?.split(' ').nth(1).context("a status line")?.parse()?;
        let mut length = 0;
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse()?;
            }
        }
        self.bytes.resize(length, 0);
        self.stream.read_exact(&mut self.bytes).await?;
        Ok(status)
    }

    async fn line(&mut self) -> anyhow::Result<&str> {
        self.bytes.clear();
        self.stream.read_until(b'\n', &mut self.bytes).await?;
        let line = std::str::from_utf8(&self.bytes)?;
        line.strip_suffix("\r\n").context("the connection was closed")
    }
}
