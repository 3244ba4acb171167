//! The record of changes. Rows are added and never touched again, until their organization is purged.

use diesel::{dsl::IntoBoxed, prelude::*};
use shared::{
    DbConnection, Timestamp,
    db::connection::MultiBackend,
    page::{CursorRequest, Cut, InvalidCursor},
};

use super::{
    keyset::{Anew, Beyond, Columns, Kind},
    organizations::OrgId,
};
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

/// Which records are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// By whom.
    pub actor: Option<String>,
    /// This very action; with a dot at its end, all that begin so: `member.`.
    pub action: Option<String>,
    /// To whom or what.
    pub target: Option<String>,
    /// Then or later.
    pub since: Option<Timestamp>,
    /// Then or earlier.
    pub until: Option<Timestamp>,
}

type Query = IntoBoxed<'static, audit::table, MultiBackend>;

fn matching(org_id: OrgId, filter: &Filter) -> Query {
    let mut query = audit::table.into_boxed().filter(audit::org_id.eq(org_id));
    if let Some(actor) = &filter.actor {
        query = query.filter(audit::actor.eq(actor.clone()));
    }
    match filter.action.as_deref().map(|action| (action, action.strip_suffix('.'))) {
        None => {}
        // The sign after the dot ends what begins with it: columns compare by bytes.
        Some((_, Some(stem))) => {
            query = query
                .filter(audit::action.ge(format!("{stem}.")))
                .filter(audit::action.lt(format!("{stem}/")));
        }
        Some((action, None)) => query = query.filter(audit::action.eq(action.to_owned())),
    }
    if let Some(target) = &filter.target {
        query = query.filter(audit::target.eq(target.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit::at.le(until));
    }
    query
}

/// What a list can be ordered by: time, which is the order of the places.
pub const ORDERINGS: [&str; 1] = ["at"];

const KEYSET: Columns = &[("audit.seq", Kind::Integer)];

/// One page of an organization's records by cursor.
pub fn list_from(
    conn: &mut DbConnection,
    (org_id, filter): (OrgId, &Filter),
    descending: bool,
    page: &CursorRequest,
) -> QueryResult<Result<Cut<Record>, InvalidCursor>> {
    let descending = descending != page.backwards();
    let mut query = matching(org_id, filter);
    if let Some(position) = page.position() {
        match Beyond::new(KEYSET, position, descending) {
            Ok(beyond) => query = query.filter(beyond),
            Err(invalid) => return Ok(Err(invalid)),
        }
    }
    query = if descending { query.then_order_by(audit::seq.desc()) } else { query.then_order_by(audit::seq) };
    let rows = Anew(query.limit(page.limit()).select(Record::as_select())).load(conn)?;
    Ok(Ok(page.cut(rows, |record| vec![record.seq.to_string()])))
}

/// Up to `limit` records behind one place and not behind another, oldest first.
pub fn list_within(
    conn: &mut DbConnection,
    org_id: OrgId,
    filter: &Filter,
    (after, last): (i64, i64),
    limit: i64,
) -> QueryResult<Vec<Record>> {
    let query = matching(org_id, filter).filter(audit::seq.gt(after)).filter(audit::seq.le(last));
    query.order(audit::seq).limit(limit).select(Record::as_select()).load(conn)
}

/// The first organization behind this one that has records.
pub fn next_organization(conn: &mut DbConnection, after: OrgId) -> QueryResult<Option<OrgId>> {
    let behind = audit::table.filter(audit::org_id.gt(after)).order((audit::org_id, audit::seq));
    behind.select(audit::org_id).first(conn).optional()
}

/// The place of the oldest record.
pub fn first(conn: &mut DbConnection, org_id: OrgId) -> QueryResult<Option<i64>> {
    let all = audit::table.filter(audit::org_id.eq(org_id)).order(audit::seq);
    all.select(audit::seq).first(conn).optional()
}

/// Removes up to `limit` records of an organization that is purged, the oldest first.
pub fn purge(conn: &mut DbConnection, org_id: OrgId, limit: i64) -> QueryResult<usize> {
    let Some(first) = first(conn, org_id)? else { return Ok(0) };
    let all = audit::table.filter(audit::org_id.eq(org_id));
    diesel::delete(all.filter(audit::seq.lt(first.saturating_add(limit)))).execute(conn)
}
