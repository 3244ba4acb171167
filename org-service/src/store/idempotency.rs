//! What creations under an `Idempotency-Key` have been answered: written with the creation itself.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use crate::schema::idempotency_keys;

/// A key that was used, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys)]
pub struct Used {
    /// By whom.
    pub user_id: String,
    /// Where.
    pub path: String,
    /// The key itself.
    pub key: String,
    /// A digest of the body.
    pub fingerprint: Vec<u8>,
    /// The answer's status.
    pub status: i64,
    /// The answer's body, as it was sent.
    pub body: String,
    /// When.
    pub created_at: Timestamp,
}

/// The use of a key.
pub fn find(conn: &mut DbConnection, (user_id, path, key): (&str, &str, &str)) -> QueryResult<Option<Used>> {
    let used = idempotency_keys::table.find((user_id, path, key));
    used.select(Used::as_select()).first(conn).optional()
}

/// Adds the use of a key; one of long ago is replaced.
pub fn insert(conn: &mut DbConnection, new: Used) -> QueryResult<usize> {
    diesel::delete(idempotency_keys::table.find((&new.user_id, &new.path, &new.key))).execute(conn)?;
    diesel::insert_into(idempotency_keys::table).values(new).execute(conn)
}

/// Removes about `limit` uses of before then.
pub fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(before));
    // Rows are named by when they were written; all of one instant go together.
    let last: Option<Timestamp> = old
        .select(idempotency_keys::created_at)
        .order(idempotency_keys::created_at)
        .offset(limit.saturating_sub(1))
        .first(conn)
        .optional()?;
    let until = last.unwrap_or(before);
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::created_at.le(until))).execute(conn)
}
