//! The command line of `org-service`.

use std::io::Write;

use clap::{Parser, Subcommand};
use shared::{
    Clock,
    config::Variables,
    http::{
        healthcheck,
        metrics::Metrics,
        server::{ServerOptions, Shared, Signals, bind},
    },
};

use crate::{App, Config, commands, config};

/// The organization service.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve until SIGINT or SIGTERM.
    Serve,
    /// Ask the service on this machine whether it is ready; for a container's health check.
    Healthcheck,
    #[command(flatten)]
    Manage(commands::Command),
}

/// Runs the command line; see [`shared::process::run`].
pub async fn run(cli: Cli, variables: Variables) -> anyhow::Result<()> {
    match cli.action {
        Action::Serve => serve(&variables.with_files()?).await,
        Action::Manage(command) => {
            commands::run(&command, &variables.with_files()?, &mut std::io::stdout()).await
        }
        // It needs no secret, so it reads none.
        Action::Healthcheck => Ok(healthcheck::ask(&variables, "ORG_", config::MANAGEMENT_LISTEN)?),
    }
}

async fn serve(variables: &Variables) -> anyhow::Result<()> {
    shared::telemetry::start(variables)?;
    let config = Config::read(variables)?;
    let issuer = config.http_issuer()?;
    let drain_delay = config.drain_delay;
    let addresses = ServerOptions::new(config.listen, config.management_listen);
    let options = ServerOptions { drain_delay, opens_when_ready: true, ..addresses };
    let mut signals = Signals::listen()?;
    let Some(app) = signals.before(App::start(config, issuer, Clock::System)).await else { return Ok(()) };
    let app = app?;
    let metrics = Metrics::new();
    metrics.show_revocations(app.revocations());
    let shared = Shared { readiness: app.readiness(), metrics };
    let (public, private) = (app.clone(), app.clone());
    let bound = bind(
        &options,
        shared,
        move |config| public.configure(config),
        move |config| private.configure_management(config),
    )?;
    app.config().caution();
    let address = bound.address;
    say(&format!("management on http://{}", bound.management_address))?;
    let opened = || say(&format!("listening on http://{address}"));
    Ok(bound.run_until_after(signals, app.ready(), opened).await?)
}

/// For whoever started the service and wants to know its addresses.
fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}
