//! Handles of invitations, as their digests. Each mail has its own; all of an invitation's are good until it
//! is closed.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::invitations::InvitationId;
use crate::schema::invitation_handles;

/// Adds a handle.
pub fn insert(
    conn: &mut DbConnection,
    hash: Vec<u8>,
    invitation_id: InvitationId,
    now: Timestamp,
) -> QueryResult<usize> {
    diesel::insert_into(invitation_handles::table)
        .values((
            invitation_handles::hash.eq(hash),
            invitation_handles::invitation_id.eq(invitation_id),
            invitation_handles::created_at.eq(now),
        ))
        .execute(conn)
}

/// Whose handle it is.
pub fn find(conn: &mut DbConnection, hash: &[u8]) -> QueryResult<Option<InvitationId>> {
    let found = invitation_handles::table.find(hash).select(invitation_handles::invitation_id);
    found.first(conn).optional()
}

/// Removes the handles of an invitation that is closed.
pub fn delete(conn: &mut DbConnection, invitation_id: InvitationId) -> QueryResult<usize> {
    let all = invitation_handles::table.filter(invitation_handles::invitation_id.eq(invitation_id));
    diesel::delete(all).execute(conn)
}
