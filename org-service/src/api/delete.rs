//! `DELETE organization/{id}/`

use actix_web::{HttpResponse, web::Data};

use crate::{
    App,
    access::{Access, OrganizationDelete},
    conditional::Expected,
    error::OrgError,
    organization,
};

/// Removes an organization, if it is as expected.
pub async fn delete(
    app: Data<App>,
    access: Access<OrganizationDelete>,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let act = access.act(&app);
    app.db().attempt(move |conn| organization::delete(conn, &act, &expected)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), "an organization was deleted");
    Ok(HttpResponse::NoContent().finish())
}
