//! Invitations as they are shown: with what has become of their mails, or to whom they are addressed.
//!
//! Both lists are ordered by id, which is the order of creation, newest first unless asked otherwise.

use diesel::{dsl::IntoBoxed, prelude::*};
use shared::{
    DbConnection, Timestamp,
    db::connection::MultiBackend,
    page::{CursorRequest, Cut, InvalidCursor, PageRequest},
};

use super::{EXPIRED, Invitation, InvitationId, OrgId, PENDING};
use crate::{
    schema::{invitations, mails, organizations},
    search::beginning,
    store::{
        keyset::{Beyond, Columns, Counted, Kind},
        mails::Mail,
        tallies::{Count, EXACT, Numbered},
    },
};

/// An invitation with its mail.
pub type Listed = (Invitation, Option<Mail>);

/// An invitation with the name and the slug of its organization.
pub type Addressed = (Invitation, String, Option<String>);

/// Which invitations of an organization a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// What they are by now.
    pub status: Option<String>,
    /// With what their address begins, in any case.
    pub search: Option<String>,
}

/// What a list can be ordered by.
pub const ORDERINGS: [&str; 1] = ["created_at"];

const KEYSET: Columns = &[("invitations.id", Kind::Id)];

type Query = IntoBoxed<'static, invitations::table, MultiBackend>;

fn matching(org_id: OrgId, filter: &Filter, now: Timestamp) -> Query {
    let mut query = invitations::table.into_boxed().filter(invitations::org_id.eq(org_id));
    match filter.status.as_deref() {
        None => {}
        Some(PENDING) => {
            query = query.filter(invitations::status.eq(PENDING)).filter(invitations::expires_at.gt(now));
        }
        Some(EXPIRED) => {
            let passed = invitations::status.eq(PENDING).and(invitations::expires_at.le(now));
            query = query.filter(invitations::status.eq(EXPIRED).or(passed));
        }
        Some(status) => query = query.filter(invitations::status.eq(status.to_owned())),
    }
    let Some(text) = &filter.search else { return query };
    let (first, end) = beginning(text);
    query = query.filter(invitations::email_key.ge(first));
    match end {
        Some(end) => query.filter(invitations::email_key.lt(end)),
        None => query,
    }
}

fn ordered(query: Query, descending: bool) -> Query {
    if descending {
        query.then_order_by(invitations::id.desc())
    } else {
        query.then_order_by(invitations::id.asc())
    }
}

/// One page of an organization's invitations, and how many there are.
pub fn list(
    conn: &mut DbConnection,
    (org_id, filter): (OrgId, &Filter),
    descending: bool,
    page: PageRequest,
    now: Timestamp,
) -> QueryResult<Numbered<Listed>> {
    let some = matching(org_id, filter, now).select(invitations::id).limit(EXACT + 1);
    let count = Count::of(conn, None, |conn| Counted(some).get_result(conn))?;
    let slice = match page.within(count.rows) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = ordered(matching(org_id, filter, now), descending);
    let rows = rows.limit(slice.limit()).offset(slice.offset()).select(Invitation::as_select()).load(conn)?;
    Ok(Ok((slice, count, with_mails(conn, rows)?)))
}

/// One page of an organization's invitations by cursor.
pub fn list_from(
    conn: &mut DbConnection,
    (org_id, filter): (OrgId, &Filter),
    descending: bool,
    page: &CursorRequest,
    now: Timestamp,
) -> QueryResult<Result<Cut<Listed>, InvalidCursor>> {
    let descending = descending != page.backwards();
    let mut query = matching(org_id, filter, now);
    if let Some(position) = page.position() {
        match Beyond::new(KEYSET, position, descending) {
            Ok(beyond) => query = query.filter(beyond),
            Err(invalid) => return Ok(Err(invalid)),
        }
    }
    let rows = ordered(query, descending).limit(page.limit());
    let rows = rows.select(Invitation::as_select()).load(conn)?;
    Ok(Ok(page.cut(with_mails(conn, rows)?, |(invitation, _)| vec![invitation.id.to_string()])))
}

