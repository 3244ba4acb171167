//! Organizations. Those that are deleted are out of everybody's sight, until they are restored or purged.

mod audited;
mod creating;
mod deleted;
mod listing;
mod own;
mod standing;

#[cfg(test)]
mod tests;

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, typed_id};

pub use audited::{
    AuditEnd, Taken, begin_membership, find_audit_end, keep_audit_hash, list_unowned, next_organization,
    take, take_unowned,
};
pub use creating::{Beginning, Creations, create, create_together};
pub use deleted::{
    Deleted, advance_unless_doomed, doom, find_deleted, find_doomed, is_doomed, list_deleted, remove,
    restore, show_deleted, take_deleted,
};
#[cfg(test)]
pub(in crate::store) use listing::beyond;
pub use listing::{Filter, ORDERINGS, list, list_from};
pub use own::{OwnLists, OwnPage, list_own_together};
pub use standing::{Asked, Found, HeldRole, Standings, find_together, find_with_role};

use crate::{schema::organizations, search::fold};

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
    /// Unique, and a name for programs; not every organization has one.
    pub slug: Option<String>,
    /// Moves with every change of what stands above.
    pub version: i64,
    /// Moves with every change of who may do what, and never goes back: the `mv` of tokens.
    pub membership_version: i64,
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
    organizations::slug,
    organizations::version,
    organizations::membership_version,
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
    organizations::slug,
    organizations::version,
    organizations::membership_version,
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
    slug: Option<String>,
    membership_version: i64,
}

impl Row {
    fn of(new: Organization, created_by: String) -> Self {
        Self {
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
            version: new.version,
            slug: new.slug,
            membership_version: new.membership_version,
        }
    }
}

/// Adds nothing but the row, as no organization of the service's own begins; see [`create`].
#[cfg(test)]
pub fn insert(conn: &mut DbConnection, new: Organization, created_by: String) -> QueryResult<usize> {
    let row = Row::of(new, created_by);
    diesel::insert_into(organizations::table).values(row).execute(conn)
}

/// One organization.
pub fn find(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<Organization>> {
    let found = organizations::table.find(id).filter(organizations::deleted_at.is_null());
    found.select(COLUMNS).first(conn).optional()
}

/// How many organizations there are.
pub fn count(conn: &mut DbConnection) -> QueryResult<i64> {
    organizations::table.filter(organizations::deleted_at.is_null()).count().get_result(conn)
}

/// How an organization is named from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// By its id.
    Id(OrgId),
    /// By its slug.
    Slug(String),
}

impl Name {
    /// An id where it is one, otherwise a slug.
    #[must_use]
    pub fn of(text: &str) -> Self {
        uuid::Uuid::try_parse(text)
            .map_or_else(|_| Self::Slug(text.to_owned()), |id| Self::Id(OrgId::from_uuid(id)))
    }
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
    /// See [`Organization::slug`]; the inner `None` is null.
    pub slug: Option<Option<String>>,
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
    #[expect(clippy::option_option, reason = "left out, null and a value are three things")]
    slug: Option<Option<String>>,
    updated_at: Timestamp,
}

/// Changes an organization, if it is there. A name or slug that is taken is a unique violation.
pub fn update(
    conn: &mut DbConnection,
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
        slug: changes.slug,
        updated_at: now,
    };
    diesel::update(organizations::table.find(id).filter(organizations::deleted_at.is_null()))
        .set((row, organizations::version.eq(organizations::version + 1)))
        .returning(COLUMNS)
        .get_result(conn)
        .optional()
}

/// Takes an organization out of everybody's sight; says whether it was there.
pub fn delete(conn: &mut DbConnection, id: OrgId, now: Timestamp) -> QueryResult<bool> {
    diesel::update(organizations::table.find(id).filter(organizations::deleted_at.is_null()))
        .set((organizations::deleted_at.eq(now), organizations::version.eq(organizations::version + 1)))
        .execute(conn)
        .map(|rows| rows > 0)
}

/// Moves the counter of who may do what, and gives it: whoever decides about members takes the
/// organization's row first, so that decisions come one after the other.
pub fn advance_membership(conn: &mut DbConnection, id: OrgId) -> QueryResult<i64> {
    diesel::update(organizations::table.find(id))
        .set(organizations::membership_version.eq(organizations::membership_version + 1))
        .returning(organizations::membership_version)
        .get_result(conn)
}

/// Whether a slug belongs to another organization than this one.
pub fn is_slug_of_another(conn: &mut DbConnection, id: OrgId, slug: &str) -> QueryResult<bool> {
    let others = organizations::table.filter(organizations::slug.eq(slug)).filter(organizations::id.ne(id));
    let first: Option<OrgId> = others.select(organizations::id).first(conn).optional()?;
    Ok(first.is_some())
}
