//! `POST token/refresh/`: a new access token, and with rotation a new refresh token.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use shared::{
    Claims,
    input::{Body, Form, Mode, Text},
    token::{Refusal, TokenKind},
};

use super::{client, tokens};
use crate::{
    App,
    error::AuthError,
    mint::Stamp,
    session::{self, Presented, Refreshed},
    store::sessions::Session,
};

/// The answer, in the original's order.
#[derive(Serialize)]
struct Refresh {
    access: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

/// Answers with the successor of a refresh token.
pub async fn refresh(app: Data<App>, request: HttpRequest, body: Body) -> Result<HttpResponse, AuthError> {
    let claims = presented(&app, body).await?;
    let token = Presented::new(&claims);
    let context = app.session_context(client(&app, &request))?;
    let outcome = app.db().write(move |conn| session::refresh(conn, &token, &context)).await?;
    let answer = match outcome {
        Refreshed::AccessOnly(session) => access_only(&app, &claims, &session)?,
        Refreshed::Kept(session) => kept(&app, &claims, &session)?,
        Refreshed::Rotated(session) | Refreshed::Repeated(session) => successor(&app, &claims, &session)?,
        Refreshed::Ended(ended) => return Err(app.ended(ended)),
        Refreshed::Reused(_) => return Err(app.ended(session::Ended::Blacklisted)),
    };
    Ok(tokens(&answer))
}

/// Reads and verifies the refresh token of a request. It may be under a key that another replica made
/// a moment ago: refusing it would log its client out.
pub(super) async fn presented(app: &App, body: Body) -> Result<Claims, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let text = form.required("refresh", Text::required());
    form.finish()?;
    let verified = match (app.refresh_verifier().verify(&text, TokenKind::Refresh).await, app.tending()) {
        (Err(Refusal::UnknownKey(_)), Some(tending)) => {
            tending.look_for_new().await;
            app.refresh_verifier().verify(&text, TokenKind::Refresh).await
        }
        (decided, _) => decided,
    };
    verified.map_err(|refusal| app.refused(refusal))
}

fn access_only(app: &App, claims: &Claims, session: &Session) -> Result<Refresh, AuthError> {
    let stamp = Stamp::fresh(app.now(), app.config().tokens.access_lifetime);
    // Not a step of the session: the key in use now signs, whatever signed before.
    let session = Session { signing_kid: None, ..session.clone() };
    Ok(Refresh { access: app.mint().access(claims.as_map(), &session, &stamp)?, refresh: None })
}

/// Random ids: any number of these may be made from one parent.
fn kept(app: &App, claims: &Claims, session: &Session) -> Result<Refresh, AuthError> {
    let policy = &app.config().tokens;
    let now = session.rotated_at;
    let session = Session { signing_kid: None, refresh_kid: None, ..session.clone() };
    let refresh = Stamp::fresh(now, policy.refresh_lifetime).no_later_than(session.absolute_expires_at);
    let access = Stamp::fresh(now, policy.access_lifetime);
    Ok(Refresh {
        access: app.mint().access(claims.as_map(), &session, &access)?,
        refresh: Some(app.mint().refresh(claims.as_map(), &session, &refresh)?),
    })
}

/// Everything comes from the parent's claims and the row, so that a retry gets the same bytes.
fn successor(app: &App, claims: &Claims, session: &Session) -> Result<Refresh, AuthError> {
    let policy = &app.config().tokens;
    let now = session.rotated_at;
    let refresh = Stamp::fresh(now, policy.refresh_lifetime)
        .no_later_than(session.absolute_expires_at)
        .derived(TokenKind::Refresh, session);
    let access = Stamp::fresh(now, policy.access_lifetime).derived(TokenKind::Access, session);
    Ok(Refresh {
        access: app.mint().access(claims.as_map(), session, &access)?,
        refresh: Some(app.mint().refresh(claims.as_map(), session, &refresh)?),
    })
}
