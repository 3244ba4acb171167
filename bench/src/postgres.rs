//! [`Postgres`]: a private server out of the machine's packages, gone when dropped.

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use shared::DbUrl;
use tempfile::TempDir;

use crate::programs::repository;

/// Whether a commit is answered before it is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As PostgreSQL is delivered: an acknowledged commit survives a power loss.
    Full,
    /// Nothing waits for the disk. A slow one hides what we cost: it brings everybody close to their limit.
    None,
}

const DURABLE: &str = "-c fsync=on -c synchronous_commit=on -c full_page_writes=on";

/// A command to run this program on the first core, with everything that it starts.
pub(crate) fn on_one_core(program: impl AsRef<OsStr>) -> Command {
    let mut taskset = Command::new("taskset");
    taskset.args(["--cpu-list", "0"]).arg(program);
    taskset
}

fn script() -> PathBuf {
    repository().join(".ci/postgres")
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: TempDir,
    /// Its first database, as an account that may create others.
    pub(crate) url: DbUrl,
}

impl Postgres {
    /// Starts one.
    pub(crate) fn start(durability: Durability) -> anyhow::Result<Self> {
        let settings = match durability {
            Durability::Full => DURABLE,
            Durability::None => "",
        };
        Self::with(Command::new(script()), settings)
    }

    /// Starts a durable one that stays on the first core, with a quarter of the machine's memory, which is so
    /// many bytes, for its pages: as PostgreSQL's documentation advises (`shared_buffers`).
    pub(crate) fn on_one_core(memory: u64) -> anyhow::Result<Self> {
        let settings = format!("{DURABLE} -c shared_buffers={}kB", memory / 4 / 1024);
        Self::with(on_one_core(script()), &settings)
    }

    /// By this command, which is the script or leads to it.
    fn with(mut command: Command, settings: &str) -> anyhow::Result<Self> {
        // In /tmp, for the account that runs the server must get there.
        let folder = tempfile::Builder::new().prefix("tessera-postgres.").tempdir_in("/tmp")?;
        command.arg("start").arg(folder.path()).env("PG_SETTINGS", settings).stderr(Stdio::inherit());
        let started = command.output().context(".ci/postgres")?;
        ensure!(started.status.success(), "PostgreSQL did not start");
        let url = DbUrl::parse(String::from_utf8(started.stdout)?.trim())?;
        Ok(Self { folder, url })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = Command::new(script());
        // What is left behind then is a folder under /tmp; there is nobody to tell.
        command.arg("stop").arg(self.folder.path()).status().ok();
    }
}
