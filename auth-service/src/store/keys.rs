//! Managed keys, their private parts sealed.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use crate::schema::keys;

/// A row of `keys`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = keys)]
pub struct StoredKey {
    /// The key's id.
    pub kid: String,
    /// `signing` (published) or `refresh` (secret).
    pub purpose: String,
    /// Its algorithm.
    pub algorithm: String,
    /// The private part, encrypted.
    pub sealed: Vec<u8>,
    /// Creation.
    pub created_at: Timestamp,
    /// Until when it still verifies; none: it is in use.
    pub retires_at: Option<Timestamp>,
    /// When it was revoked: it verifies nothing since.
    pub revoked_at: Option<Timestamp>,
    /// From when it signs, so that validators know it before; none: from its creation.
    pub signs_from: Option<Timestamp>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// The keys that verify now, oldest first.
pub fn list_live(conn: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<StoredKey>> {
    keys::table
        .filter(keys::revoked_at.is_null())
        .filter(keys::retires_at.is_null().or(keys::retires_at.gt(now)))
        .order((keys::created_at, keys::kid))
        .select(StoredKey::as_select())
        .load(conn)
}

/// Every key there is, oldest first.
pub fn list(conn: &mut DbConnection) -> QueryResult<Vec<StoredKey>> {
    keys::table.order((keys::created_at, keys::kid)).select(StoredKey::as_select()).load(conn)
}

/// Adds a key.
pub fn insert(conn: &mut DbConnection, key: &StoredKey) -> QueryResult<usize> {
    diesel::insert_into(keys::table).values(key.clone()).execute(conn)
}

/// Takes a key out of use: it goes on verifying until `until`.
pub fn retire(conn: &mut DbConnection, kid: &str, until: Timestamp) -> QueryResult<usize> {
    let in_use = keys::table.filter(keys::kid.eq(kid)).filter(keys::retires_at.is_null());
    diesel::update(in_use).set(keys::retires_at.eq(Some(until))).execute(conn)
}

/// Lets a key sign from this moment on.
pub fn set_signs_from(conn: &mut DbConnection, kid: &str, from: Timestamp) -> QueryResult<usize> {
    diesel::update(keys::table.find(kid)).set(keys::signs_from.eq(Some(from))).execute(conn)
}

/// Revokes a key; false if it was revoked before, or never was.
pub fn revoke(conn: &mut DbConnection, kid: &str, now: Timestamp) -> QueryResult<bool> {
    let unrevoked = keys::table.find(kid).filter(keys::revoked_at.is_null());
    diesel::update(unrevoked).set(keys::revoked_at.eq(Some(now))).execute(conn).map(|rows| rows == 1)
}

/// Replaces the sealed private part.
pub fn set_sealed(conn: &mut DbConnection, kid: &str, sealed: &[u8]) -> QueryResult<usize> {
    diesel::update(keys::table.find(kid)).set(keys::sealed.eq(sealed)).execute(conn)
}

/// Deletes keys, private parts and all.
pub fn delete(conn: &mut DbConnection, kids: &[String]) -> QueryResult<usize> {
    diesel::delete(keys::table.filter(keys::kid.eq_any(kids))).execute(conn)
}
