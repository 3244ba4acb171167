//! `GET organization/{id}/audit/`: who changed what. Newest first and by pages, or all of it as JSON lines.

mod export;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::json;
use shared::{
    Timestamp,
    http::origin::Origin,
    input::FieldErrors,
    media::Form,
    page::{Filters, InvalidPage, Query},
};
use url::form_urlencoded;

use crate::{
    App,
    access::{Access, AuditRead},
    error::OrgError,
    lines::Shown,
    store::audit::{self, Filter},
};

/// The form of an export.
pub const LINES: Form = Form { format: "jsonl", main: "application", sub: "x-ndjson" };

/// Lists records.
pub async fn list(
    app: Data<App>,
    access: Access<AuditRead>,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let query = Query::parse(request.query_string());
    let filter = filter(&query)?;
    if LINES.is_asked_for(&request) {
        return export::export(&app, access.org_id(), filter, &request).await;
    }
    let (before, size) = page(&app, &query)?;
    let (org_id, origin) = (access.org_id(), Origin::of(&request, &app.config().trusted_proxies)?);
    let found =
        app.db().read(move |conn| audit::list_before(conn, org_id, &filter, before, size + 1)).await?;
    let shown: Vec<Shown> = found.into_iter().map(Shown::from).collect();
    let page = usize::try_from(size).unwrap_or(usize::MAX);
    let goes_on = shown.len() > page;
    let shown: Vec<Shown> = shown.into_iter().take(page).collect();
    let next = shown.last().filter(|_| goes_on).map(|last| next(&origin, &request, last.seq));
    Ok(HttpResponse::Ok().json(json!({"next": next, "results": shown})))
}

fn filter(query: &Query) -> Result<Filter, FieldErrors> {
    let mut filters = Filters::new(query);
    let filter = Filter {
        actor: filters.text("actor").map(str::to_owned),
        action: filters.text("action").map(str::to_owned),
        target: filters.text("target").map(str::to_owned),
        since: filters.instant("since").map(Timestamp::from_jiff),
        until: filters.instant("until").map(Timestamp::from_jiff),
    };
    filters.finish()?;
    Ok(filter)
}

/// Before which record, and how many.
fn page(app: &App, query: &Query) -> Result<(i64, i64), InvalidPage> {
    let before = match query.get("before") {
        None | Some("") => i64::MAX,
        Some(text) => text.parse().ok().filter(|seq| *seq >= 1).ok_or(InvalidPage)?,
    };
    let paging = app.config().paging();
    let asked: Option<i64> =
        paging.size_param.and_then(|name| query.get(name)).and_then(|text| text.parse().ok());
    let size = asked.filter(|size| *size > 0).unwrap_or(paging.size);
    Ok((before, size.min(paging.max_size.unwrap_or(paging.size))))
}

/// The same list, from the record before this one on.
fn next(origin: &Origin, request: &HttpRequest, seq: i64) -> String {
    let sent = form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "before");
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let query = pairs.extend_pairs(sent).append_pair("before", &seq.to_string()).finish();
    format!("{}://{}{}?{query}", origin.scheme, origin.host, request.path())
}
