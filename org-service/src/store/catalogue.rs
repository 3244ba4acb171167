//! Which permissions were registered when validators were last told what roles permit.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use crate::schema::catalogue;

/// There is one row.
const ID: i64 = 1;

/// The permissions as [`Permissions::to_text`](crate::permission::Permissions::to_text) has them; none if
/// nobody has been told.
pub fn find(conn: &mut DbConnection) -> QueryResult<Option<String>> {
    catalogue::table.find(ID).select(catalogue::permissions).first(conn).optional()
}

/// Keeps what is registered from now on.
pub fn keep(conn: &mut DbConnection, permissions: &str, now: Timestamp) -> QueryResult<usize> {
    let set = (catalogue::permissions.eq(permissions.to_owned()), catalogue::announced_at.eq(now));
    shared::each_engine!(conn => diesel::insert_into(catalogue::table)
        .values((catalogue::id.eq(ID), set.clone()))
        .on_conflict(catalogue::id)
        .do_update()
        .set(set)
        .execute(conn))
}
