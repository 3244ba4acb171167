//! `POST organization/`: a new organization, its owner the caller.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::{Value, json};
use shared::{
    Caller, DbError,
    db::Undone,
    input::{self, Mode},
};
use tracing::Instrument;

use super::{Body, fields};
use crate::{
    App,
    access::request_id,
    act::Refused,
    error::OrgError,
    idempotency::{Created, Creation},
    organization, seal,
    store::organizations::{self, Beginning, Changes, OrgId, Organization},
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
    let now = app.now();
    // A token for one organization makes no other.
    if app.actor(&caller).bound_to.is_some() {
        return Err(OrgError::Forbidden);
    }
    let new = organization(fields, OrgId::new(now), now);
    let creation = Creation::of(&request, caller.user_id(), &input, now)?;
    let (id, slug) = (new.id, new.slug.clone());
    let owner = caller.user_id().to_owned();
    let keys = &app.config().audit_keys;
    let beginning = organization::beginning(new.clone(), owner, request_id(&request), keys);
    let answer = json!({"status": true, "message": "Organization Added !", "data": Body::from(new)});
    // A task of its own finishes, and tells what it has made, when nobody waits for the answer any more.
    let making = tokio::spawn(make(app.clone(), creation, beginning, answer).in_current_span());
    match making.await.map_err(|_| DbError::Interrupted)?? {
        Err(Refused::NameTaken) => Err(which_is_taken(&app, id, slug).await?),
        created => Ok(created?.answer()),
    }
}

async fn make(
    app: Data<App>,
    creation: Creation,
    beginning: Beginning,
    answer: Value,
) -> Result<Result<Created, Refused>, DbError> {
    let (seal, owner) = (beginning.seal.clone(), beginning.record.actor.clone());
    let created = if creation.is_named() {
        let work = move |conn: &mut _| {
            let made = organizations::create(conn, &beginning)?;
            if made { Ok(answer) } else { Err(Undone::Refused(Refused::NameTaken)) }
        };
        creation.once(app.db(), app.under_way(), work).await?
    } else {
        let made = app.creations().run(beginning).await?;
        if made { Ok(Created::Now(answer.to_string())) } else { Err(Refused::NameTaken) }
    };
    if created.as_ref().is_ok_and(Created::is_new) {
        tracing::info!(org.id = %seal.org_id, user.id = owner, "an organization was created");
        seal::tell(&seal);
    }
    Ok(created)
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
