//! [`Done`]: what a command left that ran to its end.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::{io::AsyncWriteExt, process::Command};

/// How long a command may take: far beyond what it needs, for a machine that is busy compiling.
const LIMIT: Duration = Duration::from_secs(60);

/// Exit code and output of a command.
#[derive(Debug)]
pub struct Done {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Done {
    /// Runs `program` with nothing but this environment, and with this on its standard input.
    pub async fn of(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        input: &str,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        // A command that fails early reads nothing.
        drop(child.stdin.take().context("a pipe")?.write_all(input.as_bytes()).await);
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        let output = output.with_context(|| format!("{arguments:?} has no end"))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    /// The output of a command that succeeded.
    pub fn ok(self) -> anyhow::Result<String> {
        anyhow::ensure!(self.code == Some(0), "{self:?}");
        Ok(self.out)
    }

    /// The complaint of a command that failed: exit code 1, one line, and nothing on its output.
    pub fn complaint(self) -> anyhow::Result<String> {
        let one = self.err.lines().count() == 1 && self.err.starts_with("error: ") && self.out.is_empty();
        anyhow::ensure!(self.code == Some(1) && one, "{self:?}");
        Ok(self.err.trim_start_matches("error: ").trim_end().to_owned())
    }
}
