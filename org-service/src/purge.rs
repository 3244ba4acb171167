//! Purge: once an organization can no longer be restored, it goes with everything that belongs to it.
//!
//! It may have more rows than one transaction should remove. So it is doomed first, which nothing takes
//! back, then its parts go in batches, and its row last, with which its slug is free. A crash in between
//! leaves a doomed organization, which the next round finds.

use std::time::Duration;

use diesel::QueryResult;
use shared::{Db, DbConnection, DbError, Timestamp, revocation::Kind};

use crate::store::{
    announcements::{self, Announcement, AnnouncementId},
    audit, invitations, memberships,
    organizations::{self, OrgId},
    roles, seals,
};

/// Rows removed by one statement: small, so that requests are not held up.
const BATCH: i64 = 500;
/// Organizations looked up by one statement.
const ORGANIZATIONS: i64 = 100;

/// Removes up to so many rows of one table that belong to an organization.
type Part = fn(&mut DbConnection, OrgId, i64) -> QueryResult<usize>;

/// Everything that belongs to an organization. Announcements are not among it: they wait until they are
/// delivered.
const PARTS: [Part; 5] = [invitations::purge, memberships::purge, roles::purge, seals::purge, audit::purge];

/// Purges every organization that was deleted so long ago.
pub async fn purge_all(db: &Db, window: Duration, now: Timestamp) -> Result<(), DbError> {
    let until = now.before(window);
    loop {
        let found = db.read(move |conn| organizations::list_deleted(conn, until, ORGANIZATIONS)).await?;
        if found.is_empty() {
            return Ok(());
        }
        for id in found {
            purge(db, id, until, now).await?;
        }
    }
}

/// Purges an organization that was deleted at this time or before; says whether there was such a one.
pub async fn purge(db: &Db, id: OrgId, until: Timestamp, now: Timestamp) -> Result<bool, DbError> {
    if !db.transaction(move |conn| begin(conn, id, until, now)).await? {
        return Ok(false);
    }
    for part in PARTS {
        while db.write(move |conn| part(conn, id, BATCH)).await? > 0 {}
    }
    if db.transaction(move |conn| finish(conn, id)).await? {
        tracing::info!(org.id = %id, "an organization was purged");
    }
    Ok(true)
}

/// Dooms the organization, unless it is already; says whether it is. Who has a token for it or knows of
/// its roles hears of it a last time.
fn begin(conn: &mut DbConnection, id: OrgId, until: Timestamp, now: Timestamp) -> QueryResult<bool> {
    let Some(version) = organizations::doom(conn, id, until)? else {
        return organizations::find_doomed(conn, id);
    };
    let announcement = |kind: Kind, key: String, permissions: Option<String>| Announcement {
        id: AnnouncementId::new(now),
        kind: kind.as_str().to_owned(),
        key,
        min_version: version,
        permissions,
        created_at: now,
    };
    announcements::insert(conn, &announcement(Kind::Organization, id.to_string(), None))?;
    for role in roles::list(conn, id, i64::MAX)? {
        let key = format!("{id}/{}", role.name);
        announcements::insert(conn, &announcement(Kind::Role, key, Some(String::new())))?;
    }
    Ok(true)
}

/// Removes the row, and what somebody added while the parts went.
fn finish(conn: &mut DbConnection, id: OrgId) -> QueryResult<bool> {
    let removed = organizations::remove(conn, id)? > 0;
    for part in PARTS {
        while part(conn, id, BATCH)? > 0 {}
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
