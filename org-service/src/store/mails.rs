//! The outbox: one row per invitation, which says what is left to do about its mail.
//!
//! Whoever sends takes the row first, by a compare-and-set on `version` that moves `next_attempt_at` behind
//! the time that sending may take. So no two processes send at once, and a mail whose sender died is due
//! again. `version` moves with everything that happens, so that a sender who comes back late changes nothing.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::{
    invitations::{InvitationId, PENDING},
    organizations::OrgId,
};
use crate::schema::{invitations, mails};

/// A mail to be sent, being sent, or done with.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = mails, treat_none_as_default_value = false)]
pub struct Mail {
    /// What it tells of.
    pub invitation_id: InvitationId,
    /// Moves with every change.
    pub version: i64,
    /// How often it was tried to send it.
    pub attempts: i64,
    /// When it is due; none once nothing is left to do.
    pub next_attempt_at: Option<Timestamp>,
    /// When a mail server took it.
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    /// What went wrong last, without addresses.
    pub last_error: Option<String>,
}

/// Has a mail sent, the first or another one.
pub fn ask(conn: &mut DbConnection, invitation_id: InvitationId, now: Timestamp) -> QueryResult<()> {
    let again = (
        mails::version.eq(mails::version + 1),
        mails::attempts.eq(0),
        mails::next_attempt_at.eq(Some(now)),
        mails::sent_at.eq(None::<Timestamp>),
        mails::failed_at.eq(None::<Timestamp>),
        mails::last_error.eq(None::<String>),
    );
    if diesel::update(mails::table.find(invitation_id)).set(again).execute(conn)? > 0 {
        return Ok(());
    }
    let new = Mail {
        invitation_id,
        version: 1,
        attempts: 0,
        next_attempt_at: Some(now),
        sent_at: None,
        failed_at: None,
        last_error: None,
    };
    shared::each_engine!(conn => diesel::insert_into(mails::table).values(new).execute(conn))?;
    Ok(())
}

/// Up to `limit` mails that are due, the longest waiting first.
pub fn list_due(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<Vec<Mail>> {
    let due = mails::table.filter(mails::next_attempt_at.le(now)).order(mails::next_attempt_at);
    due.limit(limit).select(Mail::as_select()).load(conn)
}

/// Takes a mail to send it, until `until`; false if somebody else has it or it is done with. Its version is
/// one higher after that.
pub fn take(conn: &mut DbConnection, mail: &Mail, until: Timestamp) -> QueryResult<bool> {
    let taken = (
        mails::version.eq(mails::version + 1),
        mails::attempts.eq(mails::attempts + 1),
        mails::next_attempt_at.eq(Some(until)),
    );
    let same = mails::table.find(mail.invitation_id).filter(mails::version.eq(mail.version));
    Ok(diesel::update(same.filter(mails::next_attempt_at.is_not_null())).set(taken).execute(conn)? > 0)
}

/// What has become of a mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A mail server took it.
    Sent,
    /// It is tried again then.
    Again(Timestamp, String),
    /// It is given up.
    GivenUp(String),
}

/// Keeps what has become of a mail; false if it is somebody else's by now.
pub fn settle(
    conn: &mut DbConnection,
    invitation_id: InvitationId,
    version: i64,
    fate: Fate,
    now: Timestamp,
) -> QueryResult<bool> {
    let (next, sent, failed, error) = match fate {
        Fate::Sent => (None, Some(now), None, None),
        Fate::Again(next, error) => (Some(next), None, None, Some(error)),
        Fate::GivenUp(error) => (None, None, Some(now), Some(error)),
    };
    let settled = (
        mails::version.eq(mails::version + 1),
        mails::next_attempt_at.eq(next),
        mails::sent_at.eq(sent),
        mails::failed_at.eq(failed),
        mails::last_error.eq(error),
    );
    let own = mails::table.find(invitation_id).filter(mails::version.eq(version));
    Ok(diesel::update(own).set(settled).execute(conn)? > 0)
}

/// Leaves a mail unsent that has not been sent: its invitation is closed.
pub fn stop(conn: &mut DbConnection, invitation_id: InvitationId) -> QueryResult<usize> {
    let unsent = mails::table.find(invitation_id).filter(mails::next_attempt_at.is_not_null());
    let stopped = (mails::version.eq(mails::version + 1), mails::next_attempt_at.eq(None::<Timestamp>));
    diesel::update(unsent).set(stopped).execute(conn)
}

/// Leaves a mail that was taken, and that try does not count: its organization is deleted, and may come back.
/// False if it is somebody else's by now.
pub fn hold(conn: &mut DbConnection, invitation_id: InvitationId, version: i64) -> QueryResult<bool> {
    let held = (
        mails::version.eq(mails::version + 1),
        mails::attempts.eq(mails::attempts - 1),
        mails::next_attempt_at.eq(None::<Timestamp>),
    );
    let own = mails::table.find(invitation_id).filter(mails::version.eq(version));
    Ok(diesel::update(own).set(held).execute(conn)? > 0)
}

/// Has the mails sent that were left while their organization was deleted: those of its pending invitations
/// that were neither sent nor given up.
pub fn resume(conn: &mut DbConnection, org_id: OrgId, now: Timestamp) -> QueryResult<usize> {
    let pending = invitations::table
        .filter(invitations::org_id.eq(org_id))
        .filter(invitations::status.eq(PENDING))
        .select(invitations::id);
    let left = mails::table
        .filter(mails::invitation_id.eq_any(pending))
        .filter(mails::next_attempt_at.is_null())
        .filter(mails::sent_at.is_null())
        .filter(mails::failed_at.is_null());
    let due = (mails::version.eq(mails::version + 1), mails::next_attempt_at.eq(Some(now)));
    diesel::update(left).set(due).execute(conn)
}
