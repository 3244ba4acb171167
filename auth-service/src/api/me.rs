//! `GET, PATCH user/me/`: the caller's own account.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use shared::{
    Caller, Timestamp,
    input::{Body, Form, Mode, Text},
};

use crate::{
    App,
    error::AuthError,
    store::users::{self, Profile, User},
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
    app.db().write(move |conn| users::set_profile(conn, id, &stored, now)).await?;
    Profile { email: user.email, first_name: user.first_name, last_name: user.last_name } = profile;
    Ok(HttpResponse::Ok().json(Me::from(&user)))
}

async fn load(app: &App, caller: &Caller) -> Result<User, AuthError> {
    let (field, claim) = (app.config().tokens.user_id_field, caller.user_id().to_owned());
    let user = app.db().read(move |conn| users::find_by_claim(conn, field, &claim)).await?;
    match user {
        None => Err(app.user_gone("User not found", "user_not_found")),
        Some(user) if !user.is_active && app.config().rules.check_user_is_active => {
            Err(app.user_gone("User is inactive", "user_inactive"))
        }
        Some(user) => Ok(user),
    }
}
