//! Invitations to organizations. Who changes them holds the organization's row; see [`act`](crate::act).

mod listing;
#[cfg(test)]
mod tests;

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, typed_id};

pub use listing::{
    Addressed, AddressedFilter, Filter, Listed, ORDERINGS, find_listed, list, list_addressed,
    list_addressed_from, list_from,
};

use super::{
    handles, mails,
    organizations::{self, OrgId},
};
use crate::schema::{invitation_handles, invitations, mails as mails_table};

typed_id!(
    /// Identifies an invitation; its order is that of creation.
    InvitationId
);

/// Waits to be accepted, unless it has expired.
pub const PENDING: &str = "pending";
/// The addressee has become a member.
pub const ACCEPTED: &str = "accepted";
/// It was taken back.
pub const REVOKED: &str = "revoked";
/// It was not accepted in time. Stored only when another takes its place; see [`Invitation::status`].
pub const EXPIRED: &str = "expired";

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations, treat_none_as_default_value = false)]
pub struct Invitation {
    /// Primary key.
    pub id: InvitationId,
    /// The organization.
    pub org_id: OrgId,
    /// The address, as it was given.
    pub email: String,
    /// The address, as it is compared; see [`address`](crate::address).
    pub email_key: String,
    /// A built-in role or one of the organization's own.
    pub role: String,
    /// As stored; see [`Invitation::status`].
    pub status: String,
    /// Who invited: a user id.
    pub invited_by: String,
    /// Who has accepted: a user id.
    pub accepted_by: Option<String>,
    /// Creation.
    pub created_at: Timestamp,
    /// When a mail was asked for last.
    pub asked_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When it was accepted or revoked, or found to have expired.
    pub closed_at: Option<Timestamp>,
}

impl Invitation {
    /// What it is by now: time closes an invitation without touching its row.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &str {
        if self.status == PENDING && self.expires_at <= now { EXPIRED } else { &self.status }
    }

    /// Whether it can be accepted.
    #[must_use]
    pub fn is_pending(&self, now: Timestamp) -> bool {
        self.status(now) == PENDING
    }
}

/// Adds an invitation; false if there is a pending one to the address.
pub fn insert(conn: &mut DbConnection, new: &Invitation) -> QueryResult<bool> {
    let rows = shared::each_engine!(conn => diesel::insert_into(invitations::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(rows > 0)
}

/// One invitation.
pub fn find(conn: &mut DbConnection, id: InvitationId) -> QueryResult<Option<Invitation>> {
    invitations::table.find(id).select(Invitation::as_select()).first(conn).optional()
}

/// The latest invitation of an organization to an address.
pub fn find_latest(conn: &mut DbConnection, org_id: OrgId, key: &str) -> QueryResult<Option<Invitation>> {
    let all =
        invitations::table.filter(invitations::email_key.eq(key)).filter(invitations::org_id.eq(org_id));
    let latest = all.order(invitations::asked_at.desc()).select(Invitation::as_select());
    latest.first(conn).optional()
}

/// Stores of an organization's invitations that they have expired, if they have.
pub fn close_expired(conn: &mut DbConnection, org_id: OrgId, now: Timestamp) -> QueryResult<usize> {
    let expired = pending(org_id).filter(invitations::expires_at.le(now));
    let ids: Vec<InvitationId> = expired.select(invitations::id).load(conn)?;
    for id in &ids {
        close(conn, *id, EXPIRED, None, now)?;
    }
    Ok(ids.len())
}

/// How many invitations of an organization are pending.
pub fn count_pending(conn: &mut DbConnection, org_id: OrgId, now: Timestamp) -> QueryResult<i64> {
    pending(org_id).filter(invitations::expires_at.gt(now)).count().get_result(conn)
}

/// Whether a pending invitation carries this role.
pub fn carry(conn: &mut DbConnection, org_id: OrgId, role: &str, now: Timestamp) -> QueryResult<bool> {
    let carrying = pending(org_id).filter(invitations::role.eq(role)).filter(invitations::expires_at.gt(now));
    let first: Option<InvitationId> = carrying.select(invitations::id).first(conn).optional()?;
    Ok(first.is_some())
}

/// Has another mail sent, and moves the end of a pending invitation; false if it is not pending.
pub fn renew(
    conn: &mut DbConnection,
    id: InvitationId,
    expires_at: Timestamp,
    now: Timestamp,
) -> QueryResult<bool> {
    let open = invitations::table.find(id).filter(invitations::status.eq(PENDING));
    let set = (invitations::asked_at.eq(now), invitations::expires_at.eq(expires_at));
    Ok(diesel::update(open.filter(invitations::expires_at.gt(now))).set(set).execute(conn)? > 0)
}

/// Closes an invitation that is stored as pending; false if it is not, so that of all who try one does.
/// With it go its handles and its mail, if that has not been sent.
pub fn close(
    conn: &mut DbConnection,
    id: InvitationId,
    status: &str,
    accepted_by: Option<&str>,
    now: Timestamp,
) -> QueryResult<bool> {
    let open = invitations::table.find(id).filter(invitations::status.eq(PENDING));
    let closed = (
        invitations::status.eq(status),
        invitations::accepted_by.eq(accepted_by),
        invitations::closed_at.eq(Some(now)),
    );
    if diesel::update(open).set(closed).execute(conn)? == 0 {
        return Ok(false);
    }
    handles::delete(conn, id)?;
    mails::stop(conn, id)?;
    Ok(true)
}

/// Whether the mail of an invitation is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sendable {
    /// Now: the invitation, and the name of its organization.
    Now(Box<Invitation>, String),
    /// Once its organization is restored: it is deleted.
    Later(OrgId),
    /// Never: the invitation can no longer be accepted.
    Never,
}

/// Whether the mail of an invitation is sent.
pub fn find_to_send(conn: &mut DbConnection, id: InvitationId, now: Timestamp) -> QueryResult<Sendable> {
    let Some(invitation) = find(conn, id)?.filter(|invitation| invitation.is_pending(now)) else {
        return Ok(Sendable::Never);
    };
    Ok(match organizations::find(conn, invitation.org_id)? {
        Some(organization) => Sendable::Now(Box::new(invitation), organization.name),
        None => Sendable::Later(invitation.org_id),
    })
}

/// Removes up to `limit` invitations of an organization that is purged, with their handles and mails.
pub fn purge(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<usize> {
    let all = invitations::table.filter(invitations::org_id.eq(org_id)).limit(limit);
    let ids: Vec<InvitationId> = all.select(invitations::id).load(conn)?;
    let handles = invitation_handles::table.filter(invitation_handles::invitation_id.eq_any(ids.clone()));
    diesel::delete(handles).execute(conn)?;
    let mails = mails_table::table.filter(mails_table::invitation_id.eq_any(ids.clone()));
    diesel::delete(mails).execute(conn)?;
    diesel::delete(invitations::table.filter(invitations::id.eq_any(ids))).execute(conn)
}

#[diesel::dsl::auto_type(no_type_alias)]
fn pending(org_id: OrgId) -> _ {
    let status: &'static str = PENDING;
    invitations::table.filter(invitations::org_id.eq(org_id)).filter(invitations::status.eq(status))
}
