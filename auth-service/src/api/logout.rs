//! `POST user/logout/` and `POST user/token/logout/`: the end of the caller's session.
//!
//! The second path is the first one again, where browsers send the refresh cookie: a page whose access
//! cookie has expired logs out there without a refresh before.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use serde_json::json;
use shared::{Authenticator, Claims, CookieJar, token::TokenKind};

use super::client;
use crate::{
    App,
    error::AuthError,
    session::{self, Presented},
    store::sessions::Reason,
};

/// Ends the session of a bearer, or of a cookie, and takes the cookies back. Without a session that
/// could be ended they are taken back all the same.
pub async fn log_out(
    app: Data<App>,
    authenticator: Data<Authenticator>,
    request: HttpRequest,
) -> Result<HttpResponse, AuthError> {
    let jar = authenticator.cookies(&request);
    let claims = match authenticator.identify(&request).await? {
        Some(caller) => Some(caller.shared_claims()),
        None if authenticator.takes_cookies() => of_refresh_cookie(&app, &jar).await?,
        None => return Err(authenticator.not_provided().into()),
    };
    // A caller without a token has no session.
    if let Some(claims) = claims.filter(|claims| !claims.jti().is_empty()) {
        let token = Presented::new(&claims);
        let context = app.session_context(client(&app, &request))?;
        // One that had ended before is over, which is what was asked for.
        let ended =
            app.db().write(move |conn| session::end(conn, &token, Reason::LoggedOut, &context)).await?;
        if ended.is_ok() {
            app.feed().passed_on().await;
        }
        tracing::info!(user.id = claims.user_id(), was_live = ended.is_ok(), "a user logged out");
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if authenticator.takes_cookies() {
        for cookie in jar.clear() {
            response.append_header((header::SET_COOKIE, cookie));
        }
    }
    Ok(response.json(json!({})))
}

/// The claims of a good refresh cookie. Without one, the request must still come from a page of ours:
/// it takes cookies back.
async fn of_refresh_cookie(app: &App, jar: &CookieJar<'_>) -> Result<Option<Arc<Claims>>, AuthError> {
    jar.check_origin()?;
    let Some(token) = jar.refresh() else { return Ok(None) };
    let claims = match app.refresh_verifier().verify(token, TokenKind::Refresh).await {
        Ok(claims) => claims,
        Err(refusal) if refusal.is_outage() => return Err(app.refused(refusal)),
        Err(_) => return Ok(None),
    };
    let Some(bound) = claims.csrf() else { return Ok(None) };
    jar.check_csrf(Some(bound))?;
    Ok(Some(claims))
}
