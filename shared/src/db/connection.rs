//! One connection type over both engines, and how it is opened.

use std::time::Duration;

use diesel::{
    Connection, PgConnection, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
};

use super::{DbError, url::DbUrl};

/// A connection to either engine. Queries are written once against it; `each_engine!` is for the
/// few constructs that the derived connection lacks (upsert, batch insert).
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL, through libpq.
    Postgres(PgConnection),
    /// SQLite, built in.
    Sqlite(SqliteConnection),
}

impl std::fmt::Debug for DbConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres(_) => "DbConnection::Postgres",
            Self::Sqlite(_) => "DbConnection::Sqlite",
        })
    }
}

/// How long SQLite waits for a lock that another process holds (a command beside the server).
const SQLITE_BUSY: Duration = Duration::from_secs(5);

impl DbConnection {
    /// Opens a connection to the engine that the URL names.
    pub(super) fn open(url: &DbUrl) -> Result<Self, DbError> {
        match url {
            DbUrl::Postgres { .. } => open_postgres(&url.connection_string())
                .map(Self::Postgres)
                .map_err(|e| DbError::Unreachable { database: url.to_string(), reason: one_line(&e) }),
            DbUrl::Sqlite { path } => open_sqlite(path)
                .map(Self::Sqlite)
                .map_err(|e| DbError::Unreachable { database: url.to_string(), reason: one_line(&e) }),
        }
    }

    /// Runs `work` in a transaction that may write. On SQLite it takes the write lock at once:
    /// a transaction that reads first and writes later fails under concurrency in spite of any
    /// busy timeout.
    pub fn write_transaction<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<diesel::result::Error>,
    {
        // Diesel is told of the transaction: its batch insert into SQLite opens one of its own otherwise.
        match self {
            Self::Postgres(_) => return self.transaction(work),
            Self::Sqlite(lite) => AnsiTransactionManager::begin_transaction_sql(lite, "BEGIN IMMEDIATE")?,
        }
        let done = work(self);
        let Self::Sqlite(lite) = self else { return done };
        match done {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(lite)?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one worth telling; a failed rollback leaves a connection
                // whose next BEGIN fails, and that one is reported.
                drop(AnsiTransactionManager::rollback_transaction(lite));
                Err(error)
            }
        }
    }

    /// Runs queries that only read and all see the database as it was at the first of them.
    pub fn read_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> diesel::QueryResult<T>,
    ) -> diesel::QueryResult<T> {
        self.transaction(|connection| {
            if let Self::Postgres(pg) = connection {
                pg.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")?;
            }
            work(connection)
        })
    }

    /// Inside a write transaction: waits until nobody else holds the lock of this name, and holds it
    /// to the transaction's end. SQLite's write lock, which such a transaction has, serves for all.
    pub fn lock_exclusively(&mut self, name: &str) -> diesel::QueryResult<()> {
        use diesel::{RunQueryDsl, sql_query, sql_types::Text};
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(pg) => sql_query("SELECT pg_advisory_xact_lock(hashtext($1))")
                .bind::<Text, _>(name)
                .execute(pg)
                .map(|_| ()),
        }
    }

    /// The same without waiting: false if somebody else holds the lock.
    pub fn try_lock_exclusively(&mut self, name: &str) -> diesel::QueryResult<bool> {
        use diesel::{
            RunQueryDsl,
            dsl::sql,
            select,
            sql_types::{Bool, Text},
        };
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(pg) => select(
                sql::<Bool>("pg_try_advisory_xact_lock(hashtextextended(").bind::<Text, _>(name).sql(", 0))"),
            )
            .get_result(pg),
        }
    }
}

/// Without compilation: a plan that is kept for any values may seem to look at many rows, and its statement was
/// compiled anew each time, which took a hundred times as long as to carry it out.
fn open_postgres(url: &str) -> Result<PgConnection, String> {
    let mut connection = PgConnection::establish(url).map_err(|e| e.to_string())?;
    connection.batch_execute("SET jit = off").map_err(|e| e.to_string())?;
    Ok(connection)
}

/// `synchronous=FULL`: an acknowledged revocation survives a power loss.
fn open_sqlite(path: &str) -> Result<SqliteConnection, String> {
    let mut connection = SqliteConnection::establish(path).map_err(|e| e.to_string())?;
    let pragmas = format!(
        "PRAGMA busy_timeout = {}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        SQLITE_BUSY.as_millis()
    );
    connection.batch_execute(&pragmas).map_err(|e| e.to_string())?;
    write_ahead(&mut connection).map_err(|e| e.to_string())?;
    Ok(connection)
}

/// Turns write-ahead logging on. Of two connections that do so on a new file at once, SQLite refuses
/// one without waiting, for each holds what the other needs; it is done once the other has finished,
/// which a write transaction does wait for.
fn write_ahead(connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
    for _ in 0..10 {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if super::is_locked(&error) => connection.batch_execute("BEGIN IMMEDIATE; COMMIT")?,
            done => return done,
        }
    }
    connection.batch_execute("PRAGMA journal_mode = WAL")
}

/// Error texts of libpq span lines; a start-up error is one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens so many connections to a new file at the same moment.
    fn open_at_once(count: usize) -> Result<(), DbError> {
        let folder = tempfile::tempdir().unwrap();
        let url = DbUrl::sqlite(&folder.path().join("new.db"));
        let start = std::sync::Barrier::new(count);
        let open = || {
            start.wait();
            DbConnection::open(&url).map(drop)
        };
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..count).map(|_| scope.spawn(open)).collect();
            opened.into_iter().try_for_each(|opened| opened.join().unwrap())
        })
    }

    /// Commands beside a first start, and pools beside migrations, meet on a file that is not yet in
    /// its final mode.
    #[test]
    fn connections_opened_at_once_on_a_new_file_all_succeed() {
        for _ in 0..20 {
            open_at_once(8).unwrap();
        }
    }
}
