//! The bare HTTP handler: an actix server that answers with the same few bytes, or with as many as a refresh, in a
//! process of its own. It is what everything here is built on, and so what nobody here can beat.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Bytes},
};
use anyhow::Context as _;
use e2e::Node;

async fn answer() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"hello": "world"}))
}

/// Where [`pair`] answers.
pub(crate) const CHAIN: &str = "/chain";

/// Half of a token, as far as it says nothing.
const REST: &str = match str::from_utf8(&[b'x'; 260]) {
    Ok(rest) => rest,
    Err(_) => "",
};

/// As large as a refresh's answer is, and another one each time, so that the same generator can ask for it.
async fn pair(_: Bytes) -> HttpResponse {
    // Beyond what chains begin with.
    static NUMBER: AtomicU64 = AtomicU64::new(1000);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let answer =
        [r#"{"access":""#, REST, REST, r#"","refresh":""#, REST, REST, &format!("{number:020}"), "\"}"];
    HttpResponse::Ok().content_type("application/json").body(answer.concat())
}

/// Serves until it is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let server =
        HttpServer::new(|| App::new().route(CHAIN, web::post().to(pair)).default_service(web::to(answer)));
    let server = server.keep_alive(std::time::Duration::from_secs(120)).bind("127.0.0.1:0")?;
    let address = *server.addrs().first().context("an address")?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    Ok(server.run().await?)
}

/// Starts it as a process of its own.
pub(crate) async fn start() -> anyhow::Result<Node> {
    Node::start(&std::env::current_exe()?, &["bare"], &[], 1).await
}
