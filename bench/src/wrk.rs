//! [`Wrk`]: a closed loop over kept connections, by [wrk](https://github.com/wg/wrk).

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use e2e::Node;
use serde::Deserialize;
use tokio::process::Command;

use crate::{row::Run, stats::float};

const REPORT: &str = include_str!("../lua/report.lua");
/// Requests made before, in turn.
pub(crate) const TURN: &str = include_str!("../lua/turn.lua");
/// Chains of refreshes.
pub(crate) const CHAIN: &str = include_str!("../lua/chain.lua");

/// Creations under new names.
pub(crate) const CREATE: &str = include_str!("../lua/create.lua");

/// How many connections send what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wrk<'a> {
    /// A folder for its files.
    pub(crate) folder: &'a Path,
    /// Each has so many connections as its part.
    pub(crate) threads: usize,
    /// Connections, all of them together.
    pub(crate) connections: usize,
    /// What each thread runs.
    pub(crate) script: &'static str,
    /// Variables of the script.
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// What `report.lua` prints, times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Report {
    requests: u64,
    micros: u64,
    /// Answers above 399.
    refused: u64,
    /// Connections that failed, and requests without an answer.
    broken: u64,
    p50: u64,
    p99: u64,
}

impl Wrk<'_> {
    /// Sends these requests in turn for so long, together with the server's processor time. An error
    /// if anybody was refused: refusals are cheap, and a benchmark of them flatters.
    pub(crate) async fn run(self, node: &Node, (requests, length): (&[u8], Duration)) -> anyhow::Result<Run> {
        let (script, file) = (self.folder.join("script.lua"), self.folder.join("requests"));
        std::fs::write(&script, [REPORT, self.script].concat())?;
        std::fs::write(&file, requests)?;
        let mut command = Command::new("wrk");
        command.args(["--timeout", "10s", "--threads", &self.threads.to_string()]);
        command.args(["--connections", &self.connections.to_string()]);
        command.args(["--duration", &format!("{}s", length.as_secs().max(1))]);
        command
            .arg("--script")
            .arg(script)
            .arg(&node.base)
            .env("REQUESTS", file)
            .envs(self.variables.iter().copied());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let before = node.usage_with_children()?.cpu;
        let output = command.output().await.context("wrk: apt-get install wrk")?;
        let spent = node.usage_with_children()?.cpu.saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk: {text}{}", String::from_utf8_lossy(&output.stderr));
        Report::read(&text)?.run(spent)
    }
}

impl Report {
    fn read(text: &str) -> anyhow::Result<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("report "));
        Ok(serde_json::from_str(line.with_context(|| format!("wrk reported nothing: {text}"))?)?)
    }

    fn run(self, spent: Duration) -> anyhow::Result<Run> {
        let Self { requests, refused, broken, .. } = self;
        ensure!(requests > 0, "no request was answered");
        ensure!(
            refused + broken == 0,
            "of {requests} requests {refused} were refused, {broken} got no answer"
        );
        let ms = |micros: u64| Some(float(micros) / 1e3);
        // Of another's processor time nothing is known.
        let cpu_us = (!spent.is_zero()).then(|| spent.as_secs_f64() * 1e6 / float(requests));
        let rate = float(requests) / (float(self.micros) / 1e6);
        Ok(Run { rate, p50_ms: ms(self.p50), p99_ms: ms(self.p99), cpu_us })
    }
}

/// Requests as `turn.lua` reads them.
pub(crate) fn in_turn(requests: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let framed = |request: Vec<u8>| [format!("{}\n", request.len()).into_bytes(), request].concat();
    requests.into_iter().flat_map(framed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 1s test @ http://127.0.0.1:1\n  1 threads and 2 connections\n\
        report {\"requests\":2000,\"micros\":1000000,\"refused\":0,\"broken\":0,\"p50\":500,\"p99\":1500}\n";

    #[test]
    fn a_report_is_read_out_of_what_wrk_prints() {
        let run = Report::read(SAID).unwrap().run(Duration::from_millis(100)).unwrap();
        let wanted = Run { rate: 2000.0, p50_ms: Some(0.5), p99_ms: Some(1.5), cpu_us: Some(50.0) };
        assert_eq!(run, wanted);
        assert_eq!(Report::read(SAID).unwrap().run(Duration::ZERO).unwrap().cpu_us, None);
        assert!(Report::read("unable to connect").is_err());
    }

    #[test]
    fn a_refusal_is_an_error() {
        for bad in ["\"refused\":1", "\"broken\":1"] {
            let name = bad.split(':').next().unwrap();
            let text = SAID.replace(&format!("{name}:0"), bad);
            assert!(Report::read(&text).unwrap().run(Duration::ZERO).is_err(), "{text}");
        }
        let none = SAID.replace("2000", "0");
        assert!(Report::read(&none).unwrap().run(Duration::ZERO).is_err());
    }

    #[test]
    fn requests_are_framed_by_their_length() {
        let framed = in_turn([b"GET /".to_vec(), b"a\nb".to_vec()]);
        assert_eq!(framed, b"5\nGET /3\na\nb");
    }
}
