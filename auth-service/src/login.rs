//! Logging in: the password first, then the session, with nothing in between that could go stale.

use std::time::Duration;

use shared::{Secret, Timestamp, config::values::Span, random};

use crate::{
    App,
    accounts::encode,
    error::AuthError,
    keyring::Purpose,
    password::{self, PoolError, Verdict},
    session::Client,
    store::{
        sessions::{self, Beginning, Session, SessionId},
        users::{self, User},
    },
};

/// What a login presents.
#[derive(Debug)]
pub struct Credentials {
    /// The user name, case-sensitive.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
}

/// Finds the user and checks the password. Takes the time of the costliest stored scheme whether the
/// user exists or not. Refusals do not say why.
pub async fn authenticate(app: &App, credentials: Credentials) -> Result<User, AuthError> {
    let Credentials { username, password } = credentials;
    let user = app.db().read(move |conn| users::find_by_username(conn, &username)).await?;
    let stored = user.as_ref().map(|user| Secret::new(user.password.clone()));
    let costliest = app.costliest();
    let offered = password.clone();
    let verdict = app
        .hashing()
        .run(move || {
            password::verify_levelled(
                offered.expose(),
                stored.as_ref().map(|s| s.expose().as_str()),
                &costliest,
            )
        })
        .await
        .map_err(busy)?;
    let may = |user: &User| user.is_active || app.config().tokens.inactive_may_log_in;
    match (user.filter(may), verdict) {
        (Some(user), Verdict::Match { rehash: true }) => Ok(rehash(app, user, password).await),
        (Some(user), Verdict::Match { rehash: false }) => Ok(user),
        _ => Err(app.bad_credentials()),
    }
}

/// A full queue is the client's to retry; anything else is our fault.
pub(crate) fn busy(error: PoolError) -> AuthError {
    match error {
        PoolError::Busy => AuthError::HashingBusy,
        PoolError::JobPanicked => AuthError::Internal("a password hashing thread failed"),
    }
}

/// Replaces an outdated hash. A failure costs nothing but the improvement: the next login tries again.
async fn rehash(app: &App, user: User, password: Secret<String>) -> User {
    let Ok(encoded) = encode(app.hashing(), password).await else { return user };
    let (old, new) = (user.clone(), encoded.clone());
    match app.db().write(move |conn| users::rehash(conn, &old, &new)).await {
        Ok(1) => User {
            password: encoded.encoded.expose().clone(),
            password_scheme: encoded.scheme.clone(),
            ..user
        },
        // Another login was first: its hash is the one that counts.
        Ok(_) => reread(app, user).await,
        Err(error) => {
            tracing::warn!(user.id = %user.id, %error, "an outdated password hash could not be replaced");
            user
        }
    }
}

async fn reread(app: &App, user: User) -> User {
    let name = user.username.clone();
    let read = app.db().read(move |conn| users::find_by_username(conn, &name)).await;
    let current = read.ok().flatten().filter(|now| now.credential_version == user.credential_version);
    current.unwrap_or(user)
}

/// How long a session lives, and whether it counts as a login.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    /// When it begins.
    pub now: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// When it ends however often it is refreshed.
    pub absolute_expires_at: Timestamp,
    /// Whether `last_login` is moved, where that is kept at all.
    pub is_login: bool,
}

/// Begins the session of a login; see [`open`].
pub async fn begin(app: &App, user: &User, client: Client, lifetime: Span) -> Result<Session, AuthError> {
    let now = app.now();
    let absolute = now.after(app.config().tokens.session_lifetime.0.max(Duration::from_secs(1)));
    let expires_at = now.after(lifetime.0).min(absolute);
    open(app, user, client, Term { now, expires_at, absolute_expires_at: absolute, is_login: true }).await
}

/// Begins a session, unless the user was deactivated or got another password since the check.
pub async fn open(app: &App, user: &User, client: Client, term: Term) -> Result<Session, AuthError> {
    let policy = &app.config().tokens;
    let kid = |purpose| app.keyring().signer(purpose, None).map(|key| key.kid().map(str::to_owned));
    let session = Session {
        id: SessionId::new(term.now),
        user_id: Some(user.id),
        user_claim: user.claim(policy.user_id_field).to_owned(),
        is_superuser: user.is_superuser,
        secret: random::bytes::<32>().to_vec(),
        generation: 0,
        signing_kid: kid(Purpose::Signing)?,
        refresh_kid: kid(Purpose::Refresh)?,
        created_at: term.now,
        rotated_at: term.now,
        expires_at: term.expires_at,
        absolute_expires_at: term.absolute_expires_at,
        revoked_at: None,
        revoked_reason: None,
        user_agent: client.user_agent,
        address: client.address,
        last_used_at: None,
    };
    let beginning = Beginning {
        session: session.clone(),
        user: user.clone(),
        demand_active: !policy.inactive_may_log_in,
        login: (policy.update_last_login && term.is_login).then_some(term.now),
    };
    let began = app.db().write(move |conn| sessions::begin(conn, &beginning)).await?;
    if began { Ok(session) } else { Err(app.bad_credentials()) }
}
