//! [`App`]: the running service, without its server.

use std::{num::NonZeroUsize, sync::Arc};

use actix_web::web::{Data, ServiceConfig};
use futures_util::future::BoxFuture;
use shared::{
    Authenticator, Clock, Db, DbError, Issuer, Timestamp, Verifier,
    auth::bearer_challenge,
    http::management::Readiness,
    issuer::{IssuerUnavailable, KeySource, UserState, Users},
    keys::KeyError,
    token::{Parsed, Refusal},
};

use crate::{
    Config,
    error::AuthError,
    internal_routes,
    keyring::{Keyring, KeyringError, Purpose, Tending},
    levelling::Level,
    migrations,
    mint::{Mint, fingerprint},
    password::{Costliest, HashPool},
    routes,
    session::{Client, Context, Ended},
    store::users,
};

/// Why the service cannot start. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] shared::config::ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The keys cannot be had.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The verifying key does not belong to the signing key.
    #[error("AUTH_VERIFYING_KEY: does not belong to AUTH_SIGNING_KEY: no token could be verified")]
    KeysDisagree,
    /// The client for `AUTH_JWK_URL` cannot be made.
    #[error(transparent)]
    Issuer(#[from] IssuerUnavailable),
    /// The hashing threads cannot be started.
    #[error("the hashing threads cannot be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// The running service. Clones share it.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    db: Db,
    clock: Clock,
    keyring: Keyring,
    tending: Option<Arc<Tending>>,
    verifier: Verifier,
    refresh_verifier: Verifier,
    hashing: Arc<HashPool>,
    level: Arc<Level>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("auth_service::App").field("db", &self.db).finish_non_exhaustive()
    }
}

impl App {
    /// Connects, migrates, opens the keyring and starts the hashing threads.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let db = Db::connect(&config.database, migrations(), config.database_limits).await?;
        let keyring = Keyring::open(&config, &db, &clock).await?;
        let rules = Arc::new(config.rules.clone());
        let keys = own_keys(&config, &keyring, &clock)?;
        let refresh_keys =
            if keyring.is_managed() { KeySource::Local(keyring.refresh()) } else { keys.clone() };
        let threads = NonZeroUsize::new(config.hash_threads).unwrap_or(NonZeroUsize::MIN);
        let schemes = db.read(users::password_schemes).await?;
        let hashing = Arc::new(HashPool::new(threads, config.hash_queue)?);
        Ok(Self(Arc::new(Inner {
            verifier: Verifier::new(keys, Arc::clone(&rules), clock.clone()),
            refresh_verifier: Verifier::new(refresh_keys, rules, clock.clone()),
            tending: Tending::follow(&keyring, &db, &clock),
            level: Level::follow(db.clone(), Arc::clone(&hashing), schemes),
            hashing,
            config,
            db,
            clock,
            keyring,
        })))
    }

    /// Adds the public routes and what they need.
    pub fn configure(&self, config: &mut ServiceConfig) {
        let authenticator =
            Authenticator::new(self.verifier().clone(), self.issuer(), self.config().classes.clone());
        config.app_data(Data::new(self.clone())).app_data(Data::new(authenticator)).configure(routes);
    }

    /// Adds the management routes and what they need.
    pub fn configure_management(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(self.clone())).configure(internal_routes);
    }

    /// What `/readyz` asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::default().database("auth_database", self.db()).keys(self.verifier().keys())
    }

    /// Keys and users for validators in this process.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        Issuer::Local { keys: self.keyring().published(), users: Arc::new(self.clone()) }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// What keeps managed keys on schedule; none with a key from the settings.
    #[must_use]
    pub fn tending(&self) -> Option<&Tending> {
        self.0.tending.as_deref()
    }

    /// The hashing threads.
    #[must_use]
    pub fn hashing(&self) -> &HashPool {
        &self.0.hashing
    }

    /// Verifies access and sliding tokens.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// Verifies refresh tokens.
    #[must_use]
    pub fn refresh_verifier(&self) -> &Verifier {
        &self.0.refresh_verifier
    }

    /// Makes tokens.
    #[must_use]
    pub fn mint(&self) -> Mint<'_> {
        Mint { keyring: self.keyring(), rules: &self.config().rules, policy: &self.config().tokens }
    }

    /// What a login's time is levelled to.
    pub(crate) fn costliest(&self) -> Arc<Costliest> {
        self.0.level.current()
    }

    /// Everything that a session's step needs besides the token.
    pub(crate) fn session_context(&self, client: Client) -> Result<Context, KeyError> {
        let kid = |purpose| self.keyring().signer(purpose, None).map(|key| key.kid().map(str::to_owned));
        Ok(Context {
            now: self.now(),
            leeway: self.config().rules.expiry_leeway(),
            policy: self.config().tokens.clone(),
            signing_kid: kid(Purpose::Signing)?,
            refresh_kid: kid(Purpose::Refresh)?,
            client,
        })
    }

    fn challenge(&self) -> String {
        bearer_challenge(&self.config().rules.header_types)
    }

    pub(crate) fn refused(&self, refusal: Refusal) -> AuthError {
        tracing::debug!(reason = %refusal, "a token was refused");
        AuthError::Token { refusal, challenge: self.challenge() }
    }

    pub(crate) fn ended(&self, ended: Ended) -> AuthError {
        AuthError::Ended { ended, challenge: self.challenge() }
    }

    pub(crate) fn bad_credentials(&self) -> AuthError {
        AuthError::Credentials { challenge: self.challenge() }
    }

    pub(crate) fn user_gone(&self, detail: &'static str, code: &'static str) -> AuthError {
        AuthError::UserGone { detail, code, challenge: self.challenge() }
    }

    /// What validators may know of a user.
    pub async fn user_state(&self, user_id: &str) -> Result<Option<UserState>, DbError> {
        let (field, claim) = (self.config().tokens.user_id_field, user_id.to_owned());
        let user = self.db().read(move |conn| users::find_by_claim(conn, field, &claim)).await?;
        let check = self.config().rules.check_revoke_token;
        Ok(user.map(|user| UserState {
            is_active: user.is_active,
            fingerprint: check.then(|| fingerprint(&user.password)),
        }))
    }
}

impl Users for App {
    fn state(&self, user_id: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>> {
        Box::pin(async move { self.user_state(&user_id).await.map_err(|e| IssuerUnavailable(e.to_string())) })
    }
}

/// Where the service's own verifier takes keys from, checked against the key that signs.
fn own_keys(config: &Config, keyring: &Keyring, clock: &Clock) -> Result<KeySource, StartError> {
    let issuer = Issuer::Local { keys: keyring.published(), users: Arc::new(NoUsers) };
    let keys = KeySource::choose(&config.rules, &issuer, clock)?;
    match &keys {
        KeySource::Fixed(fixed) => {
            let probe = keyring
                .signer(Purpose::Signing, None)
                .and_then(|key| key.sign(&serde_json::Map::new()))
                .map_err(KeyringError::Key)?;
            let parsed = Parsed::new(&probe).map_err(|_| StartError::KeysDisagree)?;
            match fixed.find(None) {
                shared::keys::Found::Key(key) if key.check(&parsed).is_ok() => {}
                _ => return Err(StartError::KeysDisagree),
            }
        }
        KeySource::Http(client) => client.follow(),
        KeySource::Local(_) => {}
    }
    Ok(keys)
}

/// A verifier for its own use asks nobody.
struct NoUsers;

impl Users for NoUsers {
    fn state(&self, _: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>> {
        Box::pin(async { Err(IssuerUnavailable("not asked for".into())) })
    }
}
