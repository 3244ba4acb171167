//! A third service in a page: `GET /open` for everybody, `GET /protected` for whoever holds a token.

use std::{io::Write, net::SocketAddr, sync::Arc};

use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Parser;
use shared::{
    Authenticator, Caller, Clock, Issuer, Verifier,
    auth::AuthenticationClasses,
    config::{self, Variables},
    issuer::KeySource,
    telemetry,
    verifier::VerifierSettings,
};

#[derive(Parser)]
struct Cli {
    /// The auth service's management address.
    #[arg(long)]
    issuer: url::Url,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

async fn open() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"hello": "world"}))
}

async fn protected(_: Caller) -> HttpResponse {
    open().await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (cli, variables) = (Cli::parse(), Variables::from_env());
    telemetry::start(&variables)?;
    let rules = Arc::new(VerifierSettings::read(&variables)?.rules()?);
    let issuer = Issuer::http(cli.issuer, config::service_secrets(&variables)?.into_iter().next())?;
    let keys = KeySource::choose(&rules, &issuer, &Clock::System)?;
    keys.ready().await;
    let verifier = Verifier::new(keys, rules, Clock::System);
    let authenticator =
        web::Data::new(Authenticator::new(verifier, issuer, AuthenticationClasses::read(&variables)?));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(authenticator.clone())
            .route("/open", web::get().to(open))
            .route("/protected", web::get().to(protected))
    })
    .bind(cli.listen)?;
    for address in server.addrs() {
        writeln!(std::io::stdout(), "listening on http://{address}")?;
    }
    Ok(server.run().await?)
}
