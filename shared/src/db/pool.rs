//! The r2d2 pool over [`DbConnection`].
//!
//! A checkout asks the database nothing. When a connection turns out to be closed, the pool's
//! epoch moves on, and every connection opened before it is replaced at its next checkout:
//! after a database restart the first request of each pool pays, not the first of each connection.
//!
//! PostgreSQL keeps the plans of prepared statements, and one that was made while tables were nearly
//! empty reads them from end to end until they are next analysed. To plan each statement anew takes
//! several times as long as to carry it out. So plans are kept, but not for long: [`PLANS_KEPT`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error},
};
use scheduled_thread_pool::ScheduledThreadPool;

use super::{DbError, connection::DbConnection, url::DbUrl};

/// How long a checkout may wait for a new connection to be opened.
const CHECKOUT: Duration = Duration::from_secs(2);

/// How long PostgreSQL keeps the plans of prepared statements on a connection.
pub(super) const PLANS_KEPT: Duration = Duration::from_secs(1);

pub(super) struct Pooled {
    connection: DbConnection,
    epoch: u64,
    /// No plan of this connection is older.
    planned: Instant,
}

impl Pooled {
    /// Has PostgreSQL plan anew what was planned longer ago than they are kept. SQLite sees to that itself.
    fn renew_plans(&mut self, kept: Duration) -> Result<(), Error> {
        if let DbConnection::Postgres(pg) = &mut self.connection
            && self.planned.elapsed() >= kept
        {
            pg.batch_execute("DISCARD PLANS")?;
            self.planned = Instant::now();
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Manager {
    url: DbUrl,
    epoch: Arc<AtomicU64>,
    /// Whether the last attempt to connect failed.
    away: Arc<AtomicBool>,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = DbError;

    fn connect(&self) -> Result<Pooled, DbError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let connection = DbConnection::open(&self.url)?;
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(database = %self.url, "the database is back");
        }
        Ok(Pooled { connection, epoch, planned: Instant::now() })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), DbError> {
        if self.has_broken(pooled) { Err(DbError::Query(Error::BrokenTransactionManager)) } else { Ok(()) }
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.epoch != self.epoch.load(Ordering::Acquire)
    }
}

/// Sends r2d2's connection failures to the log: the first of an outage as a warning.
#[derive(Debug)]
struct LogFailures {
    away: Arc<AtomicBool>,
}

impl r2d2::HandleError<DbError> for LogFailures {
    fn handle_error(&self, error: DbError) {
        let replaced = matches!(error, DbError::Query(Error::BrokenTransactionManager));
        if !replaced && !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "a database connection could not be opened; trying again");
        }
    }
}

/// A pool of connections of one purpose (reading or writing).
#[derive(Clone)]
pub(super) struct Pool {
    connections: r2d2::Pool<Manager>,
    epoch: Arc<AtomicU64>,
    plans_kept: Duration,
}

impl Pool {
    /// `opener` opens connections in the background; one thread does for all pools of a database.
    pub(super) fn new(
        url: &DbUrl,
        size: u32,
        plans_kept: Duration,
        opener: Arc<ScheduledThreadPool>,
    ) -> Self {
        let epoch = Arc::new(AtomicU64::new(0));
        let away = Arc::new(AtomicBool::new(false));
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .thread_pool(opener)
            .min_idle(Some(1))
            .connection_timeout(CHECKOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .error_handler(Box::new(LogFailures { away: Arc::clone(&away) }))
            .build_unchecked(Manager { url: url.clone(), epoch: Arc::clone(&epoch), away });
        Self { connections, epoch, plans_kept }
    }

    /// Runs `work` on the connection that the calling thread holds, or on one that it holds from then on.
    pub(super) fn run<T>(
        &self,
        held: &mut Option<Held>,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let current = held.take().filter(|held| held.0.epoch == self.epoch.load(Ordering::Acquire));
        let pooled = match current {
            Some(current) => current,
            None => Held(self.connections.get().map_err(|e| DbError::NoConnection(e.to_string()))?),
        };
        let pooled = &mut held.insert(pooled).0;
        let renewed = pooled.renew_plans(self.plans_kept).map_err(DbError::Query);
        let result = renewed.and_then(|()| work(&mut pooled.connection));
        if let Err(DbError::Query(error)) = &result
            && is_closed(error)
        {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        result
    }
}

/// A connection taken out of a pool, and back in it once dropped.
pub(super) struct Held(r2d2::PooledConnection<Manager>);

impl Held {
    /// Closes the connection, of which nobody knows in what state it is.
    pub(super) fn close(mut self) {
        self.0.epoch = BROKEN;
    }
}

/// The epoch of a connection that must not be used any more.
const BROKEN: u64 = u64::MAX;

/// Whether the error says that the connection is gone rather than the query wrong.
pub(super) fn is_closed(error: &Error) -> bool {
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        )
        | Error::BrokenTransactionManager => true,
        // An orderly shutdown (57P01 and its kin) reaches diesel as an unknown kind.
        Error::DatabaseError(DatabaseErrorKind::Unknown, info) => {
            let text = info.message();
            ["terminating connection", "server closed the connection", "connection to server was lost"]
                .iter()
                .any(|hint| text.contains(hint))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
