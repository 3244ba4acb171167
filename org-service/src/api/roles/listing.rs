//! `GET organization/{id}/roles/`
//!
//! An organization has at most [`role::MOST`] roles of its own, so all of them are read, and cut into pages
//! here: a list in two parts, of which only one is in the database, has no order there.

use std::cmp::Ordering;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use shared::page::{CursorRequest, Cut, Filters, InvalidCursor, PageRequest, ordering};

use super::Shown;
use crate::{
    App,
    access::{Access, RoleRead},
    api::pages::Asked,
    error::OrgError,
    permission::Permissions,
    policy::BUILT_IN,
    role,
    search::fold,
    store::roles,
};

/// What a list can be ordered by. Without one, built-in roles come first, the most powerful at their head.
const ORDERINGS: [&str; 1] = ["name"];

/// A page, and the permissions that roles can be made of.
#[derive(Debug, Serialize)]
struct Listing<'a, P> {
    #[serde(flatten)]
    page: P,
    permissions: &'a Permissions,
}

/// A place in the order: the rank, then the name.
type Place<'a> = (usize, &'a str);

#[derive(Debug, Clone, Copy)]
struct Sorting {
    by_name: bool,
    descending: bool,
}

impl Sorting {
    fn place(self, role: &Shown) -> Place<'_> {
        let rank = BUILT_IN.iter().position(|name| *name == role.name).unwrap_or(BUILT_IN.len());
        (if self.by_name { 0 } else { rank }, &role.name)
    }

    fn compare(self, one: Place<'_>, other: Place<'_>) -> Ordering {
        let ascending = one.cmp(&other);
        if self.descending { ascending.reverse() } else { ascending }
    }

    /// The page behind a place, of roles in this order; against it where the cursor reads backwards.
    fn cut(self, mut roles: Vec<Shown>, page: &CursorRequest) -> Result<Cut<Shown>, InvalidCursor> {
        let wanted = if page.backwards() { Ordering::Less } else { Ordering::Greater };
        if let Some(position) = page.position() {
            let [rank, name] = position else { return Err(InvalidCursor) };
            let rank = rank.parse().map_err(|_| InvalidCursor)?;
            roles.retain(|role| self.compare(self.place(role), (rank, name)) == wanted);
        }
        if page.backwards() {
            roles.reverse();
        }
        roles.truncate(usize::try_from(page.limit()).unwrap_or(usize::MAX));
        Ok(page.cut(roles, |role| {
            let (rank, name) = self.place(role);
            vec![rank.to_string(), name.to_owned()]
        }))
    }
}

/// Lists all roles, and the permissions that there are. `?search=` finds names that begin so, in any case,
/// `?built_in=` picks.
pub async fn list(
    app: Data<App>,
    access: Access<RoleRead>,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let asked = Asked::of(&app, &request)?;
    asked.short_search()?;
    let mut filters = Filters::new(&asked.query);
    let search = fold(filters.text("search").unwrap_or_default());
    let built_in = filters.boolean("built_in");
    filters.finish()?;
    let order = ordering(&asked.query, &ORDERINGS).first().copied();
    let sorting =
        Sorting { by_name: order.is_some(), descending: order.is_some_and(|order| order.descending) };
    let cursor = asked.cursor("")?;

    let org_id = access.org_id();
    let own = app.db().read(move |conn| roles::list(conn, org_id, role::MOST)).await?;
    let policy = app.policy();
    let given = BUILT_IN.iter().filter_map(|name| Shown::built_in(policy, name));
    let all = given.chain(own.into_iter().map(|role| Shown::own(policy, role)));
    let picked = |role: &Shown| {
        role.name.starts_with(&search) && built_in.is_none_or(|built_in| role.built_in == built_in)
    };
    let mut roles: Vec<_> = all.filter(picked).collect();
    roles.sort_by(|one, other| sorting.compare(sorting.place(one), sorting.place(other)));

    let permissions = policy.catalogue();
    if let Some(page) = cursor {
        let page = asked.cut_page("", sorting.cut(roles, &page)?);
        return Ok(HttpResponse::Ok().json(Listing { page, permissions }));
    }
    let count = i64::try_from(roles.len()).unwrap_or(i64::MAX);
    let slice = PageRequest::from_query(&asked.query, &app.config().paging())?.within(count)?;
    let [offset, limit] = [slice.offset(), slice.limit()].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let page = asked.numbered_page(slice, roles.into_iter().skip(offset).take(limit).collect());
    Ok(HttpResponse::Ok().json(Listing { page, permissions }))
}
