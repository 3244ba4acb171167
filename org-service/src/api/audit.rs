//! `GET organization/{id}/audit/`: who changed what. Newest first and by pages, or all of it as JSON lines.

mod export;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Timestamp,
    input::FieldErrors,
    media::Form,
    page::{Filters, Query, ordering},
};

use super::pages::Asked;
use crate::{
    App,
    access::{Access, AuditRead},
    error::OrgError,
    lines::Shown,
    store::audit::{self, Filter},
};

/// The form of an export.
pub const LINES: Form = Form { format: "jsonl", main: "application", sub: "x-ndjson" };

/// Lists records, newest first, in pages by cursor alone: the record only grows.
pub async fn list(
    app: Data<App>,
    access: Access<AuditRead>,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let asked = Asked::of(&app, &request)?;
    let filter = filter(&asked.query)?;
    if LINES.is_asked_for(&request) {
        return export::export(&app, access.org_id(), filter, &request).await;
    }
    let descending = ordering(&asked.query, &audit::ORDERINGS).first().is_none_or(|order| order.descending);
    let (org_id, page) = (access.org_id(), asked.cursor_or_first("")?);
    let read = move |conn: &mut _| audit::list_from(conn, (org_id, &filter), descending, &page);
    let found = app.db().read(read).await?;
    Ok(asked.cut("", found?.map(Shown::from)))
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
