//! Sessions: one row per login. Nothing is stored per token.

mod beginning;
mod finding;
mod rotating;

use std::time::Duration;

use diesel::prelude::*;
use shared::{DbConnection, Secret, Timestamp, each_engine, typed_id};

pub use beginning::{Beginning, begin};
pub use finding::find_together;
pub use rotating::{Rotation, rotate, rotate_together};

use super::users::UserId;
use crate::schema::sessions;

typed_id!(
    /// Identifies a session: the `sid` claim.
    SessionId
);

/// A row of `sessions`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// Primary key.
    pub id: SessionId,
    /// Whose session; none once the user is deleted, or for a foreign token that named nobody.
    pub user_id: Option<UserId>,
    /// The user id claim of the session's tokens.
    pub user_claim: String,
    /// The `is_superuser` claim of the session's tokens.
    pub is_superuser: bool,
    /// 32 bytes from which the ids of the session's tokens are derived.
    pub secret: Vec<u8>,
    /// How often the session was rotated.
    pub generation: i64,
    /// The key that signed the latest access token.
    pub signing_kid: Option<String>,
    /// The key that signed the latest refresh token.
    pub refresh_kid: Option<String>,
    /// The login.
    pub created_at: Timestamp,
    /// The latest rotation, or the login.
    pub rotated_at: Timestamp,
    /// When the latest refresh token expires.
    pub expires_at: Timestamp,
    /// When the session ends, however often it is refreshed.
    pub absolute_expires_at: Timestamp,
    /// When the session ended before its time.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// The client's own name for itself, cut to 256 characters.
    pub user_agent: String,
    /// The client's address.
    pub address: String,
    /// When the session was last used, to the minute; none since the login.
    pub last_used_at: Option<Timestamp>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("revoked_reason", &self.revoked_reason)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The session's secret, which must not be shown.
    #[must_use]
    pub fn secret(&self) -> Secret<Vec<u8>> {
        Secret::new(self.secret.clone())
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// One of its tokens was blacklisted.
    Blacklisted,
    /// A spent refresh token was presented.
    Reuse,
    /// The user was deactivated.
    Deactivated,
    /// The user was deleted.
    Deleted,
    /// The password changed.
    PasswordChanged,
    /// The user became a superuser, or is none any more.
    RoleChanged,
    /// Its user logged out.
    LoggedOut,
    /// The key of its refresh tokens was revoked.
    KeyRevoked,
}

impl Reason {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blacklisted => "blacklisted",
            Self::Reuse => "reuse",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::PasswordChanged => "password_changed",
            Self::RoleChanged => "role_changed",
            Self::LoggedOut => "logged_out",
            Self::KeyRevoked => "key_revoked",
        }
    }
}

/// The session with this id.
pub fn find(conn: &mut DbConnection, id: SessionId) -> QueryResult<Option<Session>> {
    sessions::table.find(id).select(Session::as_select()).first(conn).optional()
}

/// Adds a session.
pub fn insert(conn: &mut DbConnection, session: &Session) -> QueryResult<usize> {
    diesel::insert_into(sessions::table).values(session.clone()).execute(conn)
}

/// Adds a session unless its id is taken; says whether it was added.
pub fn insert_if_absent(conn: &mut DbConnection, session: &Session) -> QueryResult<bool> {
    let added = each_engine!(conn => diesel::insert_into(sessions::table)
        .values(session.clone())
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(added == 1)
}

/// Prolongs a live session without a step: rotation that keeps the old token.
pub fn prolong(conn: &mut DbConnection, rotation: &Rotation) -> QueryResult<Option<Session>> {
    let live = sessions::table
        .filter(sessions::id.eq(rotation.id))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(rotation.alive_at))
        .filter(sessions::absolute_expires_at.gt(rotation.alive_at));
    diesel::update(live)
        .set((
            sessions::rotated_at.eq(rotation.now),
            sessions::expires_at.eq(rotation.expires_at),
            sessions::refresh_kid.eq(rotation.refresh_kid.clone()),
        ))
        .returning(sessions::all_columns)
        .get_result(conn)
        .optional()
}

/// Ends a session; false if it had ended, or never was.
pub fn revoke(conn: &mut DbConnection, id: SessionId, reason: Reason, now: Timestamp) -> QueryResult<bool> {
    let live = sessions::table.filter(sessions::id.eq(id)).filter(sessions::revoked_at.is_null());
    let ended = diesel::update(live)
        .set((sessions::revoked_at.eq(Some(now)), sessions::revoked_reason.eq(Some(reason.as_str()))))
        .execute(conn)?;
    Ok(ended == 1)
}

