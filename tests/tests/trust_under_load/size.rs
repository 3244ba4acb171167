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
    /// How often the time that other requests took at the same moment is added to both bounds.
    pub(crate) crowded: u32,
    /// Live entries of the feed.
    pub(crate) entries: u32,
    /// The longest that their snapshot may take.
    pub(crate) snapshot: Duration,
    /// The most memory that they may take of a validator, in bytes.
    pub(crate) memory: u64,
    /// The least that must be left of the throughput without them.
    pub(crate) throughput: f64,
    /// The most processor time that a request may take, as a multiple of that without them.
    pub(crate) cpu: f64,
    /// Rounds of measuring throughput with and without.
    pub(crate) rounds: usize,
    /// How long one takes.
    pub(crate) round: Duration,
    /// How long keys rotate.
    pub(crate) rotation: Duration,
    /// How long a key is published before it signs, as a setting.
    pub(crate) publish_ahead: &'static str,
}

impl Size {
    /// The full size.
    const FULL: Self = Self {
        revocations: 500,
        lag_p99: Duration::from_millis(50),
        lag_max: Duration::from_millis(500),
        crowded: 0,
        entries: 1_000_000,
        snapshot: Duration::from_secs(2),
        memory: 100_000_000,
        throughput: 0.95,
        cpu: 1.05,
        rounds: 60,
        round: Duration::from_millis(300),
        rotation: Duration::from_secs(60),
        // Half of a heartbeat: a key that waited for one would be met before it is known.
        publish_ahead: "500ms",
    };

    /// The default. It runs beside other tests and builds, where any process may wait for a processor
    /// longer than the whole bound: hence the room for as long as other requests waited. Short rounds on
    /// such a machine cannot tell 0.95 from 1, but do tell a lookup that grows with the entries.
    const DEFAULT: Self = Self {
        revocations: 60,
        lag_p99: Self::FULL.lag_p99,
        lag_max: Self::FULL.lag_max,
        crowded: 1,
        entries: 50_000,
        snapshot: Duration::from_secs(5),
        // Half of it is what the passage of a snapshot leaves behind, whatever its size.
        memory: 60_000_000,
        throughput: 0.5,
        cpu: 1.3,
        rounds: 12,
        round: Duration::from_millis(150),
        rotation: Duration::from_secs(12),
        publish_ahead: "1s",
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
