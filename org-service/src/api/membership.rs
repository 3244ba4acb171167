//! One's own membership: `GET, DELETE organization/{id}/membership/` and `POST organization/{id}/transfer/`.

use actix_web::{HttpResponse, web::Data};
use serde_json::json;
use shared::input::{self, Form, Mode, Text};

use super::members;
use crate::{
    App,
    access::{Access, Membership},
    conditional::Expected,
    error::OrgError,
    membership,
};

/// Shows the caller's role and what it allows.
pub async fn show(access: Access<Membership>) -> Result<HttpResponse, OrgError> {
    let role = access.standing.role.as_ref().ok_or(OrgError::Forbidden)?;
    Ok(HttpResponse::Ok().json(json!({
        "user_id": access.user_id(),
        "role": role.name,
        "permissions": role.permissions,
    })))
}

/// Leaves the organization.
pub async fn leave(app: Data<App>, access: Access<Membership>) -> Result<HttpResponse, OrgError> {
    let (act, user_id) = (access.act(&app), access.user_id().to_owned());
    app.db().attempt(move |conn| membership::remove(conn, &act, &user_id, &Expected::default())).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), "a member has left");
    Ok(HttpResponse::NoContent().finish())
}

/// Makes another member the owner; the caller becomes an admin.
pub async fn transfer(
    app: Data<App>,
    access: Access<Membership>,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let to = form.required("user_id", Text::required().max(255));
    form.finish()?;
    let (act, user_id) = (access.act(&app), to.clone());
    let owner = app.db().attempt(move |conn| membership::transfer(conn, &act, &user_id)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), owner.id = to, "an organization was transferred");
    Ok(members::answer(&app, owner).await)
}
