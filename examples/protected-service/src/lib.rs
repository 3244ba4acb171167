//! A third service in a page: `GET /open` for everybody, `GET /protected` for whoever holds a token,
//! `GET /invoices` for whoever holds one for an organization that permits it.

use std::{net::SocketAddr, sync::Arc};

use actix_web::{App, HttpResponse, HttpServer, dev::Server, web};
use clap::Parser;
use shared::{
    Authenticator, Caller, Clock, Issuer, OrgCaller, Problem, Verifier,
    auth::AuthenticationClasses,
    config::{Variables, process::ProcessSettings},
    verifier::VerifierSettings,
};

/// Where the keys come from and where to serve.
#[derive(Debug, Parser)]
pub struct Cli {
    /// The auth service's management address.
    #[arg(long)]
    pub issuer: url::Url,
    /// Port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

async fn open() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"hello": "world"}))
}

async fn protected(_: Caller) -> HttpResponse {
    open().await
}

async fn invoices(caller: OrgCaller) -> Result<HttpResponse, Problem> {
    caller.require("invoice:read")?;
    Ok(HttpResponse::Ok().json(serde_json::json!({"organization": caller.org_id(), "invoices": []})))
}

/// Waits for the issuer's keys, then binds. The server serves once it is awaited.
pub async fn bind(cli: Cli, vars: &Variables, clock: Clock) -> anyhow::Result<(Vec<SocketAddr>, Server)> {
    let rules = Arc::new(VerifierSettings::read(vars)?.rules()?);
    let (classes, process) = (AuthenticationClasses::read(vars)?, ProcessSettings::read(vars)?);
    let secret = process.issuer_secret()?;
    classes.demand_secret(secret.as_ref())?;
    let issuer = Issuer::http(cli.issuer, secret)?;
    let verifier = Verifier::follow(&issuer, rules, process.revocation(), clock)?;
    verifier.ready().await;
    let authenticator = Authenticator::new(verifier, issuer, classes).behind(process.trusted_proxies());
    let authenticator = web::Data::new(authenticator);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(authenticator.clone())
            .route("/open", web::get().to(open))
            .route("/protected", web::get().to(protected))
            .route("/invoices", web::get().to(invoices))
    })
    .bind(cli.listen)?;
    Ok((server.addrs(), server.run()))
}
