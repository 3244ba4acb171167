//! `user/sessions/` and `user/logout/all/`: the caller's own sessions.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde::Serialize;
use serde_json::json;
use shared::{Caller, Timestamp};

use super::me;
use crate::{
    App,
    error::AuthError,
    revocation,
    session::Presented,
    store::{
        sessions::{self, Reason, Session, SessionId},
        users,
    },
};

/// More sessions than this are not listed.
const MOST: i64 = 1000;

/// A session as its owner sees it.
#[derive(Serialize)]
struct Shown<'a> {
    id: SessionId,
    /// What the client called itself at login.
    device: &'a str,
    /// Where it logged in from.
    address: &'a str,
    created_at: Timestamp,
    /// To the minute, and at least as late as the last refresh.
    last_used_at: Timestamp,
    expires_at: Timestamp,
    /// Whether this request belongs to it.
    current: bool,
}

impl<'a> Shown<'a> {
    fn new(session: &'a Session, current: SessionId) -> Self {
        Self {
            id: session.id,
            device: &session.user_agent,
            address: &session.address,
            created_at: session.created_at,
            last_used_at: session.last_used_at.map_or(session.rotated_at, |at| at.max(session.rotated_at)),
            expires_at: session.expires_at.min(session.absolute_expires_at),
            current: session.id == current,
        }
    }
}

/// Lists the caller's live sessions, the latest first.
pub async fn list(app: Data<App>, caller: Caller) -> Result<HttpResponse, AuthError> {
    let user = me::load(&app, &caller).await?;
    let (id, now) = (user.id, app.now());
    let live = app.db().read(move |conn| sessions::list_live(conn, id, now, MOST)).await?;
    let current = Presented::new(caller.claims()).session;
    let shown: Vec<_> = live.iter().map(|session| Shown::new(session, current)).collect();
    Ok(HttpResponse::Ok().json(shown))
}

/// Ends one of the caller's sessions; it may be the one that asks.
pub async fn end(app: Data<App>, caller: Caller, id: Path<String>) -> Result<HttpResponse, AuthError> {
    let user = me::load(&app, &caller).await?;
    let Ok(id) = uuid::Uuid::parse_str(&id) else { return Err(AuthError::NoSuchSession) };
    let (id, now) = (SessionId::from_uuid(id), app.now());
    let ended = app.db().transaction(move |conn| {
        let session = sessions::find(conn, id)?;
        if session.is_none_or(|session| session.user_id != Some(user.id)) {
            return Ok(false);
        }
        revocation::end(conn, id, Reason::LoggedOut, now)
    });
    if !ended.await? {
        return Err(AuthError::NoSuchSession);
    }
    app.feed().passed_on().await;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the caller, and calls in tokens that the original minted.
pub async fn end_all(app: Data<App>, caller: Caller) -> Result<HttpResponse, AuthError> {
    let user = me::load(&app, &caller).await?;
    let (now, field) = (app.now(), app.config().tokens.user_id_field);
    let ended = app.db().transaction(move |conn| {
        users::call_in(conn, user.id, now)?;
        revocation::end_all(conn, &user, field, Reason::LoggedOut, now)
    });
    ended.await?;
    app.feed().passed_on().await;
    Ok(HttpResponse::Ok().json(json!({})))
}
