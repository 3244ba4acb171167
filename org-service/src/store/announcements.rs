//! What validators have yet to be told: written with the change that it tells of, removed when the auth
//! service has it.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, typed_id};

use crate::schema::announcements;

typed_id!(
    /// Identifies an announcement; its order is that of writing.
    AnnouncementId
);

/// An announcement.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = announcements, treat_none_as_default_value = false)]
pub struct Announcement {
    /// Primary key.
    pub id: AnnouncementId,
    /// A kind of the revocation feed: `member`, `role` or `organization`.
    pub kind: String,
    /// Whom it is about, as the feed has it.
    pub key: String,
    /// Tokens with a lower `mv` are refused.
    pub min_version: i64,
    /// The role's definition, of a role.
    pub permissions: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Adds an announcement.
pub fn insert(conn: &mut DbConnection, new: &Announcement) -> QueryResult<usize> {
    shared::each_engine!(conn => diesel::insert_into(announcements::table).values(new).execute(conn))
}

/// Up to `limit` announcements, oldest first.
pub fn list(conn: &mut DbConnection, limit: i64) -> QueryResult<Vec<Announcement>> {
    let all = announcements::table.order(announcements::id).limit(limit);
    all.select(Announcement::as_select()).load(conn)
}

/// Removes announcements that have arrived.
pub fn delete(conn: &mut DbConnection, ids: Vec<AnnouncementId>) -> QueryResult<usize> {
    diesel::delete(announcements::table.filter(announcements::id.eq_any(ids))).execute(conn)
}
