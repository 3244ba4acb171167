//! `GET organization/{id}/`

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::Caller;

use super::{Body, load, path_id};
use crate::{App, error::OrgError};

/// Shows an organization.
pub async fn retrieve(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let found = load(&app, &app.scope(&caller), path_id(&request)?).await?;
    Ok(HttpResponse::Ok().json(Body::from(found)))
}
