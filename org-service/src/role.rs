//! Roles that organizations define themselves, as sets of permissions. Nobody puts into a role what they
//! do not hold, and a role that somebody holds cannot be removed.

use serde_json::{Value, json};
use shared::{DbConnection, db::Undone};

use crate::{
    act::{Act, Outcome, Outdated, Refused},
    conditional::Expected,
    permission::Permissions,
    policy::{BUILT_IN, fit_a_token},
    store::{
        invitations, memberships,
        roles::{self, StoredRole},
    },
};

/// Roles of its own that an organization may have.
pub const MOST: i64 = 100;

/// What a role is defined as; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    /// For people.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: Option<Permissions>,
}

/// Adds a role.
pub fn define(conn: &mut DbConnection, act: &Act, name: &str, new: Definition) -> Outcome<StoredRole> {
    let ground = act.begin(conn)?;
    let permissions = new.permissions.unwrap_or_default();
    ground.demand(!BUILT_IN.contains(&name), Refused::RoleExists)?;
    ground.demand(ground.standing.holds_all(&permissions), Refused::Forbidden)?;
    ground.demand(roles::count(conn, act.org_id)? < MOST, Refused::TooManyRoles)?;
    let role = StoredRole {
        org_id: act.org_id,
        name: name.to_owned(),
        description: new.description.unwrap_or_default(),
        permissions: permissions.to_text(),
        version: 1,
        created_at: act.now,
        updated_at: act.now,
    };
    ground.demand(roles::insert(conn, role.clone())?, Refused::RoleExists)?;
    // Somebody may have a token from when there was another role of this name.
    ground.outdate(conn, &[Outdated::Role(name, in_feed(act, &permissions).as_ref())])?;
    ground.record(conn, "role.created", name, (None, Some(shown(&role))))?;
    Ok(role)
}

/// Changes a role, for everybody who holds it.
pub fn redefine(
    conn: &mut DbConnection,
    act: &Act,
    name: &str,
    new: Definition,
    expected: &Expected,
) -> Outcome<StoredRole> {
    let ground = act.begin(conn)?;
    let before = load(conn, act, name)?;
    expected.demand(&before)?;
    let old = act.policy_role(conn, name)?;
    ground.demand(ground.standing.commands(&old), Refused::Forbidden)?;
    let mut after = before.clone();
    if let Some(description) = new.description {
        after.description = description;
    }
    if let Some(permissions) = &new.permissions {
        ground.demand(ground.standing.holds_all(permissions), Refused::Forbidden)?;
        after.permissions = permissions.to_text();
    }
    (after.version, after.updated_at) = (before.version + 1, act.now);
    roles::update(conn, &after)?;
    if after.permissions != before.permissions {
        let permissions = new.permissions.unwrap_or_default();
        ground.outdate(conn, &[Outdated::Role(name, in_feed(act, &permissions).as_ref())])?;
    }
    ground.record(conn, "role.changed", name, (Some(shown(&before)), Some(shown(&after))))?;
    Ok(after)
}

/// Removes a role that nobody holds, or will on accepting an invitation.
pub fn remove(conn: &mut DbConnection, act: &Act, name: &str, expected: &Expected) -> Outcome<()> {
    let ground = act.begin(conn)?;
    let before = load(conn, act, name)?;
    expected.demand(&before)?;
    let old = act.policy_role(conn, name)?;
    ground.demand(ground.standing.commands(&old), Refused::Forbidden)?;
    let held = memberships::is_held(conn, act.org_id, name)?;
    ground.demand(!held && !invitations::carry(conn, act.org_id, name, act.now)?, Refused::RoleHeld)?;
    roles::delete(conn, act.org_id, name)?;
    let nothing = Permissions::default();
    // As stored: what is registered no more may have been when it was announced.
    let was_in_feed = !fit_a_token(&Permissions::of_text(&before.permissions));
    ground.outdate(conn, &[Outdated::Role(name, was_in_feed.then_some(&nothing))])?;
    ground.record(conn, "role.removed", name, (Some(shown(&before)), None))
}

/// A definition that is too large for tokens travels in the feed, without what nobody has registered.
fn in_feed(act: &Act, permissions: &Permissions) -> Option<Permissions> {
    let registered = permissions.within(act.policy.catalogue());
    (!fit_a_token(&registered)).then_some(registered)
}

fn load(conn: &mut DbConnection, act: &Act, name: &str) -> Outcome<StoredRole> {
    if BUILT_IN.contains(&name) {
        return Err(Undone::Refused(Refused::BuiltInRole));
    }
    roles::find(conn, act.org_id, name)?.ok_or(Undone::Refused(Refused::UnknownRole))
}

fn shown(role: &StoredRole) -> Value {
    json!({"description": role.description, "permissions": Permissions::of_text(&role.permissions)})
}
