//! `POST organization/`: a new organization, its owner the caller.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::json;
use shared::{
    Caller, DbError,
    input::{self, Mode},
};

use super::{Body, fields};
use crate::{
    App,
    access::request_id,
    act::Act,
    error::OrgError,
    idempotency::Creation,
    organization,
    store::organizations::{self, Changes, OrgId, Organization},
};

/// Adds an organization.
///
/// That a name is taken is told by the unique index alone, so that creates that race cannot both
/// pass a check, and so that invalid input never reaches the database.
pub async fn create(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let fields = fields(&input, Mode::Full)?;
    let (actor, now) = (app.actor(&caller), app.now());
    // A token for one organization makes no other.
    if actor.bound_to.is_some() {
        return Err(OrgError::Forbidden);
    }
    let new = organization(fields, OrgId::new(now), now);
    let act = Act {
        org_id: new.id,
        actor,
        needs: None,
        now,
        request_id: request_id(&request),
        policy: Arc::clone(app.policy()),
    };
    let creation = Creation::of(&request, caller.user_id(), &input, now)?;
    let (id, slug) = (new.id, new.slug.clone());
    let work = move |conn: &mut _| {
        organization::create(conn, &act, new.clone())?;
        Ok(json!({"status": true, "message": "Organization Added !", "data": Body::from(new)}))
    };
    let created = match creation.once(app.db(), app.under_way(), work).await {
        Err(error) if OrgError::is_taken(&error) => return Err(which_is_taken(&app, id, slug).await?),
        created => created??,
    };
    if created.is_new() {
        tracing::info!(org.id = %id, user.id = caller.user_id(), "an organization was created");
    }
    Ok(created.answer())
}

/// Which of the values that only one organization may have belongs to another one.
pub(super) async fn which_is_taken(app: &App, id: OrgId, slug: Option<String>) -> Result<OrgError, DbError> {
    let Some(slug) = slug else { return Ok(OrgError::NameTaken) };
    let taken = app.db().read(move |conn| organizations::is_slug_of_another(conn, id, &slug)).await?;
    Ok(if taken { OrgError::SlugTaken } else { OrgError::NameTaken })
}

fn organization(fields: Changes, id: OrgId, now: shared::Timestamp) -> Organization {
    Organization {
        id,
        name: fields.name.unwrap_or_default(),
        description: fields.description.unwrap_or_default(),
        address: fields.address.unwrap_or_default(),
        website: fields.website.unwrap_or_default(),
        email: fields.email.flatten(),
        is_active: fields.is_active.unwrap_or(true),
        created_at: now,
        updated_at: now,
        slug: fields.slug.flatten(),
        version: 1,
        membership_version: 1,
    }
}
