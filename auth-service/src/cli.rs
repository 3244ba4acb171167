//! The command line of `auth-service`.

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

/// The auth service: users, sessions, tokens and keys.
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
            commands::run(command, &variables.with_files()?, &mut std::io::stdout()).await
        }
        // It needs no secret, so it reads none.
        Action::Healthcheck => Ok(healthcheck::ask(&variables, "AUTH_", config::MANAGEMENT_LISTEN)?),
    }
}

async fn serve(variables: &Variables) -> anyhow::Result<()> {
    shared::telemetry::start(variables)?;
    let config = Config::read(variables)?;
    let drain_delay = config.drain_delay;
    let options =
        ServerOptions { drain_delay, ..ServerOptions::new(config.listen, config.management_listen) };
    let mut signals = Signals::listen()?;
    let organizations = config.http_organizations()?;
    let starting = App::start(config, organizations, Clock::System);
    let Some(app) = signals.before(starting).await else { return Ok(()) };
    let app = app?;
    let metrics = Metrics::new();
    metrics.show_revocations(app.feed().revocations());
    let shared = Shared { readiness: app.readiness(), metrics };
    let (public, private) = (app.clone(), app);
    let bound = bind(
        &options,
        shared,
        move |config| public.configure(config),
        move |config| private.configure_management(config),
    )?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", bound.address)?;
    writeln!(out, "management on http://{}", bound.management_address)?;
    out.flush()?;
    Ok(bound.run_until(signals).await?)
}
