//! What a refresh does to its session: the rules, as one synchronous step per case.
//!
//! One row per session, one conditional UPDATE per rotation, together with those of others that refresh at
//! the same time. If it matches, the successor is minted.
//! If not, the row says whether the presented token is the immediate parent within the grace window
//! (the same successor again), older (reuse: the session ends) or of an ended session.

mod adoption;

use std::{net::IpAddr, time::Duration};

use diesel::QueryResult;
use shared::{Claims, DbConnection, DbError, Timestamp, db::Batcher, revocation::adopted_session_id};

pub use adoption::{adopt, blank, foreign_session, predates};

use crate::{
    App,
    config::{self, TokenPolicy},
    mint::GENERATION,
    revocation,
    store::sessions::{self, Reason, Rotation, Session, SessionId},
};

/// A verified refresh or sliding token, as far as its session is concerned.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The session that it names, or that its `jti` is adopted under.
    pub session: SessionId,
    /// Its generation; 0 for a foreign token.
    pub generation: i64,
    /// Whether it was minted by the original: it has no `sid`.
    pub foreign: bool,
    /// Its user id claim; empty if it names nobody.
    pub user_claim: String,
    /// Its `iat`.
    pub issued_at: Option<Timestamp>,
    /// Its `exp`.
    pub expires_at: Timestamp,
}

impl Presented {
    /// Reads the claims. A `sid` that is no UUID is as good as none that we know.
    #[must_use]
    pub fn new(claims: &Claims) -> Self {
        let named = claims.session().and_then(|sid| uuid::Uuid::parse_str(sid).ok());
        let foreign = claims.session().is_none();
        Self {
            session: SessionId::from_uuid(named.unwrap_or_else(|| adopted_session_id(claims.jti()))),
            // What a foreign token calls by this name is its own business; and whatever a key that is
            // shared with others has signed, it must have a successor.
            generation: if foreign {
                0
            } else {
                claims.seconds(GENERATION).unwrap_or(0).clamp(0, i64::MAX - 1)
            },
            foreign,
            user_claim: claims.user_id().unwrap_or_default().to_owned(),
            issued_at: claims.issued_at(),
            expires_at: claims.expires_at(),
        }
    }
}

/// What a refresh comes to.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// Only an access token, for this session.
    AccessOnly(Session),
    /// A pair whose ids derive from the session's generation.
    Rotated(Session),
    /// The same, again: a retry or a second tab. The flag says that address and client differ.
    Repeated(Session),
    /// A pair with random ids; the presented token stays valid.
    Kept(Session),
    /// Refused: the session has ended.
    Ended(Ended),
    /// Refused: a spent token was presented, and this ended the session.
    Reused(SessionId),
}

/// Why a session is over, as far as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `Token is blacklisted`
    Blacklisted,
    /// `No active account found for the given token.`
    Inactive,
    /// The session's absolute limit has passed.
    TooOld,
}

impl Ended {
    fn of(session: &Session) -> Self {
        let inactive = [Reason::Deactivated, Reason::Deleted].map(|r| Some(r.as_str()));
        if inactive.contains(&session.revoked_reason.as_deref()) { Self::Inactive } else { Self::Blacklisted }
    }
}

/// Everything a refresh needs besides the token.
#[derive(Debug, Clone)]
pub struct Context {
    /// Now.
    pub now: Timestamp,
    /// The leeway on expiry.
    pub leeway: Duration,
    /// The settings.
    pub policy: TokenPolicy,
    /// The keys that new tokens are signed with.
    pub signing_kid: Option<String>,
    /// See `signing_kid`.
    pub refresh_kid: Option<String>,
    /// Who asks.
    pub client: Client,
}

impl Context {
    /// What expired after this instant still counts.
    #[must_use]
    pub fn alive_at(&self) -> Timestamp {
        self.now.before(self.leeway)
    }
}

/// The client as it shows itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: String,
    /// Its `User-Agent`, cut to 256 characters.
    pub user_agent: String,
}

/// The longest `User-Agent` kept, in characters.
const USER_AGENT: usize = 256;

impl Client {
    /// A client by what it says of itself.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: &str) -> Self {
        Self {
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT).collect(),
        }
    }
}

/// Looks sessions up, many at a time.
pub type Sessions = Batcher<SessionId, Option<Session>>;

/// The steps of sessions, many at a time.
pub type Steps = Batcher<Rotation, Option<Session>>;

/// Refreshes: at most one step of the session, decided by one statement.
pub async fn refresh(app: &App, token: Presented, context: Context) -> Result<Refreshed, DbError> {
    // What nearly every refresh comes to, together with others.
    match context.policy.rotation {
        config::Rotation::Once => {
            if let Some(session) = app.steps().run(rotation(&token, &context)).await? {
                return Ok(Refreshed::Rotated(session));
            }
        }
        config::Rotation::Off => {
            let session = app.sessions().run(token.session).await?;
            if let Some(session) = session.filter(|session| stands(session, &token, &context)) {
                return Ok(Refreshed::AccessOnly(session));
            }
        }
        config::Rotation::KeepOld => {}
    }
    // The others, and what happens to few.
    app.db().write(move |conn| decide(conn, &token, &context)).await
}

fn decide(conn: &mut DbConnection, token: &Presented, context: &Context) -> QueryResult<Refreshed> {
    match context.policy.rotation {
        config::Rotation::Off => without_rotation(conn, token, context),
        config::Rotation::KeepOld => keeping_the_old(conn, token, context),
        config::Rotation::Once => once(conn, token, context),
    }
}

