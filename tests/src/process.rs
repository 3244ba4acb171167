//! [`Node`]: a service as a process of its own, which can be killed, stopped and continued.
//!
//! What a crash, a stall or a second replica does to a service is only seen from outside: a process
//! that is killed runs no destructor, finishes no task and answers nobody.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
};

use crate::Actor;

/// How long a service may take to tell its addresses: far beyond what it needs, for a machine that is
/// busy compiling.
const START: Duration = Duration::from_secs(60);

/// A running service; killed when dropped.
#[derive(Debug)]
pub struct Node {
    /// `http://127.0.0.1:PORT`
    pub base: String,
    /// The management port, likewise; empty for a service that has none.
    pub management: String,
    child: Child,
    log: Log,
    logging: JoinHandle<()>,
}

impl Node {
    /// Starts `program` with these arguments and nothing but this environment, and waits until it has
    /// told so many addresses: the public one, then the management port's, in any order.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        addresses: usize,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let (out, err) = (child.stdout.take().context("a pipe")?, child.stderr.take().context("a pipe")?);
        let log = Log::default();
        let logging = tokio::spawn(log.clone().follow(BufReader::new(err).lines()));
        let mut node = Self { base: String::new(), management: String::new(), child, log, logging };
        let mut lines = BufReader::new(out).lines();
        match tokio::time::timeout(START, node.learn(&mut lines, addresses)).await {
            Ok(Ok(())) => {
                // A service whose output nobody reads would stand still once the pipe is full.
                tokio::spawn(node.log.clone().follow(lines));
                Ok(node)
            }
            failed => {
                let reason =
                    failed.map_or_else(|_| "no address in time".to_owned(), |told| format!("{told:?}"));
                let status = node.kill().await?;
                anyhow::bail!("{arguments:?} did not start ({reason}, {status}):\n{}", node.log.text())
            }
        }
    }

    async fn learn(
        &mut self,
        lines: &mut Lines<BufReader<ChildStdout>>,
        wanted: usize,
    ) -> anyhow::Result<()> {
        let mut told = 0;
        while told < wanted {
            let line = lines.next_line().await?.context("its output has ended")?;
            match (line.strip_prefix("listening on "), line.strip_prefix("management on ")) {
                (Some(base), _) => base.clone_into(&mut self.base),
                (_, Some(management)) => management.clone_into(&mut self.management),
                // The stack prints a tour besides.
                _ => continue,
            }
            told += 1;
        }
        Ok(())
    }

    /// Somebody without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.base)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// `kill -9`, and waits for the end. Afterwards [`Node::log`] is complete.
    pub async fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        // An error only says that it has ended before.
        drop(self.child.start_kill());
        self.ended().await
    }

    /// Asks it to stop as an operator does (SIGTERM), and waits for the end.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.ask_to_stop()?;
        self.ended().await
    }

    /// SIGTERM without waiting.
    pub fn ask_to_stop(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::TERM)?)
    }

    /// SIGINT, as Ctrl-C sends it, without waiting.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::INT)?)
    }

    /// `kill -9` without waiting: for whoever must not lose a microsecond.
    pub fn kill_now(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::KILL)?)
    }

    /// SIGSTOP: it goes on existing, its connections stay open, and it does nothing. Returns once it
    /// stands still.
    pub fn stop(&self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        kill_process(pid, Signal::STOP)?;
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED)?;
        Ok(())
    }

    /// SIGCONT: it goes on where it was stopped.
    pub fn resume(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::CONT)?)
    }

    /// Waits for the end. Afterwards [`Node::log`] is complete.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.child.wait().await?;
        (&mut self.logging).await?;
        Ok(status)
    }

    /// Its id for as long as it is ours: none once its end was seen, for the id may be another's then.
    pub(crate) fn pid(&self) -> anyhow::Result<Pid> {
        let raw = self.child.id().and_then(|id| i32::try_from(id).ok());
        raw.and_then(Pid::from_raw).with_context(|| format!("the process has ended:\n{}", self.log.text()))
    }
}

/// What a process has said.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    async fn follow(self, mut lines: Lines<BufReader<impl AsyncRead + Unpin>>) {
        while let Ok(Some(line)) = lines.next_line().await {
            let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
