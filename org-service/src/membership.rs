//! Members come, change and go. An organization always has an owner; nobody grants or takes what they do
//! not hold.

use serde_json::json;
use shared::{DbConnection, db::Undone};

use crate::{
    act::{Act, Outcome, Outdated, Refused},
    conditional::Expected,
    policy::OWNER,
    store::memberships::{self, Membership},
};

/// What a former owner becomes.
const FORMER_OWNER: &str = "admin";

/// Gives a member another role, if the member is as expected.
pub fn change_role(
    conn: &mut DbConnection,
    act: &Act,
    user_id: &str,
    role: &str,
    expected: &Expected,
) -> Outcome<Membership> {
    let ground = act.begin(conn)?;
    let before = load(conn, act, user_id)?;
    expected.demand(&before)?;
    let old = act.policy_role(conn, &before.role)?;
    let new = act.find_role(conn, role)?;
    ground.demand(ground.standing.commands(&old) && ground.standing.commands(&new), Refused::Forbidden)?;
    demand_other_owner(conn, act, &before, role)?;
    let after = memberships::set_role(conn, act.org_id, user_id, role, act.now)?;
    ground.outdate(conn, &[Outdated::Member(user_id)])?;
    let change = (Some(json!({"role": before.role})), Some(json!({"role": role})));
    ground.record(conn, "member.role_changed", user_id, change)?;
    Ok(after)
}

/// Removes a member; who removes themselves leaves.
pub fn remove(conn: &mut DbConnection, act: &Act, user_id: &str, expected: &Expected) -> Outcome<()> {
    let ground = act.begin(conn)?;
    let before = load(conn, act, user_id)?;
    expected.demand(&before)?;
    let leaves = act.actor.user_id == user_id;
    if !leaves {
        let role = act.policy_role(conn, &before.role)?;
        ground.demand(ground.standing.commands(&role), Refused::Forbidden)?;
    }
    demand_other_owner(conn, act, &before, "")?;
    memberships::delete(conn, act.org_id, user_id)?;
    ground.outdate(conn, &[Outdated::Member(user_id)])?;
    let action = if leaves { "member.left" } else { "member.removed" };
    ground.record(conn, action, user_id, (Some(json!({"role": before.role})), None))
}

/// Makes another member the owner; the one who was becomes an admin.
pub fn transfer(conn: &mut DbConnection, act: &Act, user_id: &str) -> Outcome<Membership> {
    let ground = act.begin(conn)?;
    let owns = ground.standing.role.as_ref().is_some_and(|role| role.name == OWNER);
    ground.demand(owns, Refused::Forbidden)?;
    let before = load(conn, act, user_id)?;
    let own = act.actor.user_id.as_str();
    ground.demand(own != user_id, Refused::LastOwner)?;
    let after = memberships::set_role(conn, act.org_id, user_id, OWNER, act.now)?;
    memberships::set_role(conn, act.org_id, own, FORMER_OWNER, act.now)?;
    ground.outdate(conn, &[Outdated::Member(user_id), Outdated::Member(own)])?;
    let change = (
        Some(json!({"owner": own, "role": before.role})),
        Some(json!({"owner": user_id, "role": FORMER_OWNER})),
    );
    ground.record(conn, "organization.transferred", user_id, change)?;
    Ok(after)
}

fn load(conn: &mut DbConnection, act: &Act, user_id: &str) -> Outcome<Membership> {
    memberships::find(conn, act.org_id, user_id)?.ok_or(Undone::Refused(Refused::NotAMember))
}

/// The last owner can neither go nor become anything else.
fn demand_other_owner(conn: &mut DbConnection, act: &Act, before: &Membership, role: &str) -> Outcome<()> {
    let stays = before.role != OWNER || role == OWNER;
    if stays || memberships::has_other_owner(conn, act.org_id, &before.user_id)? {
        Ok(())
    } else {
        Err(Undone::Refused(Refused::LastOwner))
    }
}
