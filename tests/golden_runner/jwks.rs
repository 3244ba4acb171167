//! What `<local JWKS url>` stands for: a key set on loopback, or an address on which nothing listens.

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use crate::settings::Keys;

/// A key set being served; it ends with this value.
#[derive(Debug)]
pub(crate) struct Jwks {
    pub(crate) url: String,
    server: Option<JoinHandle<()>>,
}

impl Drop for Jwks {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Serves the recordings' RSA verifying key under `k1`.
pub(crate) async fn serve(keys: &Keys) -> anyhow::Result<Jwks> {
    let key = DecodingKey::from_rsa_pem(keys.read("rsa.pub.pem")?.as_bytes())?;
    let mut key = Jwk::from_decoding_key(&key, Some(Algorithm::RS256))?;
    key.common.key_id = Some("k1".to_owned());
    let body = serde_json::json!({ "keys": [key] }).to_string();
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the key set")?;
    let url = format!("http://{}/jwks.json", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            // Whatever is asked for, this is the answer; a client that went away misses it.
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(response.as_bytes()).await;
            }
        }
    });
    Ok(Jwks { url, server: Some(server) })
}

/// An address that was free a moment ago.
pub(crate) async fn nowhere() -> anyhow::Result<Jwks> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(Jwks { url: format!("http://{}/jwks.json", listener.local_addr()?), server: None })
}
