//! Members of organizations. Who changes them holds the organization's row; see
//! [`act`](crate::act).

mod listing;

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

#[cfg(test)]
pub(in crate::store) use listing::beyond;
pub use listing::{Filter, ORDERINGS, list, list_from};

use super::{organizations::OrgId, profiles};
use crate::{policy::OWNER, schema::memberships};

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
pub struct Membership {
    /// The organization.
    pub org_id: OrgId,
    /// The user, as the issuer names it.
    pub user_id: String,
    /// A built-in role or one of the organization's own.
    pub role: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The latest change of the role.
    pub updated_at: Timestamp,
}

/// Adds a member, whose profile is fetched later; false if the user is one already.
pub fn insert(conn: &mut DbConnection, new: Membership) -> QueryResult<bool> {
    profiles::expect(conn, &new.user_id)?;
    let rows = shared::each_engine!(conn => diesel::insert_into(memberships::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(rows > 0)
}

/// One member.
pub fn find(conn: &mut DbConnection, org_id: OrgId, user_id: &str) -> QueryResult<Option<Membership>> {
    memberships::table.find((org_id, user_id)).select(Membership::as_select()).first(conn).optional()
}

/// Gives a member another role.
pub fn set_role(
    conn: &mut DbConnection,
    org_id: OrgId,
    user_id: &str,
    role: &str,
    now: Timestamp,
) -> QueryResult<Membership> {
    diesel::update(memberships::table.find((org_id, user_id)))
        .set((memberships::role.eq(role), memberships::updated_at.eq(now)))
        .returning((
            memberships::org_id,
            memberships::user_id,
            memberships::role,
            memberships::created_at,
            memberships::updated_at,
        ))
        .get_result(conn)
}

/// Removes a member.
pub fn delete(conn: &mut DbConnection, org_id: OrgId, user_id: &str) -> QueryResult<usize> {
    diesel::delete(memberships::table.find((org_id, user_id))).execute(conn)
}

/// Whether somebody else than this user owns the organization.
pub fn has_other_owner(conn: &mut DbConnection, org_id: OrgId, user_id: &str) -> QueryResult<bool> {
    let others = memberships::table
        .filter(memberships::org_id.eq(org_id))
        .filter(memberships::role.eq(OWNER))
        .filter(memberships::user_id.ne(user_id));
    let first: Option<String> = others.select(memberships::user_id).first(conn).optional()?;
    Ok(first.is_some())
}

/// Whether anybody holds this role.
pub fn is_held(conn: &mut DbConnection, org_id: OrgId, role: &str) -> QueryResult<bool> {
    let held = memberships::table.filter(memberships::org_id.eq(org_id)).filter(memberships::role.eq(role));
    let first: Option<String> = held.select(memberships::user_id).first(conn).optional()?;
    Ok(first.is_some())
}

/// How many members an organization has.
pub fn count(conn: &mut DbConnection, org_id: OrgId) -> QueryResult<i64> {
    memberships::table.filter(memberships::org_id.eq(org_id)).count().get_result(conn)
}

/// Removes up to `limit` members of an organization that is purged.
pub fn purge(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<usize> {
    let all = memberships::table.filter(memberships::org_id.eq(org_id));
    let found: Vec<String> = all.limit(limit).select(memberships::user_id).load(conn)?;
    diesel::delete(all.filter(memberships::user_id.eq_any(found))).execute(conn)
}
