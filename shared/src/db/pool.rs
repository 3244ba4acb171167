//! The r2d2 pool over [`DbConnection`].
//!
//! A checkout asks the database nothing. When a connection turns out to be closed, the pool's
//! epoch moves on, and every connection opened before it is replaced at its next checkout:
//! after a database restart the first request of each pool pays, not the first of each connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use diesel::{
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error},
};
use scheduled_thread_pool::ScheduledThreadPool;

use super::{DbError, connection::DbConnection, url::DbUrl};

/// How long a checkout may wait for a new connection to be opened.
const CHECKOUT: Duration = Duration::from_secs(2);

pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    epoch: u64,
}

#[derive(Debug)]
pub(super) struct Manager {
    url: DbUrl,
    /// See [`super::DbLimits::plan_anew`].
    plan_anew: bool,
    epoch: Arc<AtomicU64>,
    /// Whether the last attempt to connect failed.
    away: Arc<AtomicBool>,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = DbError;

    fn connect(&self) -> Result<Pooled, DbError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut connection = DbConnection::open(&self.url)?;
        if let (DbConnection::Postgres(pg), true) = (&mut connection, self.plan_anew) {
            pg.batch_execute("SET plan_cache_mode = force_custom_plan")?;
        }
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(database = %self.url, "the database is back");
        }
        Ok(Pooled { connection, epoch })
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
    pool: r2d2::Pool<Manager>,
    epoch: Arc<AtomicU64>,
}

impl Pool {
    /// `opener` opens connections in the background; one thread does for all pools of a database.
    pub(super) fn new(url: &DbUrl, size: u32, plan_anew: bool, opener: Arc<ScheduledThreadPool>) -> Self {
        let epoch = Arc::new(AtomicU64::new(0));
        let away = Arc::new(AtomicBool::new(false));
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .thread_pool(opener)
            .min_idle(Some(1))
            .connection_timeout(CHECKOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .error_handler(Box::new(LogFailures { away: Arc::clone(&away) }))
            .build_unchecked(Manager { url: url.clone(), plan_anew, epoch: Arc::clone(&epoch), away });
        Self { pool, epoch }
    }

    /// Runs `work` on a connection of this pool, on the calling thread.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let mut pooled = self.pool.get().map_err(|e| DbError::NoConnection(e.to_string()))?;
        let result = work(&mut pooled.connection);
        if let Err(DbError::Query(error)) = &result
            && is_closed(error)
        {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        result
    }
}

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
