//! `POST token/verify/`: whether a token of any type would be accepted now.

use actix_web::{HttpResponse, web::Data};
use serde_json::{Value, json};
use shared::{
    Claims,
    input::{Body, Form, Mode, Text},
    token::{Refusal, TokenKind},
    verifier::Authentic,
};

use crate::{
    App,
    error::AuthError,
    session::{Presented, over, predates},
    store::{
        sessions::{self, Session},
        users::{self, User},
    },
};

/// Answers `{}` for a token that is good.
pub async fn verify(app: Data<App>, body: Body) -> Result<HttpResponse, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let text = form.required("token", Text::required());
    form.finish()?;
    let authentic = decode(&app, &text).await.map_err(|refusal| app.refused(refusal))?;
    let token = Presented::new(&authentic.claims);
    // The database has the words; whatever it does not know of is in the feed.
    if let Some(session) = app.sessions().run(token.session).await? {
        check_session(&app, &authentic.claims, &session)?;
    } else {
        let field = app.config().tokens.user_id_field;
        let user = app.db().read(move |conn| users::find_by_claim(conn, field, &token.user_claim)).await?;
        check_user(&app, &authentic.claims, user.as_ref())?;
    }
    if !is_refresh(&app, &authentic.claims) {
        app.verifier().check_revoked(&authentic).map_err(|refusal| app.refused(refusal))?;
    }
    Ok(HttpResponse::Ok().json(json!({})))
}

/// A token under either purpose's key: access and sliding tokens first, then refresh tokens.
async fn decode(app: &App, text: &str) -> Result<Authentic, Refusal> {
    let decoded = match app.verifier().authenticate(text).await {
        Err(Refusal::UnknownKey(_)) if app.keyring().is_managed() => {
            app.refresh_verifier().authenticate(text).await
        }
        decided => decided,
    }?;
    decoded.claims.check_kind(TokenKind::Untyped, &app.config().rules.names)?;
    Ok(decoded)
}

fn is_refresh(app: &App, claims: &Claims) -> bool {
    claims.get(&app.config().rules.names.token_type).and_then(Value::as_str) == Some("refresh")
}

fn check_session(app: &App, claims: &Claims, session: &Session) -> Result<(), AuthError> {
    let policy = &app.config().tokens;
    let is_refresh = is_refresh(app, claims);
    let spent = is_refresh && Presented::new(claims).generation < session.generation;
    let blacklisted = session.revoked_reason.as_deref() == Some(sessions::Reason::Blacklisted.as_str());
    if is_refresh && (spent || blacklisted) {
        // The original's words, and its condition for looking at all.
        return if policy.verify_consults_blacklist { Err(AuthError::BlacklistedOnVerify) } else { Ok(()) };
    }
    // An access token made just before the session ran out lives to its own end, as it does at every
    // other service; one of a session that was ended does not.
    if !is_refresh && session.revoked_at.is_none() {
        return Ok(());
    }
    over(session, app.now()).map_or(Ok(()), |ended| Err(app.ended(ended)))
}

fn check_user(app: &App, claims: &Claims, user: Option<&User>) -> Result<(), AuthError> {
    let Some(user) = user else {
        return Err(app.user_gone("User not found", "user_not_found"));
    };
    if !user.is_active && app.config().rules.check_user_is_active {
        return Err(app.user_gone("User is inactive", "user_inactive"));
    }
    if claims.session().is_none() && predates(claims.issued_at(), user.not_before) {
        return Err(app.ended(crate::session::Ended::Blacklisted));
    }
    Ok(())
}
