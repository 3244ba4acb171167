//! [`Size`]: how much is measured, and against which bounds.

use std::time::Duration;

use shared::{DbUrl, config::Variables};

/// How much is measured, and against which bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Sessions revoked.
    pub(crate) revocations: usize,
    /// The time within which 99 of 100 revocations must be known.
    pub(crate) lag_p99: Duration,
    /// And all of them.
    pub(crate) lag_max: Duration,
    /// Live entries of the feed.
    pub(crate) entries: u32,
    /// The longest that their snapshot may take.
    pub(crate) snapshot: Duration,
    /// The most memory that they may take of a validator, in bytes.
    pub(crate) memory: u64,
    /// The least that must be left of the throughput without them.
    pub(crate) throughput: f64,
    /// Rounds of measuring throughput with and without.
    pub(crate) rounds: usize,
    /// How long one takes.
    pub(crate) round: Duration,
    /// How long keys rotate.
    pub(crate) rotation: Duration,
}

impl Size {
    /// The full size.
    const FULL: Self = Self {
        revocations: 500,
        lag_p99: Duration::from_millis(50),
        lag_max: Duration::from_millis(500),
        entries: 1_000_000,
        snapshot: Duration::from_secs(2),
        memory: 100_000_000,
        throughput: 0.95,
        rounds: 15,
        round: Duration::from_secs(1),
        rotation: Duration::from_secs(60),
    };

    /// The default. It runs beside other tests and builds, so that a process may wait for the processor
    /// as long as the whole bound; hence the room. Rounds of a third of a second on such a machine
    /// cannot tell 0.95 from 1, but do tell a lookup that grows with the number of entries.
    const DEFAULT: Self = Self {
        revocations: 60,
        lag_p99: Duration::from_millis(250),
        lag_max: Duration::from_millis(1000),
        entries: 50_000,
        snapshot: Duration::from_secs(5),
        memory: 10_000_000,
        throughput: 0.7,
        rounds: 6,
        round: Duration::from_millis(300),
        rotation: Duration::from_secs(12),
    };

    /// As `TRUST_LOAD` says.
    pub(crate) fn chosen() -> anyhow::Result<Self> {
        match Variables::from_env().get("TRUST_LOAD") {
            None => Ok(Self::DEFAULT),
            Some("full") => Ok(Self::FULL),
            Some(other) => anyhow::bail!("TRUST_LOAD={other}: expected full, or nothing"),
        }
    }
}

/// What the figures were measured on.
pub(crate) fn setting() -> anyhow::Result<String> {
    let engine = if is_postgres()? { "PostgreSQL" } else { "SQLite" };
    let build = if cfg!(debug_assertions) { "unoptimised" } else { "release" };
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{engine}, {build}, {cores} cores"))
}

/// Whether the databases are on PostgreSQL.
pub(crate) fn is_postgres() -> anyhow::Result<bool> {
    Ok(shared::db::testing::server()?.as_ref().is_some_and(DbUrl::is_postgres))
}
