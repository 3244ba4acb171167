//! Invitations are made, mailed again, taken back and accepted.
//!
//! All of it happens in an [`Act`], which takes the organization's row first. So of an acceptance and a
//! revocation at the same time one comes first and the other finds the invitation closed; the compare-and-set
//! on the invitation says the same once more.

use std::time::Duration;

use serde_json::json;
use shared::{DbConnection, db::Undone};

use crate::{
    act::{Act, Ground, Outcome, Refused},
    address,
    store::{
        invitations::{self, ACCEPTED, Invitation, InvitationId, PENDING, REVOKED},
        mails,
        memberships::{self, Membership},
    },
};

/// The least time between two mails to one address.
const BETWEEN_MAILS: Duration = Duration::from_secs(60);

/// The settings for invitations.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an invitation can be accepted.
    pub lifetime: Duration,
    /// Pending invitations that an organization may have.
    pub pending: i64,
}

/// Invites an address. That a member has it cannot be known here; accepting says so.
pub fn invite(
    conn: &mut DbConnection,
    act: &Act,
    (email, role): (&str, &str),
    limits: Limits,
) -> Outcome<Invitation> {
    let ground = act.begin(conn)?;
    let granted = act.find_role(conn, role)?;
    ground.demand(ground.standing.commands(&granted), Refused::Forbidden)?;
    invitations::close_expired(conn, act.org_id, act.now)?;
    let email_key = address::key(email);
    if let Some(latest) = invitations::find_latest(conn, act.org_id, &email_key)? {
        ground.demand(!latest.is_pending(act.now), Refused::AlreadyInvited)?;
        // Inviting and revoking in turn would send as many mails as anybody likes.
        demand_pause(&ground, act, &latest)?;
    }
    let pending = invitations::count_pending(conn, act.org_id, act.now)?;
    ground.demand(pending < limits.pending, Refused::TooManyInvitations)?;
    let invitation = Invitation {
        id: InvitationId::new(act.now),
        org_id: act.org_id,
        email: email.to_owned(),
        email_key,
        role: role.to_owned(),
        status: PENDING.to_owned(),
        invited_by: act.actor.user_id.clone(),
        accepted_by: None,
        created_at: act.now,
        asked_at: act.now,
        expires_at: act.now.after(limits.lifetime),
        closed_at: None,
    };
    ground.demand(invitations::insert(conn, &invitation)?, Refused::AlreadyInvited)?;
    mails::ask(conn, invitation.id, act.now)?;
    let shown = json!({"email": email, "role": role, "expires_at": invitation.expires_at});
    ground.record(conn, "invitation.created", &invitation.id.to_string(), (None, Some(shown)))?;
    Ok(invitation)
}

/// Has another mail sent for a pending invitation, which can be accepted for its whole lifetime again.
/// Handles of earlier mails stay good.
pub fn resend(conn: &mut DbConnection, act: &Act, id: InvitationId, limits: Limits) -> Outcome<Invitation> {
    let ground = act.begin(conn)?;
    let before = load_commanded(conn, act, &ground, id)?;
    ground.demand(before.is_pending(act.now), Refused::InvitationClosed)?;
    demand_pause(&ground, act, &before)?;
    let expires_at = act.now.after(limits.lifetime);
    let renewed = invitations::renew(conn, id, expires_at, act.now)?;
    ground.demand(renewed, Refused::InvitationClosed)?;
    mails::ask(conn, id, act.now)?;
    let change = (
        Some(json!({"expires_at": before.expires_at})),
        Some(json!({"email": before.email, "role": before.role, "expires_at": expires_at})),
    );
    ground.record(conn, "invitation.resent", &id.to_string(), change)?;
    Ok(Invitation { asked_at: act.now, expires_at, ..before })
}

/// Takes an invitation back that nobody has accepted. From the answer on nobody can.
pub fn revoke(conn: &mut DbConnection, act: &Act, id: InvitationId) -> Outcome<()> {
    let ground = act.begin(conn)?;
    let before = load_commanded(conn, act, &ground, id)?;
    let revoked = invitations::close(conn, id, REVOKED, None, act.now)?;
    ground.demand(revoked, Refused::InvitationClosed)?;
    let shown = json!({"email": before.email, "role": before.role});
    ground.record(conn, "invitation.revoked", &id.to_string(), (Some(shown), None))
}

/// Makes the actor a member, as the invitation says. `address` is the actor's verified one, as it is
/// compared; none: whoever has the handle may come.
///
/// Who is a member already keeps their role, and the invitation stays as it is: it may be meant for somebody
/// else, and whoever made it can revoke it.
pub fn accept(
    conn: &mut DbConnection,
    act: &Act,
    id: InvitationId,
    address: Option<&str>,
) -> Outcome<Membership> {
    let unknown = || Undone::Refused(Refused::UnknownInvitation);
    let ground = act.begin_from_outside(conn).map_err(|undone| match undone {
        Undone::Refused(_) => unknown(),
        failed @ Undone::Failed(_) => failed,
    })?;
    let found = invitations::find(conn, id)?.filter(|invitation| {
        let here = invitation.org_id == act.org_id;
        here && invitation.is_pending(act.now)
    });
    let invitation = found.ok_or_else(unknown)?;
    let addressed = address.is_none_or(|own| own == invitation.email_key);
    ground.demand(addressed, Refused::OtherAddress)?;
    ground.demand(ground.standing.role.is_none(), Refused::AlreadyMember)?;
    act.find_role(conn, &invitation.role).map_err(|undone| match undone {
        Undone::Refused(_) => Undone::Refused(Refused::RoleGone),
        failed @ Undone::Failed(_) => failed,
    })?;
    let user_id = act.actor.user_id.as_str();
    let accepted = invitations::close(conn, id, ACCEPTED, Some(user_id), act.now)?;
    ground.demand(accepted, Refused::UnknownInvitation)?;
    let member = Membership {
        org_id: act.org_id,
        user_id: user_id.to_owned(),
        role: invitation.role.clone(),
        created_at: act.now,
        updated_at: act.now,
    };
    // Nobody has a token of this membership yet, so none is outdated; and those of an earlier one stay so,
    // for the organization's counter has moved since.
    ground.demand(memberships::insert(conn, member.clone())?, Refused::AlreadyMember)?;
    let shown = json!({"user_id": user_id, "email": invitation.email, "role": invitation.role});
    ground.record(conn, "invitation.accepted", &id.to_string(), (None, Some(shown)))?;
    Ok(member)
}

/// The invitation, to somebody who may give its role.
fn load_commanded(
    conn: &mut DbConnection,
    act: &Act,
    ground: &Ground<'_>,
    id: InvitationId,
) -> Outcome<Invitation> {
    let found = invitations::find(conn, id)?.filter(|invitation| invitation.org_id == act.org_id);
    let invitation = found.ok_or(Undone::Refused(Refused::UnknownInvitation))?;
    let role = act.policy_role(conn, &invitation.role)?;
    ground.demand(ground.standing.commands(&role), Refused::Forbidden)?;
    Ok(invitation)
}

fn demand_pause(ground: &Ground<'_>, act: &Act, latest: &Invitation) -> Outcome<()> {
    let passed = act.now.since(latest.asked_at);
    let wait = BETWEEN_MAILS.saturating_sub(passed);
    ground.demand(wait.is_zero(), Refused::TooSoon(wait))
}
