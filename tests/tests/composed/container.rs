//! [`Container`]: one of them, through the engine's own command.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use e2e::until;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;

use crate::system::{PATIENCE, run};

/// A container by its id.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    id: String,
}

impl Container {
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// `starting`, `healthy` or `unhealthy`.
    pub(crate) async fn health(&self) -> anyhow::Result<String> {
        self.inspect("{{.State.Health.Status}}").await
    }

    /// What the engine knows of it, by a template of Go.
    pub(crate) async fn inspect(&self, template: &str) -> anyhow::Result<String> {
        docker(&["inspect", "--format", template, &self.id]).await
    }

    /// `http://127.0.0.1:PORT` of one of its ports.
    pub(crate) async fn address(&self, port: u16) -> anyhow::Result<String> {
        let published = docker(&["port", &self.id, &port.to_string()]).await?;
        let first = published.lines().next().context("a published port")?;
        Ok(format!("http://{}", first.trim()))
    }

    /// `http://ADDRESS:PORT` on the network that it shares with the gateway. The engine's own forwarding
    /// of a published port costs as much as an answer.
    pub(crate) async fn inner_address(&self, port: u16) -> anyhow::Result<String> {
        let each = "{{range $name, $at := .NetworkSettings.Networks}}{{$name}} {{$at.IPAddress}}\n{{end}}";
        let networks = self.inspect(each).await?;
        let edge = networks.lines().find_map(|line| line.split_once("_edge "));
        let (_, address) = edge.with_context(|| format!("its networks: {networks}"))?;
        Ok(format!("http://{}:{port}", address.trim()))
    }

    /// Its process on this machine, to be killed without the engine in between.
    pub(crate) async fn process(&self) -> anyhow::Result<Process> {
        let raw = self.inspect("{{.State.Pid}}").await?.parse()?;
        Ok(Process(Pid::from_raw(raw).context("it does not run")?))
    }

    /// `docker stop`
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        docker(&["stop", "--time", "30", &self.id]).await.map(drop)
    }

    /// `docker kill`: not restarted by the engine.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        docker(&["kill", &self.id]).await.map(drop)
    }

    /// `docker start`
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        docker(&["start", &self.id]).await.map(drop)
    }

    /// What it has logged.
    pub(crate) async fn log(&self) -> anyhow::Result<String> {
        let mut command = Command::new("docker");
        command.args(["logs", &self.id]).stdin(Stdio::null());
        let said = run(command, "").await?;
        Ok(format!("{}{}", said.out, said.err))
    }

    /// Name and memory in use, as the engine tells it.
    pub(crate) async fn memory(&self) -> anyhow::Result<String> {
        docker(&["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", &self.id]).await
    }
}

/// A container's main process as this machine sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(Pid);

impl Process {
    /// `kill -9`, until it is gone: on a busy machine a process goes on for a while.
    pub(crate) async fn kill(self) -> anyhow::Result<()> {
        kill_process(self.0, Signal::KILL)?;
        until("the process is gone", PATIENCE, async || Ok(test_kill_process(self.0).is_err())).await?;
        Ok(())
    }
}

/// Runs the engine's command and demands success; gives what it prints, trimmed.
pub(crate) async fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments);
    let said = run(command, "").await?;
    ensure!(said.code == Some(0), "docker {arguments:?}: {said:?}");
    Ok(said.out.trim().to_owned())
}