fn with_mails(conn: &mut DbConnection, rows: Vec<Invitation>) -> QueryResult<Vec<Listed>> {
    let ids: Vec<InvitationId> = rows.iter().map(|invitation| invitation.id).collect();
    let of_them = mails::table.filter(mails::invitation_id.eq_any(ids));
    let mut mails: Vec<Mail> = of_them.select(Mail::as_select()).load(conn)?;
    let mut mail_of = |id| {
        let place = mails.iter().position(|mail| mail.invitation_id == id)?;
        Some(mails.swap_remove(place))
    };
    let with_mail = |invitation: Invitation| {
        let mail = mail_of(invitation.id);
        (invitation, mail)
    };
    Ok(rows.into_iter().map(with_mail).collect())
}

/// One invitation of an organization.
pub fn find_listed(conn: &mut DbConnection, org_id: OrgId, id: InvitationId) -> QueryResult<Option<Listed>> {
    let found = super::find(conn, id)?.filter(|invitation| invitation.org_id == org_id);
    let Some(invitation) = found else { return Ok(None) };
    let mail = mails::table.find(id).select(Mail::as_select()).first(conn).optional()?;
    Ok(Some((invitation, mail)))
}

/// Which of the invitations to an address a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressedFilter {
    /// The one organization that invites.
    pub organization: Option<OrgId>,
    /// With what the organization's name begins, in any case.
    pub search: Option<String>,
}

type AddressedQuery = IntoBoxed<'static, Inviting, MultiBackend>;

type Inviting = diesel::dsl::InnerJoinOn<
    invitations::table,
    organizations::table,
    diesel::dsl::Eq<organizations::id, invitations::org_id>,
>;

/// The pending invitations to an address.
fn addressed(key: &str, filter: &AddressedFilter, now: Timestamp) -> AddressedQuery {
    let mut query = invitations::table
        .inner_join(organizations::table.on(organizations::id.eq(invitations::org_id)))
        .into_boxed()
        .filter(invitations::email_key.eq(key.to_owned()))
        .filter(invitations::status.eq(PENDING))
        .filter(invitations::expires_at.gt(now))
        .filter(organizations::deleted_at.is_null());
    if let Some(org_id) = filter.organization {
        query = query.filter(invitations::org_id.eq(org_id));
    }
    let Some(text) = &filter.search else { return query };
    let (first, end) = beginning(text);
    query = query.filter(organizations::name_key.ge(first));
    match end {
        Some(end) => query.filter(organizations::name_key.lt(end)),
        None => query,
    }
}

fn load_addressed(
    conn: &mut DbConnection,
    query: AddressedQuery,
    descending: bool,
    (limit, offset): (i64, i64),
) -> QueryResult<Vec<Addressed>> {
    let query = if descending {
        query.then_order_by(invitations::id.desc())
    } else {
        query.then_order_by(invitations::id.asc())
    };
    let rows = query.limit(limit).offset(offset);
    rows.select((Invitation::as_select(), organizations::name, organizations::slug)).load(conn)
}

/// One page of the pending invitations to an address, and how many there are.
pub fn list_addressed(
    conn: &mut DbConnection,
    (key, filter): (&str, &AddressedFilter),
    descending: bool,
    page: PageRequest,
    now: Timestamp,
) -> QueryResult<Numbered<Addressed>> {
    let some = addressed(key, filter, now).select(invitations::id).limit(EXACT + 1);
    let count = Count::of(conn, None, |conn| Counted(some).get_result(conn))?;
    let slice = match page.within(count.rows) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let place = (slice.limit(), slice.offset());
    let rows = load_addressed(conn, addressed(key, filter, now), descending, place)?;
    Ok(Ok((slice, count, rows)))
}

/// One page of the pending invitations to an address by cursor.
pub fn list_addressed_from(
    conn: &mut DbConnection,
    (key, filter): (&str, &AddressedFilter),
    descending: bool,
    page: &CursorRequest,
    now: Timestamp,
) -> QueryResult<Result<Cut<Addressed>, InvalidCursor>> {
    let descending = descending != page.backwards();
    let mut query = addressed(key, filter, now);
    if let Some(position) = page.position() {
        match Beyond::new(KEYSET, position, descending) {
            Ok(beyond) => query = query.filter(beyond),
            Err(invalid) => return Ok(Err(invalid)),
        }
    }
    let rows = load_addressed(conn, query, descending, (page.limit(), 0))?;
    Ok(Ok(page.cut(rows, |(invitation, ..)| vec![invitation.id.to_string()])))
}
