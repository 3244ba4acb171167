//! `organization/{id}/roles/`: built-in roles and the organization's own.

mod listing;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    Timestamp,
    input::{self, FieldErrors, Form, Input, Mode, Text},
};

pub use listing::list;

use crate::{
    App,
    access::{Access, RoleManage, RoleRead},
    act::Refused,
    conditional::{ETag, Expected},
    error::OrgError,
    idempotency::Creation,
    permission::{Permission, Permissions},
    policy::Policy,
    role::{self, Definition},
    store::roles::{self, StoredRole},
};

/// A role on the wire.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    description: String,
    built_in: bool,
    permissions: Permissions,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl Shown {
    fn built_in(policy: &Policy, name: &str) -> Option<Self> {
        let role = policy.built_in(name)?;
        Some(Self {
            name: role.name,
            description: String::new(),
            built_in: true,
            permissions: role.permissions,
            created_at: None,
            updated_at: None,
        })
    }

    fn own(policy: &Policy, stored: StoredRole) -> Self {
        Self {
            permissions: policy.role(&stored.name, Some(&stored.permissions)).permissions,
            name: stored.name,
            description: stored.description,
            built_in: false,
            created_at: Some(stored.created_at),
            updated_at: Some(stored.updated_at),
        }
    }
}

/// Which role the path names.
#[derive(Debug, Deserialize)]
pub struct Which {
    name: String,
}

/// Shows a role. What is shown also depends on the permissions registered, so no reader is told that what
/// it has is still so.
pub async fn show(
    app: Data<App>,
    access: Access<RoleRead>,
    which: Path<Which>,
) -> Result<HttpResponse, OrgError> {
    if let Some(built_in) = Shown::built_in(app.policy(), &which.name) {
        return Ok(HttpResponse::Ok().json(built_in));
    }
    let (org_id, name) = (access.org_id(), which.into_inner().name);
    let found = app.db().read(move |conn| roles::find(conn, org_id, &name)).await?;
    let found = found.ok_or(OrgError::Change(Refused::UnknownRole))?;
    Ok(ETag::from(&found).answer(HttpResponse::Ok(), Shown::own(app.policy(), found)))
}

/// Adds a role.
pub async fn define(
    app: Data<App>,
    access: Access<RoleManage>,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let name = form.required("name", Text::required().max(64));
    if !is_role_name(&name) {
        form.reject("name", "Enter lower-case letters, digits, - and _, beginning with a letter.");
    }
    let definition = definition(&input, form, app.policy())?;
    let creation = Creation::of(&request, access.user_id(), &input, app.now())?;
    let (act, new) = (access.act(&app), name.clone());
    let work = move |conn: &mut _| {
        let role = role::define(conn, &act, &new, definition)?;
        Ok(json!(Shown::own(&act.policy, role)))
    };
    let created = creation.once(app.db(), app.under_way(), work).await??;
    if created.is_new() {
        app.announcer().passed_on().await;
        tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), role.name = name, "a role was created");
    }
    Ok(created.answer())
}

/// Changes a role.
pub async fn redefine(
    app: Data<App>,
    access: Access<RoleManage>,
    which: Path<Which>,
    body: input::Body,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let definition = definition(&input, Form::new(&input, Mode::Partial), app.policy())?;
    let (act, name) = (access.act(&app), which.into_inner().name);
    let role =
        app.db().attempt(move |conn| role::redefine(conn, &act, &name, definition, &expected)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), role.name, "a role was changed");
    Ok(ETag::from(&role).answer(HttpResponse::Ok(), Shown::own(app.policy(), role)))
}

/// Removes a role.
pub async fn remove(
    app: Data<App>,
    access: Access<RoleManage>,
    which: Path<Which>,
    expected: Expected,
) -> Result<HttpResponse, OrgError> {
    let (act, name) = (access.act(&app), which.into_inner().name);
    let gone = name.clone();
    app.db().attempt(move |conn| role::remove(conn, &act, &gone, &expected)).await??;
    app.announcer().passed_on().await;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), role.name = name, "a role was removed");
    Ok(HttpResponse::NoContent().finish())
}

/// The rest of a role's fields. A permission has to be one of this installation's.
fn definition(input: &Input, mut form: Form<'_>, policy: &Policy) -> Result<Definition, FieldErrors> {
    let description = form.text("description", Text::optional().blank().max(255));
    let listed = form.texts("permissions", Text::required());
    let mut permissions = None;
    if let Some(listed) = listed {
        let known = |text: &String| {
            let permission: Permission = text.parse().ok()?;
            policy.catalogue().contains(text).then_some(permission)
        };
        match listed.iter().find(|text| known(text).is_none()) {
            Some(unknown) => form.reject("permissions", format!("\"{unknown}\" is not a valid choice.")),
            None => permissions = Some(listed.iter().filter_map(known).collect()),
        }
    } else if input.get("permissions").is_none() && form.is_full() {
        form.reject("permissions", "This field is required.");
    }
    form.finish()?;
    Ok(Definition { description, permissions })
}

/// Lower-case letters, digits, `-` and `_`, beginning with a letter, at most 64.
fn is_role_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}
