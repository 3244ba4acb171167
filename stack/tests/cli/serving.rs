//! `serve`: what it prints and makes, and how it ends.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::process::{Folder, Running, shell};

#[tokio::test]
async fn the_tour_works_as_pasted() -> anyhow::Result<()> {
    for name in ["data", "my data (it's new)"] {
        let folder = Folder::named(name)?;
        let server = folder.serve(&[])?;
        let lines: Vec<&str> = server.printed.iter().filter_map(|line| line.strip_prefix("  ")).collect();
        assert_eq!(lines.len(), 4, "{:?}", server.printed);
        let done = shell(&lines.join("\n"))?;
        let told = format!("{done:?}");
        let out = done.ok()?;
        assert!(out.contains("Superuser admin created successfully."), "{told}");
        assert!(out.contains("HTTP/1.1 401 Unauthorized"), "{told}");
        assert!(out.contains("Authentication credentials were not provided."), "{told}");
        assert!(out.contains(r#""message":"Organization Added !""#), "{told}");
        assert_eq!(server.printed.first(), Some(&format!("listening on {}", server.base)));
        let ready = e2e::Actor::new(&server.management).get("/readyz").await?;
        assert_eq!(ready.status, 200, "{}", ready.text);
    }
    Ok(())
}

#[tokio::test]
async fn only_the_owner_can_read_the_folder_and_the_master_key() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    let mode = |name: &str| -> anyhow::Result<u32> {
        Ok(fs::metadata(folder.path.join(name))?.permissions().mode() & 0o777)
    };
    assert_eq!((mode("")?, mode("master.key")?), (0o700, 0o600));
    for name in ["auth.db", "org.db", "tessera.lock"] {
        assert!(folder.path.join(name).exists(), "{name}");
    }
    assert_eq!(server.anonymous().get("/.well-known/jwks.json").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused_and_the_first_goes_on() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let first = folder.serve(&[])?;
    let complaint = folder.refused("0", &[])?;
    assert!(complaint.contains("another server uses the data folder"), "{complaint}");
    assert_eq!(first.anonymous().get("/.well-known/jwks.json").await?.status, 200);
    let port = first.base.rsplit(':').next().unwrap_or_default();
    let complaint = Folder::new()?.refused(port, &[])?;
    assert!(complaint.contains("cannot listen on"), "{complaint}");
    drop(first);
    folder.serve(&[]).map(drop)
}

/// A login whose body has not arrived, but whose head the server has answered with "go on".
fn begin_login(server: &Running, body: &str) -> anyhow::Result<TcpStream> {
    let mut line = TcpStream::connect(server.base.trim_start_matches("http://"))?;
    let head = "POST /api/v1/user/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    write!(line, "{head}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len())?;
    let mut answer = [0; 25];
    line.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    Ok(line)
}

/// Until nobody listens any more.
fn wait_for_silence(server: &Running) -> anyhow::Result<()> {
    let began = Instant::now();
    while TcpStream::connect(server.base.trim_start_matches("http://")).is_ok() {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(20), "new connections are still taken");
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_the_server_after_what_is_in_flight() -> anyhow::Result<()> {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new()?;
        let mut server = folder.serve(&[])?;
        folder.user("alice")?;
        let body = serde_json::json!({"username": "alice", "password": e2e::PASSWORD}).to_string();
        let mut line = begin_login(&server, &body)?;
        server.signal(signal)?;
        wait_for_silence(&server)?;
        line.write_all(body.as_bytes())?;
        let mut heard = String::new();
        line.read_to_string(&mut heard)?;
        assert!(heard.starts_with("HTTP/1.1 200 OK"), "SIG{signal}: {heard}");
        assert_eq!(server.wait()?.code(), Some(0), "SIG{signal}");
        // The lock went with it.
        folder.serve(&[]).context("the next start")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server_from_ending() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let mut server = folder.serve(&[])?;
    let _stuck = begin_login(&server, "{ and nothing more")?;
    let began = Instant::now();
    server.signal("TERM")?;
    assert_eq!(server.wait()?.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    Ok(())
}
