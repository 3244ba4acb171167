//! `DELETE organization/{id}/`

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::Caller;

use super::path_id;
use crate::{App, error::OrgError, store::organizations};

/// Removes an organization.
pub async fn delete(app: Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, OrgError> {
    let (id, scope) = (path_id(&request)?, app.scope(&caller));
    if !app.db().write(move |conn| organizations::delete(conn, &scope, id)).await? {
        return Err(OrgError::UnknownOrganization);
    }
    tracing::info!(org.id = %id, user.id = caller.user_id(), "an organization was deleted");
    Ok(HttpResponse::NoContent().finish())
}
