//! Organizations. Every query takes the caller's [`Scope`].

mod listing;

#[cfg(test)]
mod tests;

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, typed_id};

pub use listing::{Filter, ORDERINGS, list};

use crate::{schema::organizations, search::fold, visibility::Scope};

typed_id!(
    /// Identifies an organization.
    OrgId
);

/// An organization, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Organization {
    /// Primary key; its order is that of creation.
    pub id: OrgId,
    /// Unique, at most 100 characters.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// May be empty.
    pub address: String,
    /// Empty or a URL.
    pub website: String,
    /// None, empty or an address.
    pub email: Option<String>,
    /// For clients to interpret.
    pub is_active: bool,
    /// Creation.
    pub created_at: Timestamp,
    /// The latest change.
    pub updated_at: Timestamp,
}

type Columns = (
    organizations::id,
    organizations::name,
    organizations::description,
    organizations::address,
    organizations::website,
    organizations::email,
    organizations::is_active,
    organizations::created_at,
    organizations::updated_at,
);

const COLUMNS: Columns = (
    organizations::id,
    organizations::name,
    organizations::description,
    organizations::address,
    organizations::website,
    organizations::email,
    organizations::is_active,
    organizations::created_at,
    organizations::updated_at,
);

/// A whole row, to be written.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = organizations)]
struct Row {
    id: OrgId,
    name: String,
    name_key: String,
    description: String,
    description_key: String,
    address: String,
    website: String,
    email: Option<String>,
    is_active: bool,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

/// Adds an organization. A name that is taken is a unique violation.
pub fn insert(conn: &mut DbConnection, new: Organization, created_by: String) -> QueryResult<usize> {
    let row = Row {
        name_key: fold(&new.name),
        description_key: fold(&new.description),
        id: new.id,
        name: new.name,
        description: new.description,
        address: new.address,
        website: new.website,
        email: new.email,
        is_active: new.is_active,
        created_by,
        created_at: new.created_at,
        updated_at: new.updated_at,
        version: 1,
    };
    diesel::insert_into(organizations::table).values(row).execute(conn)
}

/// One organization.
pub fn find(conn: &mut DbConnection, scope: &Scope, id: OrgId) -> QueryResult<Option<Organization>> {
    let found = organizations::table.filter(organizations::id.eq(id)).filter(scope.visible());
    found.select(COLUMNS).first(conn).optional()
}

/// What an update sets; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// See [`Organization::name`].
    pub name: Option<String>,
    /// See [`Organization::description`].
    pub description: Option<String>,
    /// See [`Organization::address`].
    pub address: Option<String>,
    /// See [`Organization::website`].
    pub website: Option<String>,
    /// See [`Organization::email`]; the inner `None` is null.
    pub email: Option<Option<String>>,
    /// See [`Organization::is_active`].
    pub is_active: Option<bool>,
}

#[derive(AsChangeset)]
#[diesel(table_name = organizations)]
struct ChangedRow {
    name: Option<String>,
    name_key: Option<String>,
    description: Option<String>,
    description_key: Option<String>,
    address: Option<String>,
    website: Option<String>,
    #[expect(clippy::option_option, reason = "left out, null and a value are three things")]
    email: Option<Option<String>>,
    is_active: Option<bool>,
    updated_at: Timestamp,
}

/// Changes an organization, if it is there. A name that is taken is a unique violation.
pub fn update(
    conn: &mut DbConnection,
    scope: &Scope,
    id: OrgId,
    changes: Changes,
    now: Timestamp,
) -> QueryResult<Option<Organization>> {
    let row = ChangedRow {
        name_key: changes.name.as_deref().map(fold),
        description_key: changes.description.as_deref().map(fold),
        name: changes.name,
        description: changes.description,
        address: changes.address,
        website: changes.website,
        email: changes.email,
        is_active: changes.is_active,
        updated_at: now,
    };
    diesel::update(organizations::table.filter(organizations::id.eq(id)).filter(scope.visible()))
        .set((row, organizations::version.eq(organizations::version + 1)))
        .returning(COLUMNS)
        .get_result(conn)
        .optional()
}

/// Removes an organization; says whether it was there.
pub fn delete(conn: &mut DbConnection, scope: &Scope, id: OrgId) -> QueryResult<bool> {
    let found = organizations::table.filter(organizations::id.eq(id)).filter(scope.visible());
    diesel::delete(found).execute(conn).map(|rows| rows > 0)
}
