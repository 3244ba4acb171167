//! Lists of members: filters, order, pages by number and by cursor.

use diesel::{dsl::IntoBoxed, prelude::*};
use shared::{
    DbConnection,
    db::connection::MultiBackend,
    page::{CursorRequest, Cut, InvalidCursor, Order, PageRequest},
};

use super::Membership;
use crate::{
    schema::{memberships, profiles},
    search::beginning,
    store::{
        keyset::{Anew, Beyond, Columns, Counted, Kind, instant},
        organizations::OrgId,
        tallies::{Count, EXACT, List, Numbered},
    },
};

/// Which members of an organization a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those with this role.
    pub role: Option<String>,
    /// The one with this user id, and those whose username begins so, in any case.
    pub search: Option<String>,
}

/// What a list can be ordered by.
pub const ORDERINGS: [&str; 3] = ["role", "created_at", "user_id"];

pub(in crate::store) type Query = IntoBoxed<'static, memberships::table, MultiBackend>;

/// Members are searched for among profiles: few users match, and each is looked up among the members.
fn matching(org_id: OrgId, filter: &Filter) -> Query {
    let mut query = memberships::table.into_boxed().filter(memberships::org_id.eq(org_id));
    if let Some(role) = &filter.role {
        query = query.filter(memberships::role.eq(role.clone()));
    }
    let Some(text) = &filter.search else { return query };
    let (first, end) = beginning(text);
    // A boxed subquery would have to be boxed for one engine.
    let is_it = profiles::user_id.eq(text.clone());
    let from = profiles::username_key.ge(first);
    let users = profiles::table.select(profiles::user_id);
    match end {
        Some(end) => {
            let named = from.and(profiles::username_key.lt(end));
            query.filter(memberships::user_id.eq_any(users.filter(named.or(is_it))))
        }
        None => query.filter(memberships::user_id.eq_any(users.filter(from.or(is_it)))),
    }
}

/// Ties are broken by user id, in the direction of the last column, so that every order is total.
fn ordered(mut query: Query, orders: &[Order]) -> Query {
    for order in orders {
        query = match (order.field, order.descending) {
            ("role", false) => query.then_order_by(memberships::role.asc()),
            ("role", true) => query.then_order_by(memberships::role.desc()),
            ("created_at", false) => query.then_order_by(memberships::created_at.asc()),
            ("created_at", true) => query.then_order_by(memberships::created_at.desc()),
            ("user_id", false) => query.then_order_by(memberships::user_id.asc()),
            ("user_id", true) => query.then_order_by(memberships::user_id.desc()),
            _ => query,
        };
    }
    if orders.iter().any(|order| order.field == "user_id") {
        // A column that is named twice keeps SQLite from reading its index in order.
        query
    } else if orders.last().is_some_and(|order| order.descending) {
        query.then_order_by(memberships::user_id.desc())
    } else {
        query.then_order_by(memberships::user_id.asc())
    }
}

/// Oldest first, unless asked otherwise.
const OWN_ORDER: Order = Order { field: "created_at", descending: false };

/// One page of an organization's members, and how many there are.
pub fn list(
    conn: &mut DbConnection,
    org_id: OrgId,
    filter: &Filter,
    orders: &[Order],
    page: PageRequest,
) -> QueryResult<Numbered<Membership>> {
    let some = matching(org_id, filter).select(memberships::user_id).limit(EXACT + 1);
    let kept = (*filter == Filter::default()).then_some(List::Members(org_id));
    let count = Count::of(conn, kept, |conn| Counted(some).get_result(conn))?;
    let slice = match page.within(count.rows) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let orders = if orders.is_empty() { &[OWN_ORDER] } else { orders };
    let rows = ordered(matching(org_id, filter), orders).limit(slice.limit()).offset(slice.offset());
    Ok(Ok((slice, count, Anew(rows.select(Membership::as_select())).load(conn)?)))
}

/// What a row has in the columns behind an order.
pub(in crate::store) type Values = fn(&Membership) -> Vec<String>;

/// The columns behind an order, and what a member has in them.
fn keyset(field: &str) -> (Columns, Values) {
    const USER_ID: (&str, Kind) = ("memberships.user_id", Kind::Text);
    match field {
        "role" => (&[("memberships.role", Kind::Text), USER_ID], |m| vec![m.role.clone(), m.user_id.clone()]),
        "user_id" => (&[USER_ID], |m| vec![m.user_id.clone()]),
        _ => (&[("memberships.created_at", Kind::Instant), USER_ID], |m| {
            vec![instant(m.created_at), m.user_id.clone()]
        }),
    }
}

/// One page of an organization's members by cursor. Of the orders asked for the first counts: each has an
/// index of its own.
pub fn list_from(
    conn: &mut DbConnection,
    org_id: OrgId,
    filter: &Filter,
    orders: &[Order],
    page: &CursorRequest,
) -> QueryResult<Result<Cut<Membership>, InvalidCursor>> {
    let (query, values) = match beyond(org_id, filter, orders, page) {
        Ok(found) => found,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = Anew(query.limit(page.limit()).select(Membership::as_select())).load(conn)?;
    Ok(Ok(page.cut(rows, values)))
}

/// The rows from which a page by cursor begins.
pub(in crate::store) fn beyond(
    org_id: OrgId,
    filter: &Filter,
    orders: &[Order],
    page: &CursorRequest,
) -> Result<(Query, Values), InvalidCursor> {
    let order = orders.first().copied().unwrap_or(OWN_ORDER);
    let descending = order.descending != page.backwards();
    let (columns, values) = keyset(order.field);
    let mut query = matching(org_id, filter);
    if let Some(position) = page.position() {
        query = query.filter(Beyond::new(columns, position, descending)?);
    }
    Ok((ordered(query, &[Order { descending, ..order }]), values))
}
