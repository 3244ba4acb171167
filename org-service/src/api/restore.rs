//! `POST organization/{id}/restore/`: takes a deletion back.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::Caller;

use super::Body;
use crate::{
    App,
    access::{path_id, request_id},
    act::Act,
    error::OrgError,
    organization,
};

/// Restores an organization. Who could not have deleted it does not learn that there is one.
pub async fn restore(app: Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, OrgError> {
    let (org_id, now) = (path_id(&request)?, app.now());
    let act = Act {
        org_id,
        actor: app.actor(&caller),
        needs: Some(organization::DELETE),
        now,
        request_id: request_id(&request),
        policy: Arc::clone(app.policy()),
    };
    let after = now.before(app.config().restore_window);
    let restored = app.db().attempt(move |conn| organization::restore(conn, &act, after)).await;
    let organization = match restored {
        // Its slug was kept for it; the name another one could take at once.
        Err(error) if OrgError::is_taken(&error) => return Err(OrgError::NameTaken),
        restored => restored??,
    };
    app.delivery().nudge();
    tracing::info!(org.id = %org_id, user.id = caller.user_id(), "an organization was restored");
    Ok(HttpResponse::Ok().json(Body::from(organization)))
}
