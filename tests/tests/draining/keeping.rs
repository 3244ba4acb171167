//! How long connections without a request are kept.

use std::time::Duration;

use e2e::Cluster;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::NODE;

/// Longer than actix keeps a connection by default, and with the time at which it looks.
const IDLE: Duration = Duration::from_secs(8);

/// Asks on this connection, and demands an answer.
async fn ask(kept: &mut TcpStream) -> anyhow::Result<()> {
    kept.write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut chunk = [0; 4096];
    let length = kept.read(&mut chunk).await?;
    anyhow::ensure!(chunk[..length].starts_with(b"HTTP/1.1 200 OK"), "{length} bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_may_use_a_connection_again_after_a_while() -> anyhow::Result<()> {
    let auth = Cluster::new(NODE)?.auth().await?;
    for base in [&auth.base, &auth.management] {
        let mut kept = TcpStream::connect(base.trim_start_matches("http://")).await?;
        ask(&mut kept).await?;
        // Nothing must happen, and for this long: a condition that time alone fulfils.
        let quiet = tokio::time::timeout(IDLE, kept.readable()).await;
        assert!(quiet.is_err(), "{base} was closed");
        ask(&mut kept).await?;
    }
    Ok(())
}