/// Ends every live session of a user, and names them.
pub fn revoke_all(
    conn: &mut DbConnection,
    user: UserId,
    reason: Reason,
    now: Timestamp,
) -> QueryResult<Vec<SessionId>> {
    let live = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::revoked_at.is_null());
    diesel::update(live)
        .set((sessions::revoked_at.eq(Some(now)), sessions::revoked_reason.eq(Some(reason.as_str()))))
        .returning(sessions::id)
        .get_results(conn)
}

/// The live sessions of a user, the latest first.
pub fn list_live(
    conn: &mut DbConnection,
    user: UserId,
    now: Timestamp,
    limit: i64,
) -> QueryResult<Vec<Session>> {
    sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::absolute_expires_at.gt(now))
        .order((sessions::rotated_at.desc(), sessions::id.desc()))
        .limit(limit)
        .select(Session::as_select())
        .load(conn)
}

/// Says when a session was used, unless what is written is hardly older.
pub fn touch(
    conn: &mut DbConnection,
    id: SessionId,
    at: Timestamp,
    precision: Duration,
) -> QueryResult<usize> {
    let older = sessions::last_used_at.is_null().or(sessions::last_used_at.le(at.before(precision)));
    diesel::update(sessions::table.filter(sessions::id.eq(id)).filter(older))
        .set(sessions::last_used_at.eq(Some(at)))
        .execute(conn)
}

/// Removes up to `limit` sessions of one user past their absolute limit.
pub fn purge_of(conn: &mut DbConnection, user: UserId, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let over = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::absolute_expires_at.le(now))
        .select(sessions::id)
        .limit(limit);
    let over: Vec<SessionId> = over.load(conn)?;
    if over.is_empty() {
        return Ok(0);
    }
    diesel::delete(sessions::table.filter(sessions::id.eq_any(over))).execute(conn)
}

/// Ends the sessions whose refresh token is under a key; gives each with the end of its last token.
pub fn revoke_under_key(
    conn: &mut DbConnection,
    refresh_kid: &str,
    reason: Reason,
    now: Timestamp,
) -> QueryResult<Vec<(SessionId, Timestamp)>> {
    let live =
        sessions::table.filter(sessions::refresh_kid.eq(refresh_kid)).filter(sessions::revoked_at.is_null());
    diesel::update(live)
        .set((sessions::revoked_at.eq(Some(now)), sessions::revoked_reason.eq(Some(reason.as_str()))))
        .returning((sessions::id, sessions::expires_at))
        .get_results(conn)
}

/// Removes up to `limit` sessions past their absolute limit. Before it, a token that the original
/// minted may still be alive, and without its row it would be adopted anew.
pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let over =
        sessions::table.filter(sessions::absolute_expires_at.le(now)).select(sessions::id).limit(limit);
    let over: Vec<SessionId> = over.load(conn)?;
    diesel::delete(sessions::table.filter(sessions::id.eq_any(over))).execute(conn)
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;

    /// Puts so many sessions beside that PostgreSQL looks for each by its key, which takes longer for more.
    pub(super) fn crowd(conn: &mut DbConnection) {
        let DbConnection::Postgres(pg) = conn else { return };
        let fill = "INSERT INTO sessions (id, user_claim, is_superuser, secret, generation, created_at, rotated_at, \
             expires_at, absolute_expires_at, user_agent, address) \
             SELECT gen_random_uuid(), '7', FALSE, '', 4, now(), now(), now(), now(), '', '' \
             FROM generate_series(1, 5000); ANALYZE sessions";
        pg.batch_execute(fill).unwrap();
    }

    pub(super) fn session(now: Timestamp) -> Session {
        Session {
            id: SessionId::new(now),
            user_id: None,
            user_claim: "7".to_owned(),
            is_superuser: true,
            secret: vec![1; 32],
            generation: 4,
            signing_kid: None,
            refresh_kid: Some("old".to_owned()),
            created_at: now,
            rotated_at: now,
            expires_at: Timestamp::from_secs(now.as_secs() + 60),
            absolute_expires_at: Timestamp::from_secs(now.as_secs() + 600),
            revoked_at: None,
            revoked_reason: None,
            user_agent: "agent".to_owned(),
            address: "address".to_owned(),
            last_used_at: None,
        }
    }
}
