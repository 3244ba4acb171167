//! Where an organization's records end. Whoever adds one takes the organization's row first, so that
//! changes come one after the other.

use diesel::{dsl::sql, prelude::*, sql_types::Bool};
use shared::{DbConnection, Timestamp};

use super::OrgId;
use crate::schema::organizations;

/// An organization's row, held to the end of the transaction for a change that is put on record.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Taken {
    /// The record's place.
    pub seq: i64,
    /// The digest of the record before it.
    pub hash: Option<Vec<u8>>,
    /// See [`Organization::membership_version`](super::Organization::membership_version); 0 until the organization has got its owner.
    pub membership_version: i64,
}

const TAKEN: (organizations::audit_seq, organizations::audit_hash, organizations::membership_version) =
    (organizations::audit_seq, organizations::audit_hash, organizations::membership_version);

/// Takes the organization's row for a change that is put on record; none if the organization is not there.
pub fn take(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<Taken>> {
    diesel::update(organizations::table.find(id).filter(organizations::deleted_at.is_null()))
        .set(organizations::audit_seq.eq(organizations::audit_seq + 1))
        .returning(TAKEN)
        .get_result(conn)
        .optional()
}

/// The same for an organization that has no owner yet; none if it has one by now.
pub fn take_unowned(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<Taken>> {
    let unowned = organizations::table.find(id).filter(organizations::membership_version.eq(0));
    diesel::update(unowned.filter(organizations::deleted_at.is_null()))
        .set(organizations::audit_seq.eq(organizations::audit_seq + 1))
        .returning(TAKEN)
        .get_result(conn)
        .optional()
}

/// Up to `limit` organizations that have no owner yet.
pub fn list_unowned(conn: &mut DbConnection, limit: i64) -> QueryResult<Vec<OrgId>> {
    // As the partial index says it: no planner need know the value of a parameter.
    let unowned = organizations::table.filter(sql::<Bool>("membership_version = 0"));
    let unowned = unowned.filter(organizations::deleted_at.is_null()).limit(limit);
    unowned.select(organizations::id).load(conn)
}

/// Says that the organization has an owner from now on, and gives its creator.
pub fn begin_membership(conn: &mut DbConnection, id: OrgId) -> QueryResult<String> {
    diesel::update(organizations::table.find(id))
        .set(organizations::membership_version.eq(1))
        .returning(organizations::created_by)
        .get_result(conn)
}

/// Where an organization's records end, whether or not it is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AuditEnd {
    /// The place of the last record; 0 if there is none.
    pub seq: i64,
    /// Its digest.
    pub hash: Option<Vec<u8>>,
    /// The last record that a seal covers; 0 if none is.
    pub sealed_seq: i64,
    /// When the organization was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// Where an organization's records end.
pub fn find_audit_end(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<AuditEnd>> {
    let columns = (
        organizations::audit_seq,
        organizations::audit_hash,
        organizations::audit_sealed_seq,
        organizations::deleted_at,
    );
    organizations::table.find(id).select(columns).first(conn).optional()
}

/// The first organization behind this one.
pub fn next_organization(conn: &mut DbConnection, after: OrgId) -> QueryResult<Option<OrgId>> {
    let behind = organizations::table.filter(organizations::id.gt(after)).order(organizations::id);
    behind.select(organizations::id).first(conn).optional()
}

/// Keeps the digest of the latest record.
pub fn keep_audit_hash(conn: &mut DbConnection, id: OrgId, hash: &[u8]) -> QueryResult<usize> {
    diesel::update(organizations::table.find(id)).set(organizations::audit_hash.eq(hash)).execute(conn)
}
