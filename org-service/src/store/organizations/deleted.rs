//! Deleted organizations: out of everybody's sight, and restored or purged.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::{COLUMNS, OrgId, Organization};
use crate::schema::organizations;

/// When organizations were deleted that are being purged: no window, however long, brings them back.
const DOOMED: Timestamp = Timestamp::EPOCH;

/// Whether an organization that was deleted at this time is being purged.
#[must_use]
pub fn is_doomed(deleted_at: Timestamp) -> bool {
    deleted_at <= DOOMED
}

/// One organization that was deleted after this time.
pub fn find_deleted(
    conn: &mut DbConnection,
    id: OrgId,
    after: Timestamp,
) -> QueryResult<Option<Organization>> {
    let deleted = organizations::table.find(id).filter(organizations::deleted_at.gt(after.max(DOOMED)));
    deleted.select(COLUMNS).first(conn).optional()
}

/// Brings an organization back that was deleted after this time; says whether it did. A name that another
/// one has by now is a unique violation.
pub fn restore(conn: &mut DbConnection, id: OrgId, after: Timestamp) -> QueryResult<bool> {
    let deleted = organizations::table.find(id).filter(organizations::deleted_at.gt(after.max(DOOMED)));
    diesel::update(deleted)
        .set((
            organizations::deleted_at.eq(None::<Timestamp>),
            organizations::version.eq(organizations::version + 1),
        ))
        .execute(conn)
        .map(|rows| rows > 0)
}

/// Moves the counter of who may do what, of an organization that is there or may come back; none of one that
/// is being purged.
pub fn advance_unless_doomed(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<i64>> {
    let stays =
        organizations::deleted_at.is_null().or(organizations::deleted_at.gt(DOOMED).assume_not_null());
    diesel::update(organizations::table.find(id).filter(stays))
        .set(organizations::membership_version.eq(organizations::membership_version + 1))
        .returning(organizations::membership_version)
        .get_result(conn)
        .optional()
}

/// Takes the row of a deleted organization, so that it is restored before or after the transaction; false if
/// it is not deleted.
pub fn take_deleted(conn: &mut DbConnection, id: OrgId) -> QueryResult<bool> {
    let deleted = organizations::table.find(id).filter(organizations::deleted_at.is_not_null());
    Ok(diesel::update(deleted).set(organizations::version.eq(organizations::version)).execute(conn)? > 0)
}

/// Up to `limit` organizations that were deleted at this time or before, the first of them first; those
/// whose purge has begun are always among them.
pub fn list_deleted(conn: &mut DbConnection, until: Timestamp, limit: i64) -> QueryResult<Vec<OrgId>> {
    let deleted = organizations::table.filter(organizations::deleted_at.le(until.max(DOOMED)));
    deleted.order(organizations::deleted_at).limit(limit).select(organizations::id).load(conn)
}

/// What is shown of deleted organizations: their id, name, slug and the time.
pub type Deleted = (OrgId, String, Option<String>, Timestamp);

/// Up to `limit` deleted organizations behind this one, by their ids.
pub fn show_deleted(conn: &mut DbConnection, after: OrgId, limit: i64) -> QueryResult<Vec<Deleted>> {
    let columns = (
        organizations::id,
        organizations::name,
        organizations::slug,
        organizations::deleted_at.assume_not_null(),
    );
    let deleted = organizations::table.filter(organizations::deleted_at.is_not_null());
    let behind = deleted.filter(organizations::id.gt(after)).order(organizations::id);
    behind.limit(limit).select(columns).load(conn)
}

/// Begins the purge of an organization that was deleted at this time or before, and moves its counter;
/// none if there is no such one, or its purge has begun.
pub fn doom(conn: &mut DbConnection, id: OrgId, until: Timestamp) -> QueryResult<Option<i64>> {
    let deleted = organizations::table.find(id).filter(organizations::deleted_at.le(until));
    diesel::update(deleted.filter(organizations::deleted_at.gt(DOOMED)))
        .set((
            organizations::deleted_at.eq(DOOMED),
            organizations::membership_version.eq(organizations::membership_version + 1),
        ))
        .returning(organizations::membership_version)
        .get_result(conn)
        .optional()
}

/// Whether an organization's purge has begun.
pub fn find_doomed(conn: &mut DbConnection, id: OrgId) -> QueryResult<bool> {
    let doomed = organizations::table.find(id).filter(organizations::deleted_at.le(DOOMED));
    let found: Option<OrgId> = doomed.select(organizations::id).first(conn).optional()?;
    Ok(found.is_some())
}

/// Removes the row of an organization whose purge has begun.
pub fn remove(conn: &mut DbConnection, id: OrgId) -> QueryResult<usize> {
    let doomed = organizations::table.find(id).filter(organizations::deleted_at.le(DOOMED));
    diesel::delete(doomed).execute(conn)
}
