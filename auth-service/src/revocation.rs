//! Ending sessions: the row and the feed entry that tells every validator, in one transaction.
//!
//! The functions run inside the caller's transaction and write to the feed last; see
//! [`store::feed`](crate::store::feed).

use diesel::QueryResult;
use shared::{DbConnection, Timestamp, revocation::Kind};

use crate::store::{
    feed::{self, New},
    sessions::{self, Reason, SessionId},
    users::{User, UserIdField},
};

/// The UUID version of [`adopted_session_id`](shared::revocation::adopted_session_id).
const ADOPTED: usize = 8;

/// Ends a session; false if it had ended, or never was.
pub fn end(conn: &mut DbConnection, id: SessionId, reason: Reason, now: Timestamp) -> QueryResult<bool> {
    let ended = sessions::revoke(conn, id, reason, now)?;
    if ended {
        let end = foreign_end(conn, id)?.unwrap_or(now);
        feed::append_until(conn, now, end, &[New::of(Kind::Session, id)])?;
    }
    Ok(ended)
}

/// When the token that a session was adopted with expires, at the latest: it may be an access or sliding
/// token of the original, which lives as long as the original said.
fn foreign_end(conn: &mut DbConnection, id: SessionId) -> QueryResult<Option<Timestamp>> {
    let is_adopted = id.uuid().get_version_num() == ADOPTED;
    let session = if is_adopted { sessions::find(conn, id)? } else { None };
    Ok(session.map(|session| session.expires_at))
}

/// Ends every live session of a user, and calls in the tokens without a session that the original
/// minted. The user's `not_before` must say the same.
pub fn end_all(
    conn: &mut DbConnection,
    user: &User,
    field: UserIdField,
    reason: Reason,
    now: Timestamp,
) -> QueryResult<usize> {
    let ended = sessions::revoke_all(conn, user.id, reason, now)?;
    let mut entries: Vec<New> = ended.iter().map(|id| New::of(Kind::Session, id)).collect();
    let key = user.claim(field).to_owned();
    entries.push(New { kind: Kind::User, key, bound: Some(now.as_secs()) });
    feed::append(conn, now, &entries)?;
    Ok(ended.len())
}
