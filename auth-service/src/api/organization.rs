//! `POST user/token/organization/`: an access token of the caller's session for an organization.
//!
//! It is not kept on the session: two pages of one session may work for two organizations, each with
//! its own token. Nothing is spent, so the refresh token stays what it was.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use shared::{
    Caller,
    input::{Body, Form, Mode, Text},
};

use super::{client, tokens};
use crate::{
    App,
    error::AuthError,
    membership,
    mint::Stamp,
    session::{Ended, Presented, over},
    store::sessions::Session,
};

/// The answer.
#[derive(Serialize)]
struct Access {
    access: String,
}

/// Answers with an access token for an organization that the caller is a member of. The caller's own
/// may be for another.
pub async fn obtain_for_organization(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let organization = form.required(membership::FIELD, Text::required().max(255));
    form.finish()?;
    if caller.claims().session().is_none() {
        return Err(AuthError::NoSession);
    }
    let membership = membership::load(&app, &organization, caller.user_id()).await?;
    let session = load_live(&app, &caller, &request).await?;
    let stamp = Stamp::fresh(app.now(), app.config().tokens.access_lifetime)
        .no_later_than(session.absolute_expires_at);
    // Not a step of the session: the key in use now signs, whatever signed before.
    let session = Session { signing_kid: None, ..session };
    let mut claims = caller.claims().as_map().clone();
    claims.shift_remove(&app.config().rules.names.refresh_exp);
    Ok(tokens(&Access { access: app.mint().access(&claims, &session, &stamp, Some(&membership))? }))
}

/// The caller's session, by its row: what the row says was revoked may not have reached the feed yet.
async fn load_live(app: &App, caller: &Caller, request: &HttpRequest) -> Result<Session, AuthError> {
    let token = Presented::new(caller.claims());
    app.last_used().note(token.session, app.now());
    let context = app.session_context(client(app, request))?;
    let session = app.sessions().run(token.session).await?;
    let own = session.filter(|session| session.user_claim == token.user_claim);
    let Some(session) = own else { return Err(app.ended(Ended::Blacklisted)) };
    match over(&session, context.alive_at()) {
        None => Ok(session),
        Some(ended) => Err(app.ended(ended)),
    }
}
