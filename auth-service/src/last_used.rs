//! When sessions were last used: noted in memory on the request path, written off it.
//!
//! A refresh is in the row already; this is for what leaves no other trace. A crash loses at most what
//! was noted since the last flush, which nobody decides anything by.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use diesel::QueryResult;
use shared::{Db, DbConnection, DbError, Timestamp};

use crate::store::sessions::{self, SessionId};

/// A session is written at most once in this time.
const PRECISION: Duration = Duration::from_secs(60);
/// More sessions than this between two flushes are not noted.
const MOST: usize = 100_000;
/// Rows changed in one go: few, so that logins are not held up.
const BATCH: usize = 200;

/// What has been noted and not yet written.
#[derive(Debug, Default)]
pub(crate) struct LastUsed(Mutex<HashMap<SessionId, Timestamp>>);

impl LastUsed {
    /// Notes a use.
    pub(crate) fn note(&self, session: SessionId, now: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MOST || noted.contains_key(&session) {
            noted.insert(session, now);
        }
    }

    /// Writes what has been noted; what fails is forgotten.
    pub(crate) async fn flush(&self, db: &Db) -> Result<(), DbError> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let noted: Vec<_> = noted.into_iter().collect();
        for batch in noted.chunks(BATCH) {
            let batch = batch.to_vec();
            db.write(move |conn| touch(conn, &batch)).await?;
        }
        Ok(())
    }
}

/// SQLite has one lock, and writes a transaction to the disk once. PostgreSQL locks row by row to a
/// transaction's end, and somebody who ends all sessions of a user takes the same rows in an order of
/// their own: holding more than one would be a deadlock.
fn touch(conn: &mut DbConnection, batch: &[(SessionId, Timestamp)]) -> QueryResult<()> {
    let each = |conn: &mut DbConnection| {
        batch.iter().try_for_each(|(id, at)| sessions::touch(conn, *id, *at, PRECISION).map(drop))
    };
    if matches!(conn, DbConnection::Postgres(_)) { each(conn) } else { conn.write_transaction(each) }
}
