//! [`Db`]: the only handle to a database. Async stops here; everything under it is a plain function
//! `fn(&mut DbConnection, …) -> QueryResult<T>`.
//!
//! Checkout and query run on a blocking thread. How many may run and how many may wait is bounded;
//! past that the answer is [`DbError::Busy`] (503 with `Retry-After`), never an unbounded queue.
//! SQLite has one writer behind a fair queue and separate readers, because its busy-waiting writers
//! starve each other; PostgreSQL uses one pool for both.

mod batcher;
pub mod connection;
mod lane;
mod migrating;
pub mod opaque;
mod pool;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;
pub mod url;

use std::sync::Arc;

use diesel::{QueryResult, result::Error};
use scheduled_thread_pool::ScheduledThreadPool;

pub use batcher::{Batcher, Together};
pub use connection::DbConnection;
pub use migrating::{Migrate, Migrations, migrate};
pub use url::DbUrl;

use lane::Lane;
use pool::{PLANS_KEPT, Pool};

/// Puts the same tokens in both match arms, for what the derived connection cannot express:
/// `each_engine!(conn => diesel::insert_into(t).values(&rows).on_conflict_do_nothing().execute(conn))`.
#[macro_export]
macro_rules! each_engine {
    ($conn:ident => $query:expr) => {
        match $conn {
            $crate::db::DbConnection::Postgres($conn) => $query,
            $crate::db::DbConnection::Sqlite($conn) => $query,
        }
    };
}

/// What can go wrong between a handler and its database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL cannot be used.
    #[error("the database URL cannot be used: {0}")]
    Url(&'static str),
    /// The database did not accept a connection.
    #[error("cannot connect to {database}: {reason}")]
    Unreachable {
        /// Its URL without the password.
        database: String,
        /// What the client library said, on one line.
        reason: String,
    },
    /// No connection could be had in time.
    #[error("no database connection: {0}")]
    NoConnection(String),
    /// As many queries as allowed wait already.
    #[error("too many requests wait for the database")]
    Busy,
    /// A migration failed.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// Migrations are missing that somebody else applies.
    #[error("missing migrations: {missing}; MIGRATE=never leaves them to the command `{program} migrate`")]
    Unmigrated {
        /// How many.
        missing: usize,
        /// The program whose command applies them.
        program: &'static str,
    },
    /// The query failed.
    #[error(transparent)]
    Query(#[from] Error),
    /// The work panicked or the runtime is shutting down.
    #[error("the database task did not finish")]
    Interrupted,
}

impl DbError {
    /// Whether the database is away or full (503, try again) rather than the query wrong (500).
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoConnection(_) | Self::Busy | Self::Interrupted => true,
            Self::Query(error) => pool::is_closed(error) || is_locked(error),
            Self::Url(_) | Self::Migration(_) | Self::Unmigrated { .. } => false,
        }
    }
}

/// SQLite's lock was held by another process for longer than the busy timeout.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, info) if info.message().contains("database is locked"))
}

/// How many connections one process opens, and how many requests may wait for one.
#[derive(Debug, Clone, Copy)]
pub struct DbLimits {
    /// Connections (PostgreSQL: in all; SQLite: readers, beside the one writer).
    pub connections: u32,
    /// Requests that may wait for a connection before the answer is 503.
    pub waiting: usize,
}

impl Default for DbLimits {
    fn default() -> Self {
        Self { connections: 8, waiting: 1024 }
    }
}

/// Why a transaction was undone; see [`Db::attempt`].
#[derive(Debug)]
pub enum Undone<R> {
    /// The work decided against it.
    Refused(R),
    /// A query failed.
    Failed(Error),
}

impl<R> From<Error> for Undone<R> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Db {
    url: DbUrl,
    reader: Lane,
    writer: Lane,
}

impl Db {
    /// Connects once to see that the database is there, applies missing migrations or demands that none
    /// are, then pools. A database that is down fails at once and says why.
    pub async fn connect(url: &DbUrl, migrations: Migrations, limits: DbLimits) -> Result<Self, DbError> {
        migrating::prepare(url, migrations).await?;
        Ok(Self::pooled(url, limits))
    }

    /// Pools without connecting first.
    fn pooled(url: &DbUrl, limits: DbLimits) -> Self {
        let opener =
            Arc::new(ScheduledThreadPool::builder().num_threads(1).thread_name_pattern("db-open-{}").build());
        let pool = |size: u32| Pool::new(url, size, PLANS_KEPT, Arc::clone(&opener));
        let lane = |size: u32| Lane::new(pool(size), size, limits.waiting);
        let reader = lane(limits.connections.max(1));
        let writer = if url.is_postgres() { reader.clone() } else { lane(1) };
        Self { url: url.clone(), reader, writer }
    }

    /// Where the database is.
    #[must_use]
    pub const fn url(&self) -> &DbUrl {
        &self.url
    }

    /// Runs queries that only read.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, DbError> {
        self.reader.run(work).await
    }

    /// Runs a single writing statement, which is its own transaction.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, DbError> {
        self.writer.run(work).await
    }

    /// Runs several statements as one: all of them happen, or none.
    pub async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, DbError> {
        self.writer.run(|connection| connection.write_transaction(work)).await
    }

    /// The same for work that may decide against itself: a refusal undoes what it did so far.
    pub async fn attempt<T: Send + 'static, R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, Undone<R>> + Send + 'static,
    ) -> Result<Result<T, R>, DbError> {
        let attempt = |connection: &mut DbConnection| match connection.write_transaction(work) {
            Ok(done) => Ok(Ok(done)),
            Err(Undone::Refused(refusal)) => Ok(Err(refusal)),
            Err(Undone::Failed(error)) => Err(error),
        };
        self.writer.run(attempt).await
    }

    /// Has `together` carry out what many requests write at a time.
    #[must_use]
    pub fn batched_writes<I, O>(&self, together: Together<I, O>) -> Batcher<I, O>
    where
        I: Send + 'static,
        O: Send + 'static,
    {
        self.batcher(&self.writer, together)
    }

    /// Has `together` find what many requests look up at a time.
    #[must_use]
    pub fn batched_reads<I, O>(&self, together: Together<I, O>) -> Batcher<I, O>
    where
        I: Send + 'static,
        O: Send + 'static,
    {
        self.batcher(&self.reader, together)
    }

    fn batcher<I, O>(&self, lane: &Lane, together: Together<I, O>) -> Batcher<I, O>
    where
        I: Send + 'static,
        O: Send + 'static,
    {
        // While PostgreSQL is at one batch the next is made. What SQLite does is done by the lane's threads.
        let batches = if self.url.is_postgres() { 2 } else { lane.size() };
        Batcher::new(lane.clone(), batches, together)
    }

    /// A connection of its own, outside the pools, for a thread that keeps it. Blocks.
    pub fn dedicated(&self) -> Result<DbConnection, DbError> {
        DbConnection::open(&self.url)
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        use diesel::connection::SimpleConnection;
        self.read(|connection| connection.batch_execute("SELECT 1")).await
    }
}
