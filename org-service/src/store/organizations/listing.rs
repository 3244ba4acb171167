//! Lists of organizations: filters, order, pages by number and by cursor.

use diesel::{dsl::IntoBoxed, prelude::*};
use shared::{
    DbConnection, Timestamp,
    db::connection::MultiBackend,
    page::{CursorRequest, Cut, InvalidCursor, Order, PageRequest},
};

use super::{COLUMNS, Organization};
use crate::{
    schema::organizations,
    search::{ESCAPE, beginning, containing, fold},
    store::{
        keyset::{Anew, Beyond, Columns, Counted, Kind, instant},
        tallies::{Count, EXACT, List, Numbered},
    },
    visibility::Scope,
};

/// Which organizations a list shows, of those in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// This very name.
    pub name: Option<String>,
    /// A part of the name, in any case.
    pub name_contains: Option<String>,
    /// This very address.
    pub email: Option<String>,
    /// Active ones or the others.
    pub is_active: Option<bool>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created then or earlier.
    pub created_to: Option<Timestamp>,
    /// Each is a part of the name or the description, in any case.
    pub terms: Vec<String>,
    /// The name begins so, in any case.
    pub prefix: Option<String>,
}

/// What a list can be ordered by.
pub const ORDERINGS: [&str; 3] = ["name", "created_at", "updated_at"];

pub(in crate::store) type Query = IntoBoxed<'static, organizations::table, MultiBackend>;

fn matching(conn: &DbConnection, scope: &Scope, filter: &Filter) -> Query {
    let mut query = organizations::table.into_boxed().filter(organizations::deleted_at.is_null());
    if let Some(in_sight) = scope.visible(conn) {
        query = query.filter(in_sight);
    }
    if let Some(name) = &filter.name {
        query = query.filter(organizations::name.eq(name.clone()));
    }
    if let Some(part) = &filter.name_contains {
        query = query.filter(organizations::name_key.like(containing(part)).escape(ESCAPE));
    }
    if let Some(email) = &filter.email {
        query = query.filter(organizations::email.eq(email.clone()));
    }
    if let Some(is_active) = filter.is_active {
        query = query.filter(organizations::is_active.eq(is_active));
    }
    if let Some(from) = filter.created_from {
        query = query.filter(organizations::created_at.ge(from));
    }
    if let Some(to) = filter.created_to {
        query = query.filter(organizations::created_at.le(to));
    }
    for term in &filter.terms {
        let part = containing(term);
        let in_name = organizations::name_key.like(part.clone()).escape(ESCAPE);
        let in_description = organizations::description_key.like(part).escape(ESCAPE);
        query = query.filter(in_name.or(in_description));
    }
    if let Some(prefix) = &filter.prefix {
        let (first, end) = beginning(prefix);
        query = query.filter(organizations::name_key.ge(first));
        if let Some(end) = end {
            query = query.filter(organizations::name_key.lt(end));
        }
    }
    query
}

/// Ties are broken by id, in the direction of the last column, so that every order is total.
fn ordered(mut query: Query, orders: &[Order]) -> Query {
    for order in orders {
        query = match (order.field, order.descending) {
            (NAME_KEY, false) => query.then_order_by(organizations::name_key.asc()),
            (NAME_KEY, true) => query.then_order_by(organizations::name_key.desc()),
            ("name", false) => query.then_order_by(organizations::name.asc()),
            ("name", true) => query.then_order_by(organizations::name.desc()),
            ("created_at", false) => query.then_order_by(organizations::created_at.asc()),
            ("created_at", true) => query.then_order_by(organizations::created_at.desc()),
            ("updated_at", false) => query.then_order_by(organizations::updated_at.asc()),
            ("updated_at", true) => query.then_order_by(organizations::updated_at.desc()),
            _ => query,
        };
    }
    if orders.last().is_some_and(|order| order.descending) {
        query.then_order_by(organizations::id.desc())
    } else {
        query.then_order_by(organizations::id.asc())
    }
}

/// One page of a list, and how many organizations all pages have.
pub fn list(
    conn: &mut DbConnection,
    scope: &Scope,
    filter: &Filter,
    orders: &[Order],
    page: PageRequest,
) -> QueryResult<Numbered<Organization>> {
    let some = matching(conn, scope, filter).select(organizations::id).limit(EXACT + 1);
    let everything = *scope == Scope::Everything && *filter == Filter::default();
    let kept = everything.then_some(List::Organizations);
    let count = Count::of(conn, kept, |conn| Counted(some).get_result(conn))?;
    let slice = match page.within(count.rows) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = ordered(matching(conn, scope, filter), orders).limit(slice.limit()).offset(slice.offset());
    Ok(Ok((slice, count, Anew(rows.select(COLUMNS)).load(conn)?)))
}

/// The order of a search by cursor: names found by a prefix lie side by side in it.
const NAME_KEY: &str = "name_key";

/// What a row has in the columns behind an order.
pub(in crate::store) type Values = fn(&Organization) -> Vec<String>;

/// The columns behind an order, and what an organization has in them.
fn keyset(field: &str) -> (Columns, Values) {
    const ID: (&str, Kind) = ("organizations.id", Kind::Id);
    match field {
        NAME_KEY => {
            (&[("organizations.name_key", Kind::Text), ID], |o| vec![fold(&o.name), o.id.to_string()])
        }
        "name" => (&[("organizations.name", Kind::Text), ID], |o| vec![o.name.clone(), o.id.to_string()]),
        "created_at" => (&[("organizations.created_at", Kind::Instant), ID], |o| {
            vec![instant(o.created_at), o.id.to_string()]
        }),
        "updated_at" => (&[("organizations.updated_at", Kind::Instant), ID], |o| {
            vec![instant(o.updated_at), o.id.to_string()]
        }),
        _ => (&[ID], |o| vec![o.id.to_string()]),
    }
}

/// One page of a list by cursor. Of the orders asked for the first counts: each has an index of its own.
pub fn list_from(
    conn: &mut DbConnection,
    scope: &Scope,
    filter: &Filter,
    orders: &[Order],
    page: &CursorRequest,
) -> QueryResult<Result<Cut<Organization>, InvalidCursor>> {
    let (query, values) = match beyond(conn, scope, filter, orders, page) {
        Ok(found) => found,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = Anew(query.limit(page.limit()).select(COLUMNS)).load(conn)?;
    Ok(Ok(page.cut(rows, values)))
}

/// The rows from which a page by cursor begins.
pub(in crate::store) fn beyond(
    conn: &DbConnection,
    scope: &Scope,
    filter: &Filter,
    orders: &[Order],
    page: &CursorRequest,
) -> Result<(Query, Values), InvalidCursor> {
    let own = if filter.prefix.is_some() { NAME_KEY } else { "id" };
    let order = orders.first().copied().unwrap_or(Order { field: own, descending: false });
    let descending = order.descending != page.backwards();
    let (columns, values) = keyset(order.field);
    let mut query = matching(conn, scope, filter);
    if let Some(position) = page.position() {
        query = query.filter(Beyond::new(columns, position, descending)?);
    }
    Ok((ordered(query, &[Order { descending, ..order }]), values))
}
