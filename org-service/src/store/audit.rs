//! The record of changes. Rows are added and never touched again, until their organization is purged.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::organizations::OrgId;
use crate::schema::audit;

/// One change on record.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub struct Record {
    /// The organization.
    pub org_id: OrgId,
    /// Its place: 1, 2, 3 … without a gap.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who: a user id; empty for the service itself.
    pub actor: String,
    /// Whether it could be done because the actor is a superuser.
    pub as_superuser: bool,
    /// What: `member.removed`, for example.
    pub action: String,
    /// To whom or what: a user id, a role's name; empty for the organization itself.
    pub target: String,
    /// What was before, as JSON.
    pub before: Option<String>,
    /// What is now, as JSON.
    pub after: Option<String>,
    /// The request's id.
    pub request_id: String,
    /// Binds the record to all before it; see [`record`](crate::record).
    pub hash: Vec<u8>,
}

/// Adds a record.
pub fn insert(conn: &mut DbConnection, new: &Record) -> QueryResult<usize> {
    shared::each_engine!(conn => diesel::insert_into(audit::table).values(new).execute(conn))
}
