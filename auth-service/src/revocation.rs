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

/// Ends a session; false if it had ended, or never was.
pub fn end(conn: &mut DbConnection, id: SessionId, reason: Reason, now: Timestamp) -> QueryResult<bool> {
    let ended = sessions::revoke(conn, id, reason, now)?;
    if ended {
        feed::append(conn, now, &[New::of(Kind::Session, id)])?;
    }
    Ok(ended)
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
