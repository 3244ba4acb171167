//! [`Folder`] and [`Running`]: a data folder of a test's own, and a server on it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::Context as _;
use e2e::Actor;
use tempfile::TempDir;

/// A data folder that does not exist yet, in a folder that does.
pub(crate) struct Folder {
    around: TempDir,
    pub(crate) path: PathBuf,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The output of a command that succeeded.
    pub(crate) fn ok(self) -> anyhow::Result<String> {
        anyhow::ensure!(self.code == Some(0), "{self:?}");
        Ok(self.out)
    }

    /// The complaint of a command that failed: exit code 1, one line, and nothing on its output.
    pub(crate) fn complaint(self) -> anyhow::Result<String> {
        let one = self.err.lines().count() == 1 && self.err.starts_with("error: ") && self.out.is_empty();
        anyhow::ensure!(self.code == Some(1) && one, "{self:?}");
        Ok(self.err.trim_start_matches("error: ").trim_end().to_owned())
    }
}

pub(crate) type Env<'a> = &'a [(&'a str, &'a str)];

fn tessera(env: Env<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.env_clear().envs(env.iter().copied());
    command
}

impl Folder {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Self::named("data")
    }

    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let around = tempfile::tempdir()?;
        Ok(Self { path: around.path().join(name), around })
    }

    /// A folder beside the data, for files of the test.
    pub(crate) fn beside(&self) -> &Path {
        self.around.path()
    }

    pub(crate) fn run(&self, args: &[&str]) -> anyhow::Result<Done> {
        self.run_with(args, &[], "")
    }

    /// Runs a command on this folder to its end.
    pub(crate) fn run_with(&self, args: &[&str], env: Env<'_>, input: &str) -> anyhow::Result<Done> {
        let mut command = tessera(env);
        command.args(args).arg("--data").arg(&self.path);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // A command that fails early reads nothing.
        drop(child.stdin.take().context("a pipe")?.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    /// Starts a server without waiting for anything.
    pub(crate) fn spawn(&self, env: Env<'_>) -> anyhow::Result<Child> {
        let mut command = tessera(env);
        command.args(["serve", "--port", "0", "--data"]).arg(&self.path);
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
    }

    /// The complaint of a server that does not start.
    pub(crate) fn refused(&self, port: &str, env: Env<'_>) -> anyhow::Result<String> {
        let mut command = tessera(env);
        command.args(["serve", "--port", port, "--data"]).arg(&self.path);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut out = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut out)?;
        if !out.is_empty() {
            child.kill()?;
        }
        let output = child.wait_with_output()?;
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        Done { code: output.status.code(), out, err }.complaint()
    }

    /// Starts a server and waits for the end of its tour.
    pub(crate) fn serve(&self, env: Env<'_>) -> anyhow::Result<Running> {
        let mut child = self.spawn(env)?;
        let out = child.stdout.take().context("a pipe")?;
        let mut running =
            Running { child, base: String::new(), management: String::new(), printed: Vec::new() };
        for line in BufReader::new(out).lines() {
            running.printed.push(line?);
            if running.printed.last().is_some_and(|line| line.ends_with("-d is_active=true")) {
                break;
            }
        }
        let address = |prefix: &str| {
            let line = running.printed.iter().find_map(|line| line.strip_prefix(prefix));
            line.map(str::to_owned).with_context(|| format!("no {prefix:?} in {:?}", running.printed))
        };
        (running.base, running.management) = (address("listening on ")?, address("management on ")?);
        Ok(running)
    }

    /// Makes a user whose password is [`e2e::PASSWORD`].
    pub(crate) fn user(&self, name: &str) -> anyhow::Result<()> {
        let args = ["user", "create", "--username", name, "--password-stdin"];
        self.run_with(&args, &[], &format!("{}\n", e2e::PASSWORD))?.ok().map(drop)
    }
}

/// A server; killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) base: String,
    pub(crate) management: String,
    /// What it printed until the tour's end.
    pub(crate) printed: Vec<String>,
}

impl Running {
    pub(crate) fn anonymous(&self) -> Actor {
        Actor::new(&self.base)
    }

    /// Logs in over HTTP with [`e2e::PASSWORD`].
    pub(crate) async fn login(&self, name: &str) -> anyhow::Result<Actor> {
        let body = serde_json::json!({"username": name, "password": e2e::PASSWORD});
        let answer = self.anonymous().post("/api/v1/user/token/", &body).await?;
        anyhow::ensure!(answer.status == 200, "login of {name}: {answer:?}");
        Ok(Actor::with_pair(&self.base, answer.text_of("access")?, answer.text_of("refresh")?))
    }

    /// `TERM`, `INT`, …
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        shell(&format!("kill -{name} {}", self.child.id()))?.ok().map(drop)
    }

    pub(crate) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs lines as if pasted into a shell.
pub(crate) fn shell(lines: &str) -> anyhow::Result<Done> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output =
        Command::new("sh").args([OsStr::new("-c"), lines.as_ref()]).env_clear().env("PATH", path).output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}
