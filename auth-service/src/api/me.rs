//! `GET, PATCH user/me/`: the caller's own account.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use serde_json::Value;
use shared::{
    Caller, DbConnection, Timestamp,
    input::{Body, Form, Mode, Text},
};

use crate::{
    App,
    error::AuthError,
    mint::fingerprint,
    session::{Ended, Presented, predates},
    store::{
        sessions,
        users::{self, Profile, User},
    },
};

/// The account as its owner sees it.
#[derive(Serialize)]
struct Me<'a> {
    id: &'a str,
    username: &'a str,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    is_active: bool,
    is_superuser: bool,
    last_login: Option<Timestamp>,
    date_joined: Timestamp,
}

impl<'a> From<&'a User> for Me<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: &user.subject,
            username: &user.username,
            email: &user.email,
            first_name: &user.first_name,
            last_name: &user.last_name,
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            last_login: user.last_login,
            date_joined: user.created_at,
        }
    }
}

/// Shows the account.
pub async fn show(app: Data<App>, caller: Caller) -> Result<HttpResponse, AuthError> {
    let user = load(&app, &caller).await?;
    Ok(HttpResponse::Ok().json(Me::from(&user)))
}

/// Changes names and address. Other fields are ignored, as the framework ignores read-only ones.
pub async fn change(app: Data<App>, caller: Caller, body: Body) -> Result<HttpResponse, AuthError> {
    let mut user = load(&app, &caller).await?;
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Partial);
    let email = form.text("email", Text::optional().blank().email().max(254));
    let first_name = form.text("first_name", Text::optional().blank().max(150));
    let last_name = form.text("last_name", Text::optional().blank().max(150));
    form.finish()?;
    let profile = Profile {
        email: email.unwrap_or_else(|| user.email.clone()),
        first_name: first_name.unwrap_or_else(|| user.first_name.clone()),
        last_name: last_name.unwrap_or_else(|| user.last_name.clone()),
    };
    let (id, now, stored) = (user.id, app.now(), profile.clone());
    app.db().transaction(move |conn| users::set_profile(conn, id, &stored, now)).await?;
    Profile { email: user.email, first_name: user.first_name, last_name: user.last_name } = profile;
    Ok(HttpResponse::Ok().json(Me::from(&user)))
}

/// The caller's account; none if the token does not speak for it any more.
pub(super) async fn find(app: &App, caller: &Caller) -> Result<Option<User>, AuthError> {
    match load(app, caller).await {
        Ok(user) => Ok(Some(user)),
        Err(AuthError::UserGone { .. } | AuthError::Ended { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The caller's account, if the token still speaks for it.
pub(super) async fn load(app: &App, caller: &Caller) -> Result<User, AuthError> {
    let token = Presented::new(caller.claims());
    app.last_used().note(token.session, app.now());
    let field = app.config().tokens.user_id_field;
    let (sid, claim) = (token.session, token.user_claim);
    let load = move |conn: &mut DbConnection| {
        Ok((users::find_by_claim(conn, field, &claim)?, sessions::find(conn, sid)?))
    };
    let (user, session) = app.db().read(load).await?;
    let Some(user) = user else { return Err(app.user_gone("User not found", "user_not_found")) };
    if !user.is_active && app.config().rules.check_user_is_active {
        return Err(app.user_gone("User is inactive", "user_inactive"));
    }
    if session.is_some_and(|session| session.revoked_at.is_some())
        || token.foreign && predates(token.issued_at, user.not_before)
    {
        return Err(app.ended(Ended::Blacklisted));
    }
    let rules = &app.config().rules;
    let presented = caller.claims().get(&rules.names.revoke).and_then(Value::as_str);
    if rules.check_revoke_token && presented != Some(&fingerprint(&user.password)) {
        return Err(app.user_gone("The user's password has been changed.", "password_changed"));
    }
    Ok(user)
}
