//! [`Stage`]: what all rows share, each part started when the first one asks for it.

use std::path::{Path, PathBuf};

use e2e::{Cluster, Node, Settings};
use shared::DbUrl;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    bare,
    cli::Plan,
    postgres::{Durability, Postgres},
    row::Run,
    wrk::{TURN, Wrk},
};

/// What all rows share.
#[derive(Debug)]
pub(crate) struct Stage {
    /// How much is measured.
    pub(crate) plan: Plan,
    /// Where the programs are.
    pub(crate) programs: PathBuf,
    work: TempDir,
    durable: OnceCell<Postgres>,
    relaxed: OnceCell<Postgres>,
    bare: OnceCell<Node>,
}

impl Stage {
    pub(crate) fn new(plan: Plan, programs: PathBuf) -> anyhow::Result<Self> {
        let work = tempfile::Builder::new().prefix("tessera-bench.").tempdir()?;
        let (durable, relaxed, bare) = Default::default();
        Ok(Self { plan, programs, work, durable, relaxed, bare })
    }

    /// A folder for files that nobody needs twice.
    pub(crate) fn folder(&self) -> &Path {
        self.work.path()
    }

    /// A PostgreSQL server.
    pub(crate) async fn postgres(&self, durability: Durability) -> anyhow::Result<&DbUrl> {
        let cell = match durability {
            Durability::Full => &self.durable,
            Durability::None => &self.relaxed,
        };
        Ok(&cell.get_or_try_init(async || Postgres::start(durability)).await?.url)
    }

    /// Services with databases of their own on PostgreSQL.
    pub(crate) async fn cluster(&self, settings: Settings<'_>) -> anyhow::Result<Cluster> {
        self.cluster_on(Durability::Full, settings).await
    }

    /// The same with this durability.
    pub(crate) async fn cluster_on(
        &self,
        durability: Durability,
        settings: Settings<'_>,
    ) -> anyhow::Result<Cluster> {
        // What is measured shall not expire while it is.
        let settings = [&[("AUTH_ACCESS_TOKEN_LIFETIME", "12h")], settings].concat();
        Cluster::shipped(&self.programs, Some(self.postgres(durability).await?), &settings)
    }

    /// The bare HTTP handler.
    pub(crate) async fn bare(&self) -> anyhow::Result<&Node> {
        self.bare.get_or_try_init(bare::start).await
    }

    /// A closed loop on so many connections by one thread, that sends requests in turn.
    pub(crate) fn turns(&self, connections: usize) -> Wrk<'_> {
        Wrk { folder: self.folder(), threads: 1, connections, script: TURN, variables: &[] }
    }

    /// Requests per second of the bare handler.
    pub(crate) async fn bare_run(
        &self,
        connections: usize,
        work: (&[u8], std::time::Duration),
    ) -> anyhow::Result<Run> {
        let bare = self.bare().await?;
        self.turns(connections).run(bare, work).await
    }
}
