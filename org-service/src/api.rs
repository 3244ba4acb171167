//! The verbs: one endpoint per file, wire types beside their handler, and here what several share.

pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
pub mod retrieve;
pub mod update;

#[cfg(test)]
mod tests;

use actix_web::HttpRequest;
use serde::Serialize;
use shared::{
    Timestamp,
    input::{FieldErrors, Form, Input, Mode, Text},
};

use crate::{
    App,
    error::OrgError,
    store::organizations::{self, Changes, OrgId, Organization},
    visibility::Scope,
};

/// An organization on the wire.
#[derive(Debug, Serialize)]
pub struct Body {
    id: OrgId,
    name: String,
    description: String,
    address: String,
    website: String,
    email: Option<String>,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Organization> for Body {
    fn from(organization: Organization) -> Self {
        let Organization {
            id,
            name,
            description,
            address,
            website,
            email,
            is_active,
            created_at,
            updated_at,
        } = organization;
        Self { id, name, description, address, website, email, is_active, created_at, updated_at }
    }
}

/// Checks the fields that clients may set; whatever else they send is ignored.
fn fields(input: &Input, mode: Mode) -> Result<Changes, FieldErrors> {
    let mut form = Form::new(input, mode);
    let optional = Text::optional().blank();
    let changes = Changes {
        name: form.text("name", Text::required().max(100)),
        description: form.text("description", optional),
        address: form.text("address", optional.max(255)),
        website: form.text("website", optional.url().max(200)),
        email: form.nullable("email", optional.email().max(254)),
        is_active: form.boolean("is_active"),
    };
    form.finish()?;
    Ok(changes)
}

/// The id in the path. The original's ids are integers, of which we have none.
fn path_id(request: &HttpRequest) -> Result<OrgId, OrgError> {
    let text = request.match_info().get("id").unwrap_or_default();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(OrgError::UnknownOrganization);
    }
    uuid::Uuid::try_parse(text).map(OrgId::from_uuid).map_err(|_| OrgError::NotAnId)
}

/// The organization that the path names.
async fn load(app: &App, scope: &Scope, id: OrgId) -> Result<Organization, OrgError> {
    let scope = scope.clone();
    let found = app.db().read(move |conn| organizations::find(conn, &scope, id)).await?;
    found.ok_or(OrgError::UnknownOrganization)
}
