//! The management commands.

use std::io::Write;

use clap::{Args, Subcommand};
use shared::config::{Variables, print_listings};

use crate::{Config, migrations};

/// What the service can be told to do, beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply the database migrations that are missing.
    Migrate,
    /// Show every setting, its value and where it came from.
    Config(ConfigFormat),
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
    let config = Config::read(variables)?;
    match command {
        Command::Migrate => migrate(&config, out).await,
        Command::Config(format) => Ok(print_listings(config.listings(), format.json, out)?),
    }
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
