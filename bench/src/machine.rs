//! [`Machine`]: what the figures were measured on, and of which state of the code.

use std::{path::Path, process::Command};

use serde::{Deserialize, Serialize};
use shared::Clock;

use crate::stats::float;

/// What the figures were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) model: String,
    /// Threads that run at a time.
    pub(crate) cores: usize,
    /// In 10⁹ bytes.
    pub(crate) memory_gb: f64,
    /// Of the last minute, before anything was measured.
    pub(crate) load: f64,
    /// When it began (RFC 3339).
    pub(crate) date: String,
    /// The state of the code, `+` behind it if files differ from it.
    pub(crate) commit: String,
    /// Programs that take part, with their versions.
    pub(crate) versions: Vec<String>,
}

/// Programs that take part, and how they tell their version.
const PROGRAMS: [(&str, &str); 5] = [
    ("rustc", "--version"),
    ("pgbench", "--version"),
    ("wrk", "--version"),
    ("haproxy", "-v"),
    ("uname", "-sr"),
];

impl Machine {
    /// This machine, and the code in this folder.
    pub(crate) fn here(repository: &Path) -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let load = read("/proc/loadavg");
        let said = PROGRAMS.iter().filter_map(|(program, flag)| first_line(program, &[flag], repository));
        Self {
            model: field(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: float(Self::memory()) / 1e9,
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            date: format!("{:.0}", Clock::System.now().as_jiff()),
            commit: commit(repository).unwrap_or_else(|| "unknown".to_owned()),
            versions: said.collect(),
        }
    }

    /// Its memory, in bytes; 0 if the system does not tell.
    pub(crate) fn memory() -> u64 {
        bytes(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }

    /// In one line.
    pub(crate) fn summary(&self) -> String {
        let Self { model, cores, memory_gb, load, .. } = self;
        format!("{model}, {cores} cores, {memory_gb:.0} GB, load {load:.2}")
    }
}

/// `NAME : VALUE` out of `/proc/cpuinfo` and its like.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

fn bytes(meminfo: &str) -> u64 {
    let total = field(meminfo, "MemTotal").and_then(|value| value.split(' ').next());
    total.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn commit(repository: &Path) -> Option<String> {
    let commit = first_line("git", &["rev-parse", "--short=12", "HEAD"], repository)?;
    let changed = first_line("git", &["status", "--porcelain", "--untracked-files=no"], repository).is_some();
    Some(if changed { commit + "+" } else { commit })
}

/// The first line that a command prints; none if it fails or prints nothing. wrk tells its version with an
/// exit code of 1.
fn first_line(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let cpus = "processor\t: 0\nmodel name\t: A Processor 3000: fast\n";
        assert_eq!(field(cpus, "model name"), Some("A Processor 3000: fast"));
        assert_eq!(bytes("MemTotal:       1000000 kB\nMemFree: 1 kB\n"), 1_024_000_000);
        assert_eq!(bytes(""), 0);
    }
}
