//! The management commands.

mod audit;
mod organization;
#[cfg(test)]
mod tests;

use std::io::Write;

use clap::{Args, Subcommand};
use shared::{
    Db, DbError, DbLimits,
    config::{Variables, print_listings},
};

pub use audit::{AuditCommand, run as audit};
pub use organization::{OrganizationCommand, run as organization};

use crate::{Config, migrations};

/// What the service can be told to do, beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply the database migrations that are missing.
    Migrate,
    /// Show every setting, its value and where it came from.
    Config(ConfigFormat),
    /// Work with the record of changes.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Manage deleted organizations.
    #[command(subcommand)]
    Organization(OrganizationCommand),
}

/// How `config` prints.
#[derive(Debug, Args)]
pub struct ConfigFormat {
    /// As JSON instead of lines.
    #[arg(long)]
    json: bool,
}

/// Runs a command. Whatever it prints for its user goes to `out`.
pub async fn run(command: &Command, variables: &Variables, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        Command::Migrate => migrate(&Config::read(variables)?, out).await,
        Command::Config(format) => Ok(print_listings(Config::read(variables)?.listings(), format.json, out)?),
        Command::Organization(command) => organization::run(command, variables, out).await,
        Command::Audit(command) => audit::run(command, variables, out).await,
    }
}

/// Connects to the database for a command beside a server.
async fn connect(config: &Config) -> Result<Db, DbError> {
    let migrations = migrations().applied(config.migrate);
    Db::connect(&config.database, migrations, DbLimits { connections: 1, ..config.database_limits }).await
}

/// Applies the migrations that are missing.
pub async fn migrate(config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    let applied = shared::db::migrate(&config.database, migrations()).await?;
    for version in &applied {
        writeln!(out, "org: applied {version}")?;
    }
    if applied.is_empty() {
        writeln!(out, "org: nothing to apply")?;
    }
    Ok(())
}
