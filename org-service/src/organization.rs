//! Organizations begin, change and end.

use serde_json::{Map, Value, json};
use shared::{DbConnection, db::Undone};

use crate::{
    act::{Act, Outcome, Outdated, Refused},
    conditional::Expected,
    policy::OWNER,
    store::{
        memberships::{self, Membership},
        organizations::{self, Changes, Organization},
    },
};

/// Adds an organization, whose owner the actor becomes. A name or slug that is taken is a unique
/// violation.
pub fn create(conn: &mut DbConnection, act: &Act, new: Organization) -> Outcome<()> {
    let owner = Membership {
        org_id: new.id,
        user_id: act.actor.user_id.clone(),
        role: OWNER.to_owned(),
        created_at: act.now,
        updated_at: act.now,
    };
    let shown = json!({"name": new.name, "slug": new.slug, "is_active": new.is_active});
    organizations::insert(conn, new, act.actor.user_id.clone())?;
    memberships::insert(conn, owner)?;
    act.begin(conn)?.record(conn, "organization.created", "", (None, Some(shown)))
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

/// Takes an organization out of everybody's sight, and calls in the tokens that speak for it.
pub fn delete(conn: &mut DbConnection, act: &Act) -> Outcome<()> {
    let ground = act.begin(conn)?;
    organizations::delete(conn, act.org_id, act.now)?;
    ground.outdate(conn, &[Outdated::Organization])?;
    let shown = json!({"name": ground.organization.name});
    ground.record(conn, "organization.deleted", "", (Some(shown), None))
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
