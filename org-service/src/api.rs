//! The verbs: one endpoint per file, wire types beside their handler, and here what several share.

pub mod accept;
pub mod audit;
pub mod create;
pub mod delete;
pub mod describe;
pub mod internal;
pub mod invitations;
pub mod list;
pub mod members;
pub mod membership;
pub mod restore;
pub mod retrieve;
pub mod roles;
pub mod update;

mod pages;

#[cfg(test)]
mod tests;

use serde::Serialize;
use shared::{
    Timestamp,
    input::{FieldErrors, Form, Input, Mode, Text},
};

use crate::{
    slug,
    store::organizations::{Changes, OrgId, Organization},
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
    /// The original has none: shown where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
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
            slug,
            ..
        } = organization;
        Self { id, name, description, address, website, email, is_active, created_at, updated_at, slug }
    }
}

/// Checks the fields that clients may set; whatever else they send is ignored.
fn fields(input: &Input, mode: Mode) -> Result<Changes, FieldErrors> {
    let mut form = Form::new(input, mode);
    let optional = Text::optional().blank();
    let mut changes = Changes {
        name: form.text("name", Text::required().max(100)),
        description: form.text("description", optional),
        address: form.text("address", optional.max(255)),
        website: form.text("website", optional.url().max(200)),
        email: form.nullable("email", optional.email().max(254)),
        is_active: form.boolean("is_active"),
        slug: form.nullable("slug", optional),
    };
    // An empty slug is none.
    changes.slug = changes.slug.map(|slug| slug.filter(|text| !text.is_empty()));
    if let Some(Some(text)) = &changes.slug
        && !slug::is_slug(text)
    {
        form.reject("slug", slug::COMPLAINT);
    }
    form.finish()?;
    Ok(changes)
}
