//! Any of the services as a process of its own: the first argument says which, the rest is its
//! command line.
//!
//! It exists because cargo builds the programs of a test's own package before the test, and of no
//! other package. What runs is what the services' own `main` runs.

use std::{env, ffi::OsString, io::Write};

use anyhow::Context as _;
use clap::Parser;
use shared::{Clock, config::Variables, telemetry};

// The services' own: memory and time per request are measured on this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    shared::process::run(run())
}

async fn run() -> anyhow::Result<()> {
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let service = arguments.first().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if arguments.is_empty() {
        arguments.push("node".into());
    }
    let variables = Variables::from_env();
    match service.as_str() {
        "auth" => auth_service::cli::run(auth_service::cli::Cli::parse_from(arguments), variables).await,
        "org" => org_service::cli::run(org_service::cli::Cli::parse_from(arguments), variables).await,
        "tessera" => tessera::cli::run(tessera::cli::Cli::parse_from(arguments), variables).await,
        "protected" => protected(arguments, &variables).await,
        _ => anyhow::bail!("which? auth, org, protected or tessera"),
    }
}

async fn protected(arguments: Vec<OsString>, variables: &Variables) -> anyhow::Result<()> {
    telemetry::start(variables)?;
    let cli = protected_service::Cli::parse_from(arguments);
    let (addresses, server) = protected_service::bind(cli, variables, Clock::System).await?;
    let address = addresses.first().context("an address")?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    Ok(server.await?)
}
