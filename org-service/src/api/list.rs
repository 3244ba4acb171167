//! `GET organization/`: a page of the organizations in sight.
//!
//! `?search=` finds parts of names and descriptions, as the original does, which looks at every row in
//! sight. Pages by cursor are ours to define: there it finds the names that begin so, in an index.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Caller, Timestamp,
    input::FieldErrors,
    page::{CursorRequest, Filters, Order, PageRequest, Query, ordering, search},
};

use super::{Body, pages::Asked};
use crate::{
    App,
    error::OrgError,
    store::{
        organizations::{self, Filter, ORDERINGS, OwnPage},
        tallies::List,
    },
    visibility::Scope,
};

/// Lists organizations.
pub async fn list(app: Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, OrgError> {
    let asked = Asked::of(&app, &request)?;
    let filter = filter(&asked.query)?;
    asked.short_search()?;
    let terms = search(&asked.query).map_err(|[message]| FieldErrors::one("search", message))?;
    let orders = ordering(&asked.query, &ORDERINGS);
    let scope = Scope::of(&app.actor(&caller));
    if let Some(page) = asked.cursor(&scope.to_string())? {
        return by_cursor(&asked, (scope, orders), filter, page).await;
    }
    let filter = Filter { terms, ..filter };
    let page = PageRequest::from_query(&asked.query, &app.config().paging())?;
    let found = match scope {
        Scope::MemberOf(user_id) if orders.is_empty() && filter == Filter::default() => {
            app.own_lists().run(OwnPage { user_id, page }).await?
        }
        _ => app.db().read(move |conn| organizations::list(conn, &scope, &filter, &orders, page)).await?,
    };
    let (slice, count, rows) = found?;
    if count.approximate {
        app.chores().want(List::Organizations);
    }
    Ok(asked.numbered(slice, count, rows.into_iter().map(Body::from).collect()))
}

async fn by_cursor(
    asked: &Asked<'_>,
    (scope, orders): (Scope, Vec<Order>),
    filter: Filter,
    page: CursorRequest,
) -> Result<HttpResponse, OrgError> {
    let prefix = asked.query.get("search").map(str::trim).filter(|text| !text.is_empty());
    let filter = Filter { prefix: prefix.map(str::to_owned), ..filter };
    let view = scope.to_string();
    let read = move |conn: &mut _| organizations::list_from(conn, &scope, &filter, &orders, &page);
    let found = asked.app().db().read(read).await?;
    Ok(asked.cut(&view, found?.map(Body::from)))
}

fn filter(query: &Query) -> Result<Filter, FieldErrors> {
    let mut filters = Filters::new(query);
    let filter = Filter {
        name: filters.text("name").map(str::to_owned),
        name_contains: filters.text("name__icontains").map(str::to_owned),
        email: filters.text("email").map(str::to_owned),
        is_active: filters.boolean("is_active"),
        created_from: filters.instant("created_at__gte").map(Timestamp::from_jiff),
        created_to: filters.instant("created_at__lte").map(Timestamp::from_jiff),
        ..Filter::default()
    };
    filters.finish()?;
    Ok(filter)
}
