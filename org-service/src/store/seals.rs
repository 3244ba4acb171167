//! Seals under the record of changes. Rows are added and never touched again, until their organization is
//! purged.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp};

use super::organizations::OrgId;
use crate::schema::{audit_seals, organizations};

/// A seal under an organization's records.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_seals)]
pub struct Seal {
    /// The organization.
    pub org_id: OrgId,
    /// Its place: 1, 2, 3 … without a gap.
    pub number: i64,
    /// The last record that it covers; it covers all before, too.
    pub last_seq: i64,
    /// That record's digest.
    pub hash: Vec<u8>,
    /// When it was made.
    pub sealed_at: Timestamp,
    /// Which key it was made under; empty for none.
    pub key_id: String,
    /// See [`seal`](crate::seal).
    pub seal: Vec<u8>,
}

/// Adds a seal.
pub fn insert(conn: &mut DbConnection, new: Seal) -> QueryResult<usize> {
    diesel::insert_into(audit_seals::table).values(new).execute(conn)
}

/// The latest seal of an organization.
pub fn find_last(conn: &mut DbConnection, org_id: OrgId) -> QueryResult<Option<Seal>> {
    let all = audit_seals::table.filter(audit_seals::org_id.eq(org_id)).order(audit_seals::number.desc());
    all.select(Seal::as_select()).first(conn).optional()
}

/// Up to `limit` seals behind this one, in their order.
pub fn list(conn: &mut DbConnection, org_id: OrgId, after: i64, limit: i64) -> QueryResult<Vec<Seal>> {
    let all = audit_seals::table.filter(audit_seals::org_id.eq(org_id)).filter(audit_seals::number.gt(after));
    all.order(audit_seals::number).limit(limit).select(Seal::as_select()).load(conn)
}

/// All seals behind this one that end with this record or one before.
pub fn list_up_to(
    conn: &mut DbConnection,
    org_id: OrgId,
    after: i64,
    last_seq: i64,
) -> QueryResult<Vec<Seal>> {
    let all = audit_seals::table.filter(audit_seals::org_id.eq(org_id)).filter(audit_seals::number.gt(after));
    let within = all.filter(audit_seals::last_seq.le(last_seq)).order(audit_seals::number);
    within.select(Seal::as_select()).load(conn)
}

/// The first organization behind this one that has seals.
pub fn next_organization(conn: &mut DbConnection, after: OrgId) -> QueryResult<Option<OrgId>> {
    let behind = audit_seals::table.filter(audit_seals::org_id.gt(after));
    let behind = behind.order((audit_seals::org_id, audit_seals::number));
    behind.select(audit_seals::org_id).first(conn).optional()
}

/// Up to `limit` organizations with records that no seal covers yet.
pub fn list_unsealed(conn: &mut DbConnection, limit: i64) -> QueryResult<Vec<OrgId>> {
    let unsealed = organizations::table.filter(organizations::audit_sealed_seq.lt(organizations::audit_seq));
    unsealed.limit(limit).select(organizations::id).load(conn)
}

/// Takes the organization's row for a seal, and gives the last record with its digest; none if a seal
/// covers it already.
pub fn take_unsealed(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<(i64, Option<Vec<u8>>)>> {
    let unsealed = organizations::table.find(id);
    diesel::update(unsealed.filter(organizations::audit_sealed_seq.lt(organizations::audit_seq)))
        .set(organizations::audit_sealed_seq.eq(organizations::audit_seq))
        .returning((organizations::audit_seq, organizations::audit_hash))
        .get_result(conn)
        .optional()
}

/// The same whether or not a seal covers it; none if there is no record.
pub fn take(conn: &mut DbConnection, id: OrgId) -> QueryResult<Option<(i64, Option<Vec<u8>>)>> {
    diesel::update(organizations::table.find(id).filter(organizations::audit_seq.gt(0)))
        .set(organizations::audit_sealed_seq.eq(organizations::audit_seq))
        .returning((organizations::audit_seq, organizations::audit_hash))
        .get_result(conn)
        .optional()
}

/// Removes up to `limit` seals of an organization that is purged, the oldest first.
pub fn purge(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<usize> {
    let all = audit_seals::table.filter(audit_seals::org_id.eq(org_id));
    let first: Option<i64> =
        all.order(audit_seals::number).select(audit_seals::number).first(conn).optional()?;
    let Some(first) = first else { return Ok(0) };
    diesel::delete(all.filter(audit_seals::number.lt(first.saturating_add(limit)))).execute(conn)
}
