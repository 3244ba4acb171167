//! [`Act`]: somebody changes an organization. Every change but its beginning goes through here, inside one
//! transaction:
//!
//! 1. [`Act::begin`] takes the organization's row, so that changes to one organization come one after the
//!    other, and only then asks where the actor stands: whoever was removed a moment ago changes nothing.
//! 2. The change itself.
//! 3. [`Ground::outdate`], where tokens have to be refused from now on: the counter moves, and the
//!    announcement is written.
//! 4. [`Ground::record`] puts it on record.
//!
//! A refusal at any point undoes all of it.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use shared::{DbConnection, Timestamp, db::Undone, revocation::Kind};

use crate::{
    adoption,
    permission::Permissions,
    policy::{Policy, Right, Role, Standing},
    record::{self, BEGINNING},
    store::{
        announcements::{self, Announcement, AnnouncementId},
        audit::Record,
        organizations::{self, HeldRole, Name, OrgId, Organization},
        roles,
    },
};

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no such organization, as far as the actor may know.
    UnknownOrganization,
    /// The actor may not do this.
    Forbidden,
    /// The user is no member.
    NotAMember,
    /// The organization would be without an owner.
    LastOwner,
    /// There is no such role.
    UnknownRole,
    /// The role is built in.
    BuiltInRole,
    /// There is a role of this name.
    RoleExists,
    /// Somebody holds the role.
    RoleHeld,
    /// The organization has as many roles as it may have.
    TooManyRoles,
    /// There is no such invitation, as far as the actor may know, or it can no longer be accepted.
    UnknownInvitation,
    /// The address has a pending invitation.
    AlreadyInvited,
    /// The invitation was accepted, revoked or not accepted in time.
    InvitationClosed,
    /// The organization has as many pending invitations as it may have.
    TooManyInvitations,
    /// The address was sent a mail a moment ago; another one after this time.
    TooSoon(Duration),
    /// The invitation is to another address than those that the actor has proven to have.
    OtherAddress,
    /// Whoever accepts is a member.
    AlreadyMember,
    /// The invitation's role has been removed.
    RoleGone,
    /// What is to be changed is no longer what the actor has seen; see
    /// [`conditional`](crate::conditional).
    Changed,
    /// The same creation is under way; see [`idempotency`](crate::idempotency).
    UnderWay,
    /// The key of a creation was used for another one.
    KeyReused,
    /// The name or the slug belongs to another organization.
    NameTaken,
}

/// What a transaction that may be refused ends with.
pub type Outcome<T> = Result<T, Undone<Refused>>;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user, as the issuer names it.
    pub user_id: String,
    /// Whether the token says that it is a superuser.
    pub is_superuser: bool,
    /// Whether everybody sees and changes every organization.
    pub everybody: bool,
    /// The one organization that the token speaks for, if it does.
    pub bound_to: Option<OrgId>,
}

impl Actor {
    /// Where the actor stands in an organization, holding this role there.
    #[must_use]
    pub fn standing(&self, policy: &Policy, org_id: OrgId, role: Option<HeldRole>) -> Standing {
        if self.bound_to.is_some_and(|bound| bound != org_id) {
            // A token for one organization says nothing in another.
            return Standing { role: None, is_superuser: false, everybody: false };
        }
        Standing {
            role: role.map(|held| policy.role(&held.name, held.definition.as_deref())),
            is_superuser: self.is_superuser,
            everybody: self.everybody,
        }
    }
}

/// A change that somebody is about to make.
#[derive(Debug, Clone)]
pub struct Act {
    /// To which organization.
    pub org_id: OrgId,
    /// By whom.
    pub actor: Actor,
    /// What it takes; none: to be a member.
    pub needs: Option<&'static str>,
    /// When.
    pub now: Timestamp,
    /// The request's id, for the record.
    pub request_id: String,
    /// The rules.
    pub policy: Arc<Policy>,
}

/// The organization's row is taken, and the actor may make the change.
#[derive(Debug)]
pub struct Ground<'a> {
    act: &'a Act,
    /// The organization as it was before the change.
    pub organization: Organization,
    /// Where the actor stands.
    pub standing: Standing,
    right: Right,
    seq: i64,
    previous: Vec<u8>,
}