fn rotation(token: &Presented, context: &Context) -> Rotation {
    Rotation {
        id: token.session,
        from: token.generation,
        now: context.now,
        alive_at: context.alive_at(),
        expires_at: context.now.after(context.policy.refresh_lifetime.0),
        signing_kid: context.signing_kid.clone(),
        refresh_kid: context.refresh_kid.clone(),
    }
}

fn once(conn: &mut DbConnection, token: &Presented, context: &Context) -> QueryResult<Refreshed> {
    let step = rotation(token, context);
    if let Some(session) = sessions::rotate(conn, &step)? {
        return Ok(Refreshed::Rotated(session));
    }
    match sessions::find(conn, token.session)? {
        // Somebody adopted it between the two statements: the first one decides again.
        Some(session) if may_step(&session, token, context) => {}
        Some(session) => return losing(conn, &session, token, context),
        None => {
            if let Err(ended) = adopt(conn, token, context)? {
                return Ok(Refreshed::Ended(ended));
            }
        }
    }
    if let Some(session) = sessions::rotate(conn, &step)? {
        return Ok(Refreshed::Rotated(session));
    }
    match sessions::find(conn, token.session)? {
        Some(session) => losing(conn, &session, token, context),
        None => Ok(Refreshed::Ended(Ended::Blacklisted)),
    }
}

fn may_step(session: &Session, token: &Presented, context: &Context) -> bool {
    session.generation == token.generation && over(session, context.alive_at()).is_none()
}

/// The statement did not match: why?
fn losing(
    conn: &mut DbConnection,
    session: &Session,
    token: &Presented,
    context: &Context,
) -> QueryResult<Refreshed> {
    if let Some(ended) = over(session, context.alive_at()) {
        return Ok(Refreshed::Ended(ended));
    }
    if token.generation >= session.generation {
        // Newer than the row: the database was put back. Nothing was stolen, nothing can be said.
        return Ok(Refreshed::Ended(Ended::Blacklisted));
    }
    if is_graced_parent(session, token, context.now, context.policy.grace) {
        let other_client =
            session.address != context.client.address && session.user_agent != context.client.user_agent;
        if other_client {
            tracing::warn!(session.id = %session.id, "a refresh was repeated by another client within the grace window");
        }
        return Ok(Refreshed::Repeated(session.clone()));
    }
    conn.write_transaction(|conn| revocation::end(conn, session.id, Reason::Reuse, context.now))?;
    tracing::warn!(session.id = %session.id, "a spent refresh token was presented: the session has ended");
    Ok(Refreshed::Reused(session.id))
}

/// Whether the token's direct successor was made so recently that a retry is the likely reason.
fn is_graced_parent(session: &Session, token: &Presented, now: Timestamp, grace: Duration) -> bool {
    token.generation + 1 == session.generation && !grace.is_zero() && now.since(session.rotated_at) <= grace
}

/// Whether the session is over at `now`, and in which words.
#[must_use]
pub fn over(session: &Session, now: Timestamp) -> Option<Ended> {
    if session.revoked_at.is_some() {
        return Some(Ended::of(session));
    }
    (session.absolute_expires_at <= now || session.expires_at <= now).then_some(Ended::TooOld)
}

/// Whether a token of a live session is good for an access token where none is spent.
fn stands(session: &Session, token: &Presented, context: &Context) -> bool {
    let current = token.generation >= session.generation
        || is_graced_parent(session, token, context.now, context.policy.grace);
    current && over(session, context.alive_at()).is_none()
}

fn without_rotation(conn: &mut DbConnection, token: &Presented, context: &Context) -> QueryResult<Refreshed> {
    match sessions::find(conn, token.session)? {
        Some(session) => {
            if let Some(ended) = over(&session, context.alive_at()) {
                return Ok(Refreshed::Ended(ended));
            }
            if stands(&session, token, context) {
                return Ok(Refreshed::AccessOnly(session));
            }
            losing(conn, &session, token, context)
        }
        None => Ok(match foreign_session(conn, token, context)? {
            Ok(session) => Refreshed::AccessOnly(session),
            Err(ended) => Refreshed::Ended(ended),
        }),
    }
}

fn keeping_the_old(conn: &mut DbConnection, token: &Presented, context: &Context) -> QueryResult<Refreshed> {
    let step = rotation(token, context);
    if let Some(session) = sessions::prolong(conn, &step)? {
        return Ok(Refreshed::Kept(session));
    }
    match sessions::find(conn, token.session)? {
        Some(session) => {
            if let Some(ended) = over(&session, context.alive_at()) {
                return Ok(Refreshed::Ended(ended));
            }
        }
        None => {
            if let Err(ended) = adopt(conn, token, context)? {
                return Ok(Refreshed::Ended(ended));
            }
        }
    }
    Ok(sessions::prolong(conn, &step)?.map_or(Refreshed::Ended(Ended::Blacklisted), Refreshed::Kept))
}

/// Ends the session of a token. Says in which words, if it had ended before.
pub fn end(
    conn: &mut DbConnection,
    token: &Presented,
    reason: Reason,
    context: &Context,
) -> QueryResult<Result<(), Ended>> {
    let ended = conn.write_transaction(|conn| {
        if revocation::end(conn, token.session, reason, context.now)? {
            return Ok(true);
        }
        if !token.foreign || sessions::find(conn, token.session)?.is_some() {
            return Ok(false);
        }
        // Adopted and ended at once. Should somebody adopt it in between, the second attempt ends it.
        sessions::insert_if_absent(conn, &blank(token, context))?;
        revocation::end(conn, token.session, reason, context.now)
    })?;
    if ended {
        return Ok(Ok(()));
    }
    let session = sessions::find(conn, token.session)?;
    Ok(Err(session.map_or(Ended::Blacklisted, |session| Ended::of(&session))))
}
