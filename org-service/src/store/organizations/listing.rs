//! Lists of organizations: filters, order, pages.

use diesel::{dsl::IntoBoxed, prelude::*};
use shared::{
    DbConnection, Timestamp,
    db::connection::MultiBackend,
    page::{InvalidPage, Order, PageRequest, Slice},
};

use super::{COLUMNS, Organization};
use crate::{
    schema::organizations,
    search::{ESCAPE, containing},
    visibility::Scope,
};

/// Which organizations a list shows, of those in scope.
#[derive(Debug, Clone, Default)]
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
}

/// What a list can be ordered by.
pub const ORDERINGS: [&str; 3] = ["name", "created_at", "updated_at"];

type Query = IntoBoxed<'static, organizations::table, MultiBackend>;

fn matching(scope: &Scope, filter: &Filter) -> Query {
    let live = organizations::table.into_boxed().filter(organizations::deleted_at.is_null());
    let mut query = live.filter(scope.visible());
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
    query
}

/// Ties are broken by id, in the direction of the last column, so that every order is total.
fn ordered(mut query: Query, orders: &[Order]) -> Query {
    for order in orders {
        query = match (order.field, order.descending) {
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
) -> QueryResult<Result<(Slice, Vec<Organization>), InvalidPage>> {
    let count = matching(scope, filter).count().get_result(conn)?;
    let slice = match page.within(count) {
        Ok(slice) => slice,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let rows = ordered(matching(scope, filter), orders).limit(slice.limit()).offset(slice.offset());
    Ok(Ok((slice, rows.select(COLUMNS).load(conn)?)))
}
