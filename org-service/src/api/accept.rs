//! `organization/invitations/`: invitations as those see them who are invited.
//!
//! What is asked about an invitation by somebody to whom it is not addressed is answered as if there were
//! none, whatever the reason; the one exception is who holds a handle, and so has read a mail of it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use serde_json::json;
use shared::{
    Caller, Timestamp,
    input::{self, FieldErrors, Form, Mode, Text},
    page::{Filters, PageRequest, ordering},
};

use super::{invitations::id, members, pages::Asked};
use crate::{
    App,
    access::request_id,
    act::{Act, Actor, Refused},
    address,
    config::AddressRule,
    error::OrgError,
    handle::Handle,
    invitation,
    store::{
        handles,
        invitations::{self, Addressed, AddressedFilter, InvitationId, ORDERINGS},
        organizations::OrgId,
    },
};

/// An invitation as its addressee sees it.
#[derive(Debug, Serialize)]
struct Shown {
    id: InvitationId,
    organization: Inviting,
    role: String,
    invited_by: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// What is shown of an organization to those who are invited to it.
#[derive(Debug, Serialize)]
struct Inviting {
    id: OrgId,
    name: String,
    slug: Option<String>,
}

impl From<Addressed> for Shown {
    fn from((invitation, name, slug): Addressed) -> Self {
        Self {
            id: invitation.id,
            organization: Inviting { id: invitation.org_id, name, slug },
            role: invitation.role,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// Lists the pending invitations to the caller's verified address, newest first; without one there are none.
/// `?organization=` picks, `?search=` finds organizations whose names begin so.
pub async fn list(app: Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, OrgError> {
    let actor = unbound(&app, &caller)?;
    let asked = Asked::of(&app, &request)?;
    let filter = filter(&asked)?;
    let descending = ordering(&asked.query, &ORDERINGS).first().is_none_or(|order| order.descending);
    // The list is another for every reader.
    let view = actor.user_id.clone();
    let cursor = asked.cursor(&view)?;
    // Nothing is invited at the empty address.
    let own = verified_address(&app, &actor).await?.unwrap_or_default();
    let now = app.now();
    if let Some(page) = cursor {
        let read = move |conn: &mut _| {
            invitations::list_addressed_from(conn, (&own, &filter), descending, &page, now)
        };
        let found = app.db().read(read).await?;
        return Ok(asked.cut(&view, found?.map(Shown::from)));
    }
    let page = PageRequest::from_query(&asked.query, &app.config().paging())?;
    let read = move |conn: &mut _| invitations::list_addressed(conn, (&own, &filter), descending, page, now);
    let (slice, count, rows) = app.db().read(read).await??;
    Ok(asked.numbered(slice, count, rows.into_iter().map(Shown::from).collect()))
}

fn filter(asked: &Asked<'_>) -> Result<AddressedFilter, FieldErrors> {
    asked.short_search()?;
    let mut filters = Filters::new(&asked.query);
    let search = filters.text("search").map(str::to_owned);
    let organization = filters.text("organization");
    filters.finish()?;
    let organization = organization.map(|text| {
        let parsed = uuid::Uuid::try_parse(text).map(OrgId::from_uuid);
        parsed.map_err(|_| FieldErrors::one("organization", "Enter a valid UUID."))
    });
    Ok(AddressedFilter { organization: organization.transpose()?, search })
}

/// What names the invitation to be accepted.
enum Named {
    /// Something that only a mail has told.
    Handle(Handle),
    /// Its id, which is no secret.
    Id(InvitationId),
}

/// Makes the caller a member.
pub async fn accept(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let actor = unbound(&app, &caller)?;
    let named = named(&body.read().await?)?.ok_or(OrgError::Change(Refused::UnknownInvitation))?;
    let by_handle = matches!(named, Named::Handle(_));
    let open = by_handle && app.config().invitations.address == AddressRule::Any;
    // Asked before it is known whether there is an invitation, so that an outage does not tell.
    let own = if open { None } else { Some(verified_address(&app, &actor).await?.unwrap_or_default()) };
    let found = app.db().read(move |conn| {
        let id = match named {
            Named::Id(id) => Some(id),
            Named::Handle(handle) => handles::find(conn, &handle.hash())?,
        };
        id.map(|id| invitations::find(conn, id)).transpose().map(Option::flatten)
    });
    let found = found.await?.ok_or(OrgError::Change(Refused::UnknownInvitation))?;
    let act = Act {
        org_id: found.org_id,
        actor,
        needs: None,
        now: app.now(),
        request_id: request_id(&request),
        policy: Arc::clone(app.policy()),
    };
    let user_id = act.actor.user_id.clone();
    let accepting = move |conn: &mut _| invitation::accept(conn, &act, found.id, own.as_deref());
    let member = app.db().attempt(accepting).await?.map_err(|refused| match refused {
        Refused::OtherAddress if !by_handle => OrgError::Change(Refused::UnknownInvitation),
        refused => refused.into(),
    })?;
    tracing::info!(org.id = %found.org_id, user.id = user_id, invitation.id = %found.id, "an invitation was accepted");
    Ok(HttpResponse::Ok().json(json!({
        "invitation": found.id,
        "organization": found.org_id,
        "membership": members::shown(&app, member).await,
    })))
}

/// A handle or an id; none if the text sent is neither.
fn named(input: &input::Input) -> Result<Option<Named>, FieldErrors> {
    let mut form = Form::new(input, Mode::Full);
    let handle = form.text("handle", Text::optional().max(255));
    let invitation = form.text("invitation", Text::optional().max(255));
    form.finish()?;
    match (handle, invitation) {
        (Some(handle), None) => Ok(Handle::parse(&handle).map(Named::Handle)),
        (None, Some(invitation)) => Ok(id(&invitation).map(Named::Id)),
        _ => Err(FieldErrors::one("non_field_errors", "Send either a handle or an invitation.")),
    }
}

/// The caller, whose token must speak for no organization: it lets nobody into another.
fn unbound(app: &App, caller: &Caller) -> Result<Actor, OrgError> {
    let actor = app.actor(caller);
    if actor.bound_to.is_some() { Err(OrgError::Forbidden) } else { Ok(actor) }
}

/// The address that the actor has proven to have, as it is compared; asked for anew, because it may have
/// changed since the token was issued.
async fn verified_address(app: &App, actor: &Actor) -> Result<Option<String>, OrgError> {
    let found = app.issuer().profiles(vec![actor.user_id.clone()]).await?;
    let own = found.into_iter().find(|profile| profile.user_id == actor.user_id);
    let proven = own.filter(|profile| {
        let has_one = !profile.email.is_empty();
        profile.is_active && profile.email_verified && has_one
    });
    Ok(proven.map(|profile| address::key(&profile.email)))
}
