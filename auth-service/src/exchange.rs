//! Exchanging a name and a password for an access token, for validators that are shown HTTP Basic
//! credentials.
//!
//! The password is checked as at a login: on the hashing threads, in levelled time. The token belongs
//! to a session of its own, because that is what a password change, a deactivation and a deletion end.
//! The session lives as long as its one token and has no refresh token; each exchange takes the
//! user's past ones away, so that a client that comes every minute for years leaves a row or two.

use std::time::Duration;

use shared::{
    Secret,
    config::values::Span,
    issuer::{ExchangeError, Exchanged, Presented},
};

use crate::{
    App,
    error::AuthError,
    login::{self, Credentials, Term},
    mint::Stamp,
    session::Client,
    store::{sessions, users::User},
};

/// The longest life of such a token: as long as validators hold it.
const LONGEST: Span = Span::secs(60);
/// Past sessions of the user that one exchange removes at most.
const SWEEP: i64 = 100;

/// Checks the password and gives a token for it.
pub async fn exchange(app: &App, presented: Presented) -> Result<Exchanged, AuthError> {
    let Presented { username, password, address, user_agent } = presented;
    // No user has such a name, and PostgreSQL takes no such text.
    if username.contains('\0') {
        return Ok(Exchanged::Refused);
    }
    let user = match login::authenticate(app, Credentials { username, password }).await {
        Err(AuthError::Credentials { .. }) => return Ok(Exchanged::Refused),
        decided => decided?,
    };
    if !user.is_active {
        return Ok(Exchanged::Inactive);
    }
    match token(app, &user, Client::new(address, &user_agent)).await {
        // Deactivated, or another password, since the check.
        Err(AuthError::Credentials { .. }) => Ok(Exchanged::Refused),
        given => given,
    }
}

async fn token(app: &App, user: &User, client: Client) -> Result<Exchanged, AuthError> {
    let (now, id) = (app.now(), user.id);
    app.db().write(move |conn| sessions::purge_of(conn, id, now, SWEEP)).await?;
    let lifetime = app.config().tokens.access_lifetime.min(LONGEST);
    let expires_at = now.after(lifetime.0);
    // The row outlives its token by the leeway: while the token is accepted it can be revoked.
    let absolute_expires_at = expires_at.after(app.config().rules.expiry_leeway());
    let term = Term { now, expires_at, absolute_expires_at, is_login: false };
    let session = login::open(app, user, client, term).await?;
    let stamp = Stamp::fresh(now, lifetime);
    let access = app.mint().access(&app.mint().login_claims(user), &session, &stamp, None)?;
    // `exp` has whole seconds.
    let end = shared::Timestamp::from_secs(stamp.expires_at.as_secs());
    let expires_in = Duration::from_secs(end.since(now).as_secs());
    Ok(Exchanged::Token { access: Secret::new(access), expires_in })
}

/// A failure as a validator in this process sees it: what one elsewhere reads off the answer.
pub(crate) fn undecided(error: &AuthError) -> ExchangeError {
    ExchangeError::of_status(error.problem().status().as_u16(), None)
}
