//! The command line, and the [`Plan`] that it chooses.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

/// Measures Tessera beside limits and peers.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
}

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Wanted {
    /// Small sizes and short runs, under two minutes: finds what is broken, measures little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these families of rows, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "ROW")]
    pub(crate) only: Vec<String>,
    /// Where results.md and results.json go
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Also measure a cold build and a warm rebuild, which takes minutes
    #[arg(long)]
    pub(crate) builds: bool,
    /// Rows of the organization service's tables in `scale`
    #[arg(long, value_name = "COUNT")]
    pub(crate) scale: Option<u64>,
    /// Programs built elsewhere; by default they are built here
    #[arg(long, value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,
}

/// What to do instead of measuring.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Names the families of rows
    List,
    /// Draws the results as SVG, beside the file
    Chart {
        /// results.json
        results: PathBuf,
    },
    /// Serves an answer and nothing else: what everything is compared with
    #[command(hide = true)]
    Bare,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether it is the short one.
    pub(crate) quick: bool,
    /// How often each side takes its turn. Many short turns tell more than few long ones: a neighbour on the
    /// machine comes and goes within seconds.
    pub(crate) rounds: usize,
    /// How long a turn takes; whole seconds, for wrk knows no others.
    pub(crate) turn: Duration,
    /// The same where in a short one too few answers come to tell anything.
    pub(crate) long_turn: Duration,
    /// Different tokens in turn.
    pub(crate) tokens: usize,
    /// Live revocations.
    pub(crate) revocations: u32,
    /// Users and sessions that are there besides.
    pub(crate) bulk: u32,
    /// Logouts that are followed to every validator.
    pub(crate) logouts: usize,
    /// Connections that do nothing.
    pub(crate) idle: usize,
    /// Rows in the organization service's tables.
    pub(crate) scale: u64,
    /// How long memory is watched.
    pub(crate) watch: Duration,
}

impl Wanted {
    /// The sizes and times that were asked for.
    pub(crate) fn plan(&self) -> Plan {
        let plan = if self.quick { QUICK } else { FULL };
        Plan { scale: self.scale.unwrap_or(plan.scale), ..plan }
    }
}

const FULL: Plan = Plan {
    quick: false,
    rounds: 9,
    turn: Duration::from_secs(1),
    long_turn: Duration::from_secs(4),
    tokens: 10_000,
    revocations: 1_000_000,
    bulk: 1_000_000,
    logouts: 300,
    idle: 10_000,
    scale: 300_000,
    watch: Duration::from_secs(300),
};

const QUICK: Plan = Plan {
    quick: true,
    rounds: 1,
    turn: Duration::from_secs(1),
    long_turn: Duration::from_secs(1),
    tokens: 1000,
    revocations: 50_000,
    bulk: 5000,
    logouts: 20,
    idle: 1000,
    // More than are counted one by one.
    scale: 50_000,
    watch: Duration::from_secs(3),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &[&str]) -> Wanted {
        Cli::try_parse_from([&["bench"], line].concat()).unwrap().wanted
    }

    #[test]
    fn the_command_line_chooses_a_plan() {
        assert_eq!(wanted(&[]).plan().rounds, FULL.rounds);
        let quick = wanted(&["--quick", "--scale", "7", "--only", "refresh,list"]);
        assert_eq!((quick.plan().quick, quick.plan().scale), (true, 7));
        assert_eq!(quick.only, ["refresh", "list"]);
    }
}
