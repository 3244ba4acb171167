//! [`Postgres`]: a private server out of the machine's packages, gone when dropped.

use std::process::{Command, Stdio};

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
        // In /tmp, for the account that runs the server must get there.
        let folder = tempfile::Builder::new().prefix("tessera-postgres.").tempdir_in("/tmp")?;
        let settings = match durability {
            Durability::Full => "-c fsync=on -c synchronous_commit=on -c full_page_writes=on",
            Durability::None => "",
        };
        let mut command = Command::new(repository().join(".ci/postgres"));
        command.arg("start").arg(folder.path()).env("PG_SETTINGS", settings).stderr(Stdio::inherit());
        let started = command.output().context(".ci/postgres")?;
        ensure!(started.status.success(), "PostgreSQL did not start");
        let url = DbUrl::parse(String::from_utf8(started.stdout)?.trim())?;
        Ok(Self { folder, url })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = Command::new(repository().join(".ci/postgres"));
        // What is left behind then is a folder under /tmp; there is nobody to tell.
        command.arg("stop").arg(self.folder.path()).status().ok();
    }
}
