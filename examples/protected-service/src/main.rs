//! Serves until SIGINT or SIGTERM.

use std::io::Write;

use clap::Parser;
use protected_service::{Cli, bind};
use shared::{Clock, config::Variables, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variables = Variables::from_env().with_files()?;
    telemetry::start(&variables)?;
    let (addresses, server) = bind(Cli::parse(), &variables, Clock::System).await?;
    for address in addresses {
        writeln!(std::io::stdout(), "listening on http://{address}")?;
    }
    Ok(server.await?)
}
