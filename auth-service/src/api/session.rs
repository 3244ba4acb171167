//! `GET, POST user/session/`: logging in by cookies, for pages in a browser.
//!
//! Even the login must show that a page of ours asks for it: otherwise somebody else's page could log
//! its visitor in as somebody else, and collect what they then enter.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use shared::{Authenticator, CookieJar, Problem, auth::csrf, input::Body};

use super::{
    client,
    issued::{Issued, Shown},
    me,
    obtain::credentials,
};
use crate::{App, error::AuthError, login};

/// Says who is logged in, if anybody, and gives a page without a CSRF cookie one.
pub async fn show(
    app: Data<App>,
    authenticator: Data<Authenticator>,
    request: HttpRequest,
) -> Result<HttpResponse, AuthError> {
    let jar = jar(&authenticator, &request)?;
    let who = match authenticator.identify(&request).await? {
        Some(caller) => me::find(&app, &caller).await?.map(|_| caller),
        None => None,
    };
    let value = jar.csrf().filter(|value| csrf::is_well_formed(value));
    let value = value.map_or_else(csrf::new_value, str::to_owned);
    let cookie = jar.set_csrf(&value, app.config().tokens.session_lifetime.as_secs())?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::SET_COOKIE, cookie));
    Ok(response.json(Shown {
        user_id: who.as_ref().map(shared::Caller::user_id),
        access_expires_at: who.as_ref().map(|caller| caller.claims().expires_at()),
        refresh_expires_at: None,
    }))
}

/// Logs in with a name and a password. The CSRF cookie changes with it, so that nobody who knew the
/// one from before knows the session's.
pub async fn log_in(
    app: Data<App>,
    authenticator: Data<Authenticator>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, AuthError> {
    let jar = jar(&authenticator, &request)?;
    jar.check_csrf(None)?;
    let credentials = credentials(body).await?;
    let user = login::authenticate(&app, credentials).await?;
    let policy = &app.config().tokens;
    let session = login::begin(&app, &user, client(&app, &request), policy.refresh_lifetime).await?;
    let value = csrf::new_value();
    let claims = app.mint().cookie_claims(&user, &session, &csrf::digest_of(&value));
    let cookie = jar.set_csrf(&value, session.absolute_expires_at.as_secs() - app.now().as_secs())?;
    let issued = Issued::first(&app, &claims, &session, None)?;
    let mut response = issued.into_cookies(&app, &jar, Some(&session.user_claim))?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The request's cookies, where sessions are kept in any.
pub(super) fn jar<'a>(
    authenticator: &'a Authenticator,
    request: &'a HttpRequest,
) -> Result<CookieJar<'a>, Problem> {
    if !authenticator.takes_cookies() {
        return Err(Problem::not_found());
    }
    let jar = authenticator.cookies(request);
    jar.demand_safe_transport()?;
    Ok(jar)
}
