//! Sessions that began on the original: their tokens name none, so the id derives from the `jti`.

use diesel::QueryResult;
use shared::{DbConnection, Timestamp, random};

use super::{Context, Ended, Presented};
use crate::store::{
    sessions::{self, Session},
    users::{self, User},
};

/// Inserts the row of a session that began on the original, if its user may still have one: like a
/// login, together with a compare-and-set on the user, so that none is born after a deactivation.
pub fn adopt(
    conn: &mut DbConnection,
    token: &Presented,
    context: &Context,
) -> QueryResult<Result<Session, Ended>> {
    conn.write_transaction(|conn| {
        let (user, session) = match foreign_user(conn, token, context)? {
            Ok(found) => found,
            Err(ended) => return Ok(Err(ended)),
        };
        if !users::confirm(conn, &user, !context.policy.inactive_may_log_in, None)? {
            return Ok(Err(Ended::Inactive));
        }
        sessions::insert_if_absent(conn, &session)?;
        Ok(Ok(session))
    })
}

/// The session that a foreign token stands for, without inserting it.
pub fn foreign_session(
    conn: &mut DbConnection,
    token: &Presented,
    context: &Context,
) -> QueryResult<Result<Session, Ended>> {
    Ok(foreign_user(conn, token, context)?.map(|(_, session)| session))
}

fn foreign_user(
    conn: &mut DbConnection,
    token: &Presented,
    context: &Context,
) -> QueryResult<Result<(User, Session), Ended>> {
    if !token.foreign {
        // A session that we began and have purged since: it is over.
        return Ok(Err(Ended::Blacklisted));
    }
    let user = users::find_by_claim(conn, context.policy.user_id_field, &token.user_claim)?;
    let may = |user: &User| user.is_active || context.policy.inactive_may_log_in;
    let Some(user) = user.filter(may) else { return Ok(Err(Ended::Inactive)) };
    if predates(token.issued_at, user.not_before) {
        return Ok(Err(Ended::Blacklisted));
    }
    let mut session = blank(token, context);
    session.user_id = Some(user.id);
    session.is_superuser = user.is_superuser;
    Ok(Ok((user, session)))
}

/// Whether a token without a session was issued before its user's tokens were called in. Tokens
/// have whole seconds: one of the same second is refused too.
#[must_use]
pub fn predates(issued_at: Option<Timestamp>, not_before: Option<Timestamp>) -> bool {
    not_before.is_some_and(|limit| issued_at.is_none_or(|at| at.as_secs() <= limit.as_secs()))
}

/// A session as a foreign token describes it.
#[must_use]
pub fn blank(token: &Presented, context: &Context) -> Session {
    Session {
        id: token.session,
        user_id: None,
        user_claim: token.user_claim.clone(),
        is_superuser: false,
        secret: random::bytes::<32>().to_vec(),
        generation: 0,
        signing_kid: context.signing_kid.clone(),
        refresh_kid: context.refresh_kid.clone(),
        created_at: context.now,
        rotated_at: context.now,
        expires_at: token.expires_at,
        absolute_expires_at: context.now.after(context.policy.session_lifetime.0).max(token.expires_at),
        revoked_at: None,
        revoked_reason: None,
        user_agent: context.client.user_agent.clone(),
        address: context.client.address.clone(),
        last_used_at: None,
    }
}
