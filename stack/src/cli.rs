//! The command line of `tessera`.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use anyhow::Context as _;
use auth_service::commands::{self, Command};
use clap::{Args, Parser, Subcommand};
use org_service::commands::{AuditCommand, OrganizationCommand};
use shared::{
    Clock,
    config::{Variables, print_listings},
    http::server::{ServerOptions, Signals},
};

use crate::{
    Stack,
    data::{DataFolder, set_databases},
    tour,
};

/// Authentication and organizations in one process. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "tessera", version)]
pub struct Cli {
    /// The data folder.
    #[arg(long, global = true, default_value = "./data")]
    data: PathBuf,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve until SIGINT or SIGTERM.
    Serve(Serve),
    /// Work with the record of what was changed in organizations.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Manage deleted organizations.
    #[command(subcommand)]
    Organization(OrganizationCommand),
    #[command(flatten)]
    Manage(Command),
}

/// Where to serve.
#[derive(Debug, Args)]
struct Serve {
    /// The public port; 0 takes any free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The management port; the one behind the public port unless given.
    #[arg(long)]
    management_port: Option<u16>,
    /// The address to listen on. The management port stays on loopback.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
}

/// Runs the command line; see [`shared::process::run`].
pub async fn run(cli: Cli, variables: Variables) -> anyhow::Result<()> {
    let variables = variables.with_files()?;
    match cli.action.unwrap_or(Action::Serve(Serve::default())) {
        Action::Serve(serve) => self::serve(&serve, &cli.data, variables).await,
        Action::Audit(command) => audit(&command, &cli.data, variables).await,
        Action::Organization(command) => organization(&command, &cli.data, variables).await,
        Action::Manage(command) => manage(command, &cli.data, variables).await,
    }
}

impl Default for Serve {
    fn default() -> Self {
        Self { port: 8000, management_port: None, host: Ipv4Addr::LOCALHOST.into() }
    }
}

impl Serve {
    fn options(&self) -> ServerOptions {
        let behind = if self.port == 0 { 0 } else { self.port.wrapping_add(1) };
        let management = self.management_port.unwrap_or(behind);
        ServerOptions::new((self.host, self.port).into(), (Ipv4Addr::LOCALHOST, management).into())
    }
}

async fn serve(serve: &Serve, data: &std::path::Path, mut variables: Variables) -> anyhow::Result<()> {
    shared::telemetry::start(&variables)?;
    let folder = DataFolder::create(data)?;
    let _lock = folder.lock()?;
    folder.tidy()?;
    folder.complete(&mut variables)?;
    let mut signals = Signals::listen()?;
    let Some(stack) = signals.before(Stack::start(&variables, Clock::System)).await else { return Ok(()) };
    let stack = stack?;
    let options = ServerOptions { drain_delay: stack.auth.config().drain_delay, ..serve.options() };
    let bound = stack
        .bind(&options)
        .with_context(|| format!("cannot listen on {} and {}", options.listen, options.management_listen))?;
    stack.org.config().caution();
    let mut out = std::io::stdout();
    tour::print(&bound, data, &mut out)?;
    out.flush()?;
    Ok(bound.run_until(signals).await?)
}

/// Runs a command on the record of changes beside a server that may be running.
async fn audit(
    command: &AuditCommand,
    data: &std::path::Path,
    mut variables: Variables,
) -> anyhow::Result<()> {
    // An export needs no data.
    if !command.brings_records() {
        find_organizations(data, &mut variables)?;
    }
    org_service::commands::audit(command, &variables, &mut std::io::stdout()).await
}

/// Runs a command on deleted organizations beside a server that may be running.
async fn organization(
    command: &OrganizationCommand,
    data: &std::path::Path,
    mut variables: Variables,
) -> anyhow::Result<()> {
    find_organizations(data, &mut variables)?;
    org_service::commands::organization(command, &variables, &mut std::io::stdout()).await
}

/// Names the database of organizations: a database elsewhere needs no folder.
fn find_organizations(data: &std::path::Path, variables: &mut Variables) -> anyhow::Result<()> {
    if variables.get("ORG_DATABASE_URL").is_none() {
        DataFolder::open(data)?.complete(variables)?;
    }
    Ok(())
}

/// Runs a management command beside a server that may be running.
async fn manage(command: Command, data: &std::path::Path, mut variables: Variables) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match &command {
        // What touches no data needs none; where there is a folder, its key counts.
        Command::Config(format) => {
            match DataFolder::open(data) {
                Ok(folder) => folder.complete(&mut variables)?,
                Err(_) => set_databases(data, &mut variables),
            }
            return print_config(&variables, format, &mut out);
        }
        Command::Token(token) if token.brings_keys() => set_databases(data, &mut variables),
        Command::Createsuperuser(_) | Command::Migrate => {
            DataFolder::create(data)?.complete(&mut variables)?;
        }
        _ => match DataFolder::open(data) {
            Ok(folder) => folder.complete(&mut variables)?,
            Err(_) if variables.get("AUTH_DATABASE_URL").is_some() => set_databases(data, &mut variables),
            Err(missing) => return Err(missing.into()),
        },
    }
    if matches!(command, Command::Migrate) {
        org_service::commands::migrate(&org_service::Config::read(&variables)?, &mut out).await?;
    }
    commands::run(command, &variables, &mut out).await
}

/// The settings of both services as one list.
fn print_config(
    variables: &Variables,
    format: &commands::ConfigFormat,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let auth = auth_service::Config::read(variables)?;
    let org = org_service::Config::read(variables)?;
    let listings = [auth.listings(), org.listings()].concat();
    Ok(print_listings(&listings, format.json, out)?)
}
