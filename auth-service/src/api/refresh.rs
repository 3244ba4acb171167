//! `POST token/refresh/`: a new access token, and with rotation a new refresh token.
//!
//! With a refresh token in the body the answer's tokens are in its body; without one, and with the
//! refresh cookie, they are in cookies. Both take the same step. With an organization in the body the
//! access token is for that; which is asked about first, so that a failure costs the session nothing.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use shared::{
    Authenticator, Claims, CookieJar, claims,
    input::{Body, Form, Input, Mode, Text},
    token::{Refusal, TokenKind},
};

use super::{client, issued::Issued, tokens};
use crate::{
    App,
    error::AuthError,
    membership,
    session::{self, Presented, Refreshed},
};

/// The answer, in the original's order.
#[derive(Serialize)]
struct Refresh {
    access: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

/// Answers with the successor of a refresh token.
pub async fn refresh(
    app: Data<App>,
    authenticator: Data<Authenticator>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, AuthError> {
    let input = body.read().await?;
    let jar = authenticator.cookies(&request);
    let cookie = jar.refresh().filter(|_| authenticator.takes_cookies() && input.get("refresh").is_none());
    if let Some(token) = cookie {
        let mut form = Form::new(&input, Mode::Full);
        let organization = form.text(membership::FIELD, membership::RULES);
        form.finish()?;
        let claims = guarded(&app, &jar, token).await?;
        let issued = step(&app, &request, &claims, organization).await?;
        return issued.into_cookies(&app, &jar, claims.user_id());
    }
    let mut form = Form::new(&input, Mode::Full);
    let text = form.required("refresh", Text::required());
    let organization = form.text(membership::FIELD, membership::RULES);
    form.finish()?;
    let claims = verify(&app, &text).await?;
    let issued = step(&app, &request, &claims, organization).await?;
    let refresh = issued.refresh.map(|token| token.text);
    Ok(tokens(&Refresh { access: issued.access.text, refresh }))
}

/// Takes the session's step.
async fn step(
    app: &App,
    request: &HttpRequest,
    claims: &Claims,
    organization: Option<String>,
) -> Result<Issued, AuthError> {
    let token = Presented::new(claims);
    let membership = membership::find(app, organization, &token.user_claim).await?;
    let membership = membership.as_ref();
    let context = app.session_context(client(app, request))?;
    let outcome = session::refresh(app, token, context).await?;
    if matches!(outcome, Refreshed::Reused(_)) {
        app.feed().passed_on().await;
    }
    Ok(match outcome {
        Refreshed::AccessOnly(session) => Issued::access_only(app, claims, &session, membership)?,
        Refreshed::Kept(session) => Issued::kept(app, claims, &session, membership)?,
        Refreshed::Rotated(session) | Refreshed::Repeated(session) => {
            Issued::successor(app, claims, &session, membership)?
        }
        Refreshed::Ended(ended) => return Err(app.ended(ended)),
        Refreshed::Reused(_) => return Err(app.ended(session::Ended::Blacklisted)),
    })
}

/// Reads and verifies the refresh token of a request's body.
pub(super) async fn presented(app: &App, input: &Input) -> Result<Arc<Claims>, AuthError> {
    let mut form = Form::new(input, Mode::Full);
    let text = form.required("refresh", Text::required());
    form.finish()?;
    verify(app, &text).await
}

/// Verifies the refresh token of a cookie, and that a page of its own session sent it.
async fn guarded(app: &App, jar: &CookieJar<'_>, token: &str) -> Result<Arc<Claims>, AuthError> {
    jar.demand_safe_transport()?;
    jar.check_csrf(None)?;
    let claims = verify(app, token).await?;
    let bound = claims.csrf().ok_or_else(|| app.refused(Refusal::Missing(claims::CSRF.into())))?;
    jar.check_csrf(Some(bound))?;
    Ok(claims)
}

/// Verifies a refresh token. It may be under a key that another replica made a moment ago: refusing it
/// would log its client out.
async fn verify(app: &App, token: &str) -> Result<Arc<Claims>, AuthError> {
    let verified = match (app.refresh_verifier().verify(token, TokenKind::Refresh).await, app.tending()) {
        (Err(Refusal::UnknownKey(_)), Some(tending)) => {
            tending.look_for_new().await;
            app.refresh_verifier().verify(token, TokenKind::Refresh).await
        }
        (decided, _) => decided,
    };
    verified.map_err(|refusal| app.refused(refusal))
}