impl Act {
    /// Takes the organization's row and asks whether the actor may make the change.
    pub fn begin(&self, conn: &mut DbConnection) -> Outcome<Ground<'_>> {
        self.take(conn, |standing| {
            if !standing.sees() {
                return Err(Refused::UnknownOrganization);
            }
            let right = match self.needs {
                Some(permission) => standing.right(permission),
                None => standing.role.as_ref().map(|_| Right::Role),
            };
            right.ok_or(Refused::Forbidden)
        })
    }

    /// Takes the organization's row for somebody who comes in from outside. What lets them in, an
    /// invitation, is for the change itself to check.
    pub fn begin_from_outside(&self, conn: &mut DbConnection) -> Outcome<Ground<'_>> {
        self.take(conn, |_| Ok(Right::Invitation))
    }

    fn take(
        &self,
        conn: &mut DbConnection,
        decide: impl FnOnce(&Standing) -> Result<Right, Refused>,
    ) -> Outcome<Ground<'_>> {
        let unknown = Undone::Refused(Refused::UnknownOrganization);
        let Some(taken) = adoption::take(conn, self.org_id, self.now)? else { return Err(unknown) };
        let name = Name::Id(self.org_id);
        let found = organizations::find_with_role(conn, &name, &self.actor.user_id)?;
        let Some((organization, role)) = found else { return Err(unknown) };
        let standing = self.actor.standing(&self.policy, self.org_id, role);
        let right = decide(&standing).map_err(Undone::Refused)?;
        let previous = taken.hash.unwrap_or_else(|| BEGINNING.to_vec());
        Ok(Ground { act: self, organization, standing, right, seq: taken.seq, previous })
    }

    /// The role of this name, if there is one.
    pub fn find_role(&self, conn: &mut DbConnection, name: &str) -> Outcome<Role> {
        if let Some(role) = self.policy.built_in(name) {
            return Ok(role);
        }
        let stored = roles::find(conn, self.org_id, name)?.ok_or(Undone::Refused(Refused::UnknownRole))?;
        Ok(self.policy.role(name, Some(&stored.permissions)))
    }

    /// What somebody with the role of this name holds; nothing, if it has no definition.
    pub fn policy_role(&self, conn: &mut DbConnection, name: &str) -> Outcome<Role> {
        let stored = roles::find(conn, self.org_id, name)?;
        Ok(self.policy.role(name, stored.as_ref().map(|role| role.permissions.as_str())))
    }
}

impl Ground<'_> {
    /// Refuses unless it holds.
    pub fn demand(&self, fine: bool, otherwise: Refused) -> Outcome<()> {
        if fine { Ok(()) } else { Err(Undone::Refused(otherwise)) }
    }

    /// From now on tokens of these are refused that were issued before: members by user id, roles by name
    /// (with the definition that tokens are too small for), or the whole organization.
    pub fn outdate(&self, conn: &mut DbConnection, whom: &[Outdated<'_>]) -> Outcome<i64> {
        let version = organizations::advance_membership(conn, self.act.org_id)?;
        for outdated in whom {
            let announcement = self.announcement(outdated, version);
            announcements::insert(conn, &announcement)?;
        }
        Ok(version)
    }

    fn announcement(&self, outdated: &Outdated<'_>, min_version: i64) -> Announcement {
        let org_id = self.act.org_id;
        let (kind, key, permissions) = match outdated {
            Outdated::Member(user_id) => (Kind::Member, format!("{org_id}/{user_id}"), None),
            Outdated::Role(name, definition) => {
                (Kind::Role, format!("{org_id}/{name}"), definition.map(Permissions::to_text))
            }
            Outdated::Organization => (Kind::Organization, org_id.to_string(), None),
        };
        Announcement {
            id: AnnouncementId::new(self.act.now),
            kind: kind.as_str().to_owned(),
            key,
            min_version,
            permissions,
            created_at: self.act.now,
        }
    }

    /// Puts the change on record: what was before and what is now, as JSON.
    pub fn record(
        self,
        conn: &mut DbConnection,
        action: &str,
        target: &str,
        (before, after): (Option<Value>, Option<Value>),
    ) -> Outcome<()> {
        let Act { org_id, actor, now, request_id, .. } = self.act;
        let record = Record {
            org_id: *org_id,
            seq: self.seq,
            at: *now,
            actor: actor.user_id.clone(),
            as_superuser: self.right == Right::Superuser,
            action: action.to_owned(),
            target: target.to_owned(),
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
            request_id: request_id.clone(),
            hash: Vec::new(),
        };
        Ok(record::append(conn, record, &self.previous)?)
    }
}

/// Whose tokens are outdated.
#[derive(Debug, Clone, Copy)]
pub enum Outdated<'a> {
    /// A member's.
    Member(&'a str),
    /// Those of all who hold a role; with its definition if that does not fit into tokens.
    Role(&'a str, Option<&'a Permissions>),
    /// Everybody's.
    Organization,
}
