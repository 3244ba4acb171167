//! `POST organization/`: a new organization, its creator the caller.

use actix_web::{HttpResponse, web::Data};
use serde_json::json;
use shared::{
    Caller,
    input::{self, Mode},
};

use super::{Body, fields};
use crate::{
    App,
    error::OrgError,
    store::organizations::{self, OrgId, Organization},
};

/// Adds an organization.
///
/// That a name is taken is told by the unique index alone, so that creates that race cannot both
/// pass a check, and so that invalid input never reaches the database.
pub async fn create(app: Data<App>, caller: Caller, body: input::Body) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let fields = fields(&input, Mode::Full)?;
    let now = app.now();
    let new = Organization {
        id: OrgId::new(now),
        name: fields.name.unwrap_or_default(),
        description: fields.description.unwrap_or_default(),
        address: fields.address.unwrap_or_default(),
        website: fields.website.unwrap_or_default(),
        email: fields.email.flatten(),
        is_active: fields.is_active.unwrap_or(true),
        created_at: now,
        updated_at: now,
    };
    let (row, created_by) = (new.clone(), caller.user_id().to_owned());
    let written = app.db().write(move |conn| organizations::insert(conn, row, created_by)).await;
    written.map_err(OrgError::of_write)?;
    tracing::info!(org.id = %new.id, user.id = caller.user_id(), "an organization was created");
    let body = json!({"status": true, "message": "Organization Added !", "data": Body::from(new)});
    Ok(HttpResponse::Created().json(body))
}
