//! `POST token/` and `POST token/sliding/`: log in with a name and a password, the former also for an
//! organization.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;
use shared::input::{Body, Form, Mode, Text};

use super::{client, issued::Issued, tokens};
use crate::{App, error::AuthError, login, membership, mint::Stamp};

/// The pair, in the original's order.
#[derive(Serialize)]
struct Pair {
    refresh: String,
    access: String,
}

/// Answers with a pair of refresh and access token.
pub async fn obtain(app: Data<App>, request: HttpRequest, body: Body) -> Result<HttpResponse, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let credentials = login_fields(&mut form);
    let organization = form.text(membership::FIELD, membership::RULES);
    form.finish()?;
    let user = login::authenticate(&app, credentials).await?;
    let claim = user.claim(app.config().tokens.user_id_field);
    // Before there is a session: if nobody answers, nothing has happened.
    let membership = membership::find(&app, organization, claim).await?;
    let lifetime = app.config().tokens.refresh_lifetime;
    let session = login::begin(&app, &user, client(&app, &request), lifetime).await?;
    let claims = app.mint().login_claims(&user);
    let Issued { access, refresh } = Issued::first(&app, &claims, &session, membership.as_ref())?;
    let refresh = refresh.ok_or(AuthError::Internal("a login without a refresh token"))?;
    Ok(tokens(&Pair { refresh: refresh.text, access: access.text }))
}

/// A sliding token.
#[derive(Serialize)]
pub(super) struct Single {
    pub(super) token: String,
}

/// Answers with a sliding token.
pub async fn obtain_sliding(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, AuthError> {
    let credentials = credentials(body).await?;
    let user = login::authenticate(&app, credentials).await?;
    let mint = app.mint();
    let policy = &app.config().tokens;
    let session = login::begin(&app, &user, client(&app, &request), policy.sliding_refresh_lifetime).await?;
    let now = session.created_at;
    let refresh_until = now.after(policy.sliding_refresh_lifetime.0).min(session.absolute_expires_at);
    let claims = mint.sliding_claims(&user, refresh_until);
    let stamp = Stamp::fresh(now, policy.sliding_lifetime);
    Ok(tokens(&Single { token: mint.sliding(&claims, &session, &stamp)? }))
}

/// Reads name and password.
pub(super) async fn credentials(body: Body) -> Result<login::Credentials, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let credentials = login_fields(&mut form);
    form.finish()?;
    Ok(credentials)
}

fn login_fields(form: &mut Form<'_>) -> login::Credentials {
    let username = form.required("username", Text::required());
    let password = form.required("password", Text::required());
    login::Credentials { username, password: shared::Secret::new(password) }
}
