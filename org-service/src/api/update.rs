//! `PUT, PATCH organization/{id}/`. `PUT` too leaves optional fields as they are when they are left
//! out, and `PATCH` without any still counts as a change.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Caller,
    input::{self, Mode},
};

use super::{Body, fields, load, path_id};
use crate::{App, error::OrgError, store::organizations};

/// `PUT`
pub async fn replace(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    save(&app, &caller, &request, body, Mode::Full).await
}

/// `PATCH`
pub async fn change(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    save(&app, &caller, &request, body, Mode::Partial).await
}

/// The organization is looked up before the body is looked at, as in the original. The statement
/// that writes asks for it again: it may have gone since.
async fn save(
    app: &App,
    caller: &Caller,
    request: &HttpRequest,
    body: input::Body,
    mode: Mode,
) -> Result<HttpResponse, OrgError> {
    let (id, scope, now) = (path_id(request)?, app.scope(caller), app.now());
    load(app, &scope, id).await?;
    let changes = fields(&body.read().await?, mode)?;
    let written = app.db().write(move |conn| organizations::update(conn, &scope, id, changes, now)).await;
    let saved = written.map_err(OrgError::of_write)?.ok_or(OrgError::UnknownOrganization)?;
    Ok(HttpResponse::Ok().json(Body::from(saved)))
}
