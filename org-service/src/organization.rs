//! Organizations begin, change and end.

use serde_json::{Map, Value, json};
use shared::{DbConnection, Timestamp, db::Undone};

use crate::{
    act::{Act, Outcome, Outdated, Refused},
    conditional::Expected,
    record::{self, BEGINNING},
    seal::{self, AuditKeys},
    store::{
        audit::Record,
        mails, memberships,
        organizations::{self, Beginning, Changes, HeldRole, Organization},
        roles,
    },
};

/// An organization as it begins, with its owner: that is on record, and sealed.
#[must_use]
pub fn beginning(
    organization: Organization,
    owner: String,
    request_id: String,
    keys: &AuditKeys,
) -> Beginning {
    let shown = json!({
        "name": organization.name,
        "slug": organization.slug,
        "is_active": organization.is_active,
    });
    let record = Record {
        org_id: organization.id,
        seq: 1,
        at: organization.created_at,
        actor: owner,
        as_superuser: false,
        action: "organization.created".to_owned(),
        target: String::new(),
        before: None,
        after: Some(shown.to_string()),
        request_id,
        hash: Vec::new(),
    };
    let record = Record { hash: record::hash(&record, &BEGINNING), ..record };
    let seal = seal::first(keys, &record);
    Beginning { organization, record, seal }
}

/// Changes an organization, if it is as expected. Deactivating it calls in the tokens that speak for it.
pub fn change(
    conn: &mut DbConnection,
    act: &Act,
    changes: Changes,
    expected: &Expected,
) -> Outcome<Organization> {
    let ground = act.begin(conn)?;
    expected.demand(&ground.organization)?;
    let before = ground.organization.clone();
    let updated = organizations::update(conn, act.org_id, changes, act.now)?;
    let mut after = updated.ok_or(Undone::Refused(Refused::UnknownOrganization))?;
    if before.is_active && !after.is_active {
        after.membership_version = ground.outdate(conn, &[Outdated::Organization])?;
    }
    ground.record(conn, "organization.changed", "", difference(&before, &after))?;
    Ok(after)
}

/// Takes an organization out of everybody's sight, if it is as expected, and calls in the tokens that speak for it.
pub fn delete(conn: &mut DbConnection, act: &Act, expected: &Expected) -> Outcome<()> {
    let ground = act.begin(conn)?;
    expected.demand(&ground.organization)?;
    organizations::delete(conn, act.org_id, act.now)?;
    ground.outdate(conn, &[Outdated::Organization])?;
    let shown = json!({"name": ground.organization.name});
    ground.record(conn, "organization.deleted", "", (Some(shown), None))
}

/// The permission to delete an organization, which is also that to take the deletion back.
pub const DELETE: &str = "organization:delete";

/// Brings an organization back that was deleted after this time, and sends its mails that waited. To whoever could not delete it, there is
/// none: that is asked before anything is tried, for a name that is taken would tell, too.
pub fn restore(conn: &mut DbConnection, act: &Act, after: Timestamp) -> Outcome<Organization> {
    let unknown = || Undone::Refused(Refused::UnknownOrganization);
    organizations::find_deleted(conn, act.org_id, after)?.ok_or_else(unknown)?;
    let member = memberships::find(conn, act.org_id, &act.actor.user_id)?;
    let role = match member {
        Some(member) => {
            let definition = roles::find(conn, act.org_id, &member.role)?.map(|role| role.permissions);
            Some(HeldRole { name: member.role, definition })
        }
        None => None,
    };
    let standing = act.actor.standing(&act.policy, act.org_id, role);
    standing.right(DELETE).ok_or_else(unknown)?;
    if !organizations::restore(conn, act.org_id, after)? {
        return Err(unknown());
    }
    let ground = act.begin(conn)?;
    mails::resume(conn, act.org_id, act.now)?;
    let organization = ground.organization.clone();
    let shown = json!({"name": organization.name});
    ground.record(conn, "organization.restored", "", (None, Some(shown)))?;
    Ok(organization)
}

/// The fields that differ, before and after.
fn difference(before: &Organization, after: &Organization) -> (Option<Value>, Option<Value>) {
    let fields = |it: &Organization| {
        [
            ("name", json!(it.name)),
            ("description", json!(it.description)),
            ("address", json!(it.address)),
            ("website", json!(it.website)),
            ("email", json!(it.email)),
            ("is_active", json!(it.is_active)),
            ("slug", json!(it.slug)),
        ]
    };
    let (mut old, mut new) = (Map::new(), Map::new());
    for ((name, was), (_, is)) in fields(before).into_iter().zip(fields(after)) {
        if was != is {
            old.insert(name.to_owned(), was);
            new.insert(name.to_owned(), is);
        }
    }
    (Some(Value::Object(old)), Some(Value::Object(new)))
}
