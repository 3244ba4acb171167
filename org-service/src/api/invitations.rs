//! `organization/{id}/invitations/`: invitations as those see them who invite.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    Timestamp,
    input::{self, FieldErrors, Form, Mode, Text},
    page::{Filters, PageRequest, ordering},
};

use super::pages::Asked;
use crate::{
    App,
    access::{Access, MemberInvite},
    act::Refused,
    address,
    error::OrgError,
    idempotency::Creation,
    invitation,
    store::{
        invitations::{
            self, ACCEPTED, EXPIRED, Filter, Invitation, InvitationId, Listed, ORDERINGS, PENDING, REVOKED,
        },
        mails::Mail,
    },
};

/// What `?status=` picks from.
const STATUSES: [&str; 4] = [PENDING, ACCEPTED, REVOKED, EXPIRED];

/// An invitation on the wire. The handle is in its mails alone.
#[derive(Debug, Serialize)]
struct Shown {
    id: InvitationId,
    email: String,
    role: String,
    status: String,
    invited_by: String,
    accepted_by: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    closed_at: Option<Timestamp>,
    /// `pending`, `sent` or `failed`; null: the invitation was closed before its mail was sent.
    delivery: Option<&'static str>,
    /// Why the latest try failed.
    delivery_error: Option<String>,
}

impl Shown {
    fn of((invitation, mail): Listed, now: Timestamp) -> Self {
        let delivery = mail.as_ref().and_then(progress);
        Self {
            status: invitation.status(now).to_owned(),
            delivery_error: delivery.and(mail).and_then(|mail| mail.last_error),
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            invited_by: invitation.invited_by,
            accepted_by: invitation.accepted_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            closed_at: invitation.closed_at,
            delivery,
        }
    }

    /// An invitation whose mail was asked for a moment ago.
    fn asked(invitation: Invitation, now: Timestamp) -> Self {
        Self { delivery: Some("pending"), ..Self::of((invitation, None), now) }
    }
}

fn progress(mail: &Mail) -> Option<&'static str> {
    match mail {
        Mail { sent_at: Some(_), .. } => Some("sent"),
        Mail { failed_at: Some(_), .. } => Some("failed"),
        Mail { next_attempt_at: Some(_), .. } => Some("pending"),
        _ => None,
    }
}

/// Which invitation the path names.
#[derive(Debug, Deserialize)]
pub struct Which {
    invitation_id: String,
}

impl Which {
    fn id(&self) -> Result<InvitationId, OrgError> {
        id(&self.invitation_id).ok_or(OrgError::Change(Refused::UnknownInvitation))
    }
}

/// The id that a text is, if it is one.
pub(super) fn id(text: &str) -> Option<InvitationId> {
    uuid::Uuid::try_parse(text).map(InvitationId::from_uuid).ok()
}

/// Invites an address.
pub async fn invite(
    app: Data<App>,
    access: Access<MemberInvite>,
    request: HttpRequest,
    body: input::Body,
) -> Result<HttpResponse, OrgError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let email = form.required("email", Text::required().email().max(254));
    let role = form.required("role", Text::required().max(64));
    if address::mailbox(&email).is_none() {
        form.reject("email", "Enter a valid email address.");
    }
    form.finish()?;
    let (act, limits) = (access.act(&app), app.config().invitations.limits);
    let now = act.now;
    let creation = Creation::of(&request, access.user_id(), &input, now)?;
    let invite = move |conn: &mut _| {
        let invitation = invitation::invite(conn, &act, (&email, &role), limits)?;
        Ok(json!(Shown::asked(invitation, now)))
    };
    let invited = creation.once(app.db(), app.under_way(), invite).await?;
    let created = invited.map_err(|refused| match refused {
        Refused::UnknownRole => FieldErrors::one("role", "There is no such role.").into(),
        refused => OrgError::from(refused),
    })?;
    if created.is_new() {
        app.delivery().nudge();
        tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), "somebody was invited");
    }
    Ok(created.answer())
}

/// Lists invitations, newest first. `?status=` picks, `?search=` finds addresses that begin so.
pub async fn list(
    app: Data<App>,
    access: Access<MemberInvite>,
    request: HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let asked = Asked::of(&app, &request)?;
    let filter = filter(&asked)?;
    let descending = ordering(&asked.query, &ORDERINGS).first().is_none_or(|order| order.descending);
    let (org_id, now) = (access.org_id(), app.now());
    let shown = |row| Shown::of(row, now);
    if let Some(page) = asked.cursor("")? {
        let read =
            move |conn: &mut _| invitations::list_from(conn, (org_id, &filter), descending, &page, now);
        let found = app.db().read(read).await?;
        return Ok(asked.cut("", found?.map(shown)));
    }
    let page = PageRequest::from_query(&asked.query, &app.config().paging())?;
    let read = move |conn: &mut _| invitations::list(conn, (org_id, &filter), descending, page, now);
    let (slice, count, rows) = app.db().read(read).await??;
    Ok(asked.numbered(slice, count, rows.into_iter().map(shown).collect()))
}

fn filter(asked: &Asked<'_>) -> Result<Filter, FieldErrors> {
    asked.short_search()?;
    let mut filters = Filters::new(&asked.query);
    let filter = Filter {
        status: filters.text("status").map(str::to_owned),
        search: filters.text("search").map(str::to_owned),
    };
    filters.finish()?;
    let unknown = filter.status.as_deref().filter(|status| !STATUSES.contains(status));
    match unknown {
        None => Ok(filter),
        Some(other) => {
            let complaint = format!("Select a valid choice. {other} is not one of the available choices.");
            Err(FieldErrors::one("status", complaint))
        }
    }
}

/// Shows an invitation.
pub async fn show(
    app: Data<App>,
    access: Access<MemberInvite>,
    which: Path<Which>,
) -> Result<HttpResponse, OrgError> {
    let (org_id, id) = (access.org_id(), which.id()?);
    let found = app.db().read(move |conn| invitations::find_listed(conn, org_id, id)).await?;
    let found = found.ok_or(OrgError::Change(Refused::UnknownInvitation))?;
    Ok(HttpResponse::Ok().json(Shown::of(found, app.now())))
}

/// Takes an invitation back.
pub async fn revoke(
    app: Data<App>,
    access: Access<MemberInvite>,
    which: Path<Which>,
) -> Result<HttpResponse, OrgError> {
    let (act, id) = (access.act(&app), which.id()?);
    app.db().attempt(move |conn| invitation::revoke(conn, &act, id)).await??;
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), invitation.id = %id, "an invitation was revoked");
    Ok(HttpResponse::NoContent().finish())
}

/// Has an invitation mailed again.
pub async fn resend(
    app: Data<App>,
    access: Access<MemberInvite>,
    which: Path<Which>,
) -> Result<HttpResponse, OrgError> {
    let (act, id, limits) = (access.act(&app), which.id()?, app.config().invitations.limits);
    let now = act.now;
    let invitation = app.db().attempt(move |conn| invitation::resend(conn, &act, id, limits)).await??;
    app.delivery().nudge();
    tracing::info!(org.id = %access.org_id(), user.id = access.user_id(), invitation.id = %id, "an invitation is mailed again");
    Ok(HttpResponse::Ok().json(Shown::asked(invitation, now)))
}
