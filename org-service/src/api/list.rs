//! `GET organization/`: a page of the organizations in sight.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Caller, Timestamp,
    http::origin::Origin,
    input::FieldErrors,
    page::{Filters, Location, PageRequest, Query, ordering, search},
};

use super::Body;
use crate::{
    App,
    error::OrgError,
    store::organizations::{self, Filter, ORDERINGS},
    visibility::Scope,
};

/// The longest `?search=`, in characters: each term costs a look at every row in sight.
const LONGEST_SEARCH: usize = 255;

/// Lists organizations.
pub async fn list(app: Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, OrgError> {
    let origin = Origin::of(&request, &app.config().trusted_proxies)?;
    let query = Query::parse(request.query_string());
    let filter = filter(&query)?;
    let orders = ordering(&query, &ORDERINGS);
    let page = PageRequest::from_query(&query, &app.config().paging())?;
    let scope = Scope::of(&app.actor(&caller));
    let found = app.db().read(move |conn| organizations::list(conn, &scope, &filter, &orders, page)).await?;
    let (slice, rows) = found?;
    let location =
        Location { scheme: &origin.scheme, host: &origin.host, path: request.path(), query: &query };
    let rows = rows.into_iter().map(Body::from).collect();
    Ok(HttpResponse::Ok().json(slice.page(rows, location)))
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
        terms: Vec::new(),
    };
    filters.finish()?;
    Ok(Filter { terms: terms(query)?, ..filter })
}

fn terms(query: &Query) -> Result<Vec<String>, FieldErrors> {
    let length = query.get("search").unwrap_or_default().chars().count();
    if length > LONGEST_SEARCH {
        let message = format!("Ensure this value has at most {LONGEST_SEARCH} characters (it has {length}).");
        return Err(FieldErrors::one("search", message));
    }
    search(query).map_err(|[message]| FieldErrors::one("search", message))
}
