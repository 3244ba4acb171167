//! Roles that organizations define themselves.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::organizations::OrgId;
use crate::schema::roles;

/// A role of an organization's own.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = roles)]
pub struct StoredRole {
    /// The organization.
    pub org_id: OrgId,
    /// Unique within the organization; never changes.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// See [`Permissions::to_text`](crate::permission::Permissions::to_text).
    pub permissions: String,
    /// Moves with every change.
    pub version: i64,
    /// Creation.
    pub created_at: Timestamp,
    /// The latest change.
    pub updated_at: Timestamp,
}

/// Adds a role; false if there is one of this name.
pub fn insert(conn: &mut DbConnection, new: StoredRole) -> QueryResult<bool> {
    let rows = shared::each_engine!(conn => diesel::insert_into(roles::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(rows > 0)
}

/// One role.
pub fn find(conn: &mut DbConnection, org_id: OrgId, name: &str) -> QueryResult<Option<StoredRole>> {
    roles::table.find((org_id, name)).select(StoredRole::as_select()).first(conn).optional()
}

/// Up to `limit` roles of an organization, by name.
pub fn list(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<Vec<StoredRole>> {
    let all = roles::table.filter(roles::org_id.eq(org_id)).order(roles::name).limit(limit);
    all.select(StoredRole::as_select()).load(conn)
}

diesel::define_sql_function! {
    /// Characters of a text, under the same name in both engines.
    fn length(text: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}

/// Up to `limit` organizations behind this one with a role whose permissions have more characters than this.
pub fn list_organizations(
    conn: &mut DbConnection,
    longer_than: i32,
    after: OrgId,
    limit: i64,
) -> QueryResult<Vec<OrgId>> {
    let long = roles::table.filter(length(roles::permissions).gt(longer_than));
    let behind = long.filter(roles::org_id.gt(after)).order(roles::org_id);
    behind.select(roles::org_id).distinct().limit(limit).load(conn)
}

/// How many roles an organization has of its own.
pub fn count(conn: &mut DbConnection, org_id: OrgId) -> QueryResult<i64> {
    roles::table.filter(roles::org_id.eq(org_id)).count().get_result(conn)
}

/// Writes the changed definition of a role.
pub fn update(conn: &mut DbConnection, role: &StoredRole) -> QueryResult<usize> {
    diesel::update(roles::table.find((role.org_id, &role.name)))
        .set((
            roles::description.eq(&role.description),
            roles::permissions.eq(&role.permissions),
            roles::version.eq(role.version),
            roles::updated_at.eq(role.updated_at),
        ))
        .execute(conn)
}

/// Removes a role.
pub fn delete(conn: &mut DbConnection, org_id: OrgId, name: &str) -> QueryResult<usize> {
    diesel::delete(roles::table.find((org_id, name))).execute(conn)
}

/// Removes up to `limit` roles of an organization that is purged.
pub fn purge(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<usize> {
    let all = roles::table.filter(roles::org_id.eq(org_id));
    let found: Vec<String> = all.limit(limit).select(roles::name).load(conn)?;
    diesel::delete(all.filter(roles::name.eq_any(found))).execute(conn)
}
