//! `PUT, PATCH organization/{id}/`. `PUT` too leaves optional fields as they are when they are left
//! out, and `PATCH` without any still counts as a change.

use actix_web::{HttpResponse, web::Data};
use shared::input::{self, Mode};

use super::{Body, create::which_is_taken, fields};
use crate::{
    App,
    access::{Access, OrganizationUpdate},
    conditional::{ETag, Expected},
    error::OrgError,
    organization,
    store::organizations::Changes,
};

/// `PUT`
pub async fn replace(
    app: Data<App>,
    access: Access<OrganizationUpdate>,
    body: input::Body,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    save(&app, &access, fields(&body.read().await?, Mode::Full)?, expected).await
}

/// `PATCH`
pub async fn change(
    app: Data<App>,
    access: Access<OrganizationUpdate>,
    body: input::Body,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    save(&app, &access, fields(&body.read().await?, Mode::Partial)?, expected).await
}

/// The organization was looked up before the body is looked at, as in the original.
async fn save(
    app: &App,
    access: &Access<OrganizationUpdate>,
    changes: Changes,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let (act, slug, deactivates) =
        (access.act(app), changes.slug.clone().flatten(), changes.is_active == Some(false));
    let written = app.db().attempt(move |conn| organization::change(conn, &act, changes, &expected)).await;
    let saved = match written {
        Err(error) if OrgError::is_taken(&error) => {
            return Err(which_is_taken(app, access.org_id(), slug).await?);
        }
        written => written??,
    };
    if deactivates {
        app.announcer().passed_on().await;
    }
    Ok(ETag::from(&saved).answer(HttpResponse::Ok(), Body::from(saved)))
}
