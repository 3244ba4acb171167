//! Statements alone, through `pgbench -M prepared`.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use shared::DbUrl;
use tokio::process::Command;

use crate::row::Run;

/// Runs a script over and over on so many connections; gives transactions per second. `variables` are
/// the script's.
pub(crate) async fn run(
    (script, folder): (&str, &Path),
    database: &DbUrl,
    variables: &[(&str, &str)],
    (connections, length): (usize, Duration),
) -> anyhow::Result<Run> {
    let file = folder.join("statement.sql");
    std::fs::write(&file, script)?;
    let threads = std::thread::available_parallelism()?.get().min(connections);
    let mut command = Command::new("pgbench");
    command.args(["--no-vacuum", "--protocol", "prepared", "--client", &connections.to_string()]);
    command.args(["--jobs", &threads.to_string(), "--time", &length.as_secs().max(1).to_string()]);
    command.arg("--file").arg(&file);
    command.args(variables.iter().map(|(name, value)| format!("--define={name}={value}")));
    command.arg(database.secret_text()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("pgbench: apt-get install postgresql")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
    rate(&text)
}

fn rate(text: &str) -> anyhow::Result<Run> {
    let mut lines = text.lines();
    let tps = lines.find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    let rate: f64 = tps.with_context(|| format!("no rate in {text}"))?.parse()?;
    ensure!(rate > 0.0, "nothing was done: {text}");
    // In the script's last transactions nobody may have failed.
    let failed = text.lines().find_map(|line| line.strip_prefix("number of failed transactions: "));
    ensure!(failed.is_none_or(|failed| failed.starts_with("0 ")), "transactions failed: {text}");
    Ok(Run { rate, ..Run::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "number of transactions actually processed: 100\n\
        number of failed transactions: 0 (0.000%)\nlatency average = 1.2 ms\n\
        tps = 1234.500000 (without initial connection time)\n";

    #[test]
    fn the_rate_is_read_out_of_what_pgbench_prints() {
        assert!((rate(SAID).unwrap().rate - 1234.5).abs() < 1e-9);
        assert!(rate(&SAID.replace("failed transactions: 0", "failed transactions: 1")).is_err());
        assert!(rate(&SAID.replace("tps = 1234.5", "tps = 0")).is_err());
        assert!(rate("").is_err());
    }
}
