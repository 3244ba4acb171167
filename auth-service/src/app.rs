//! [`App`]: the running service, without its server.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Weak},
};

use actix_web::web::{Data, ServiceConfig};
use futures_util::future::BoxFuture;
use shared::{
    Authenticator, Clock, Db, DbError, Issuer, Timestamp, Verifier,
    auth::{HeldTokens, bearer_challenge},
    http::management::Readiness,
    issuer::{ExchangeError, Exchanged, IssuerUnavailable, KeySource, Presented, UserState, Users},
    keys::KeyError,
    revocation::Revocations,
    token::{Parsed, Refusal},
};

use crate::{
    Config,
    accounts::Accounts,
    error::AuthError,
    exchange,
    feed::Feed,
    housekeeping, internal_routes,
    keyring::{Keyring, KeyringError, Purpose, Tending},
    last_used::LastUsed,
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
    /// A thread cannot be started.
    #[error("cannot start: {0}")]
    Threads(#[from] std::io::Error),
}

/// The running service. Clones share it.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    config: Config,
    db: Db,
    clock: Clock,
    keyring: Keyring,
    tending: Option<Arc<Tending>>,
    verifier: Verifier,
    refresh_verifier: Verifier,
    feed: Feed,
    hashing: Arc<HashPool>,
    level: Arc<Level>,
    last_used: LastUsed,
    /// One for all workers, each of which has an authenticator of its own.
    held: HeldTokens,
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
        housekeeping::begin(&db, &config, &clock).await?;
        let revocations = Revocations::new(config.revocation, clock.clone());
        let feed = Feed::start(&db, revocations.clone(), keyring.clone()).await?;
        let rules = Arc::new(config.rules.clone());
        let keys = own_keys(&config, &keyring, &clock)?;
        let refresh_keys =
            if keyring.is_managed() { KeySource::Local(keyring.refresh()) } else { keys.clone() };
        let threads = NonZeroUsize::new(config.hash_threads).unwrap_or(NonZeroUsize::MIN);
        let schemes = db.read(users::password_schemes).await?;
        let hashing = Arc::new(HashPool::new(threads, config.hash_queue)?);
        let app = Self(Arc::new(Inner {
            last_used: LastUsed::default(),
            verifier: Verifier::new(keys, revocations, Arc::clone(&rules), clock.clone()),
            // Whoever presents a refresh token is judged by the session's row.
            refresh_verifier: Verifier::new(refresh_keys, Revocations::off(), rules, clock.clone()),
            tending: Tending::follow(&keyring, &db, &clock),
            feed,
            level: Level::follow(db.clone(), Arc::clone(&hashing), schemes),
            hashing,
            held: HeldTokens::new(clock.clone()),
            config,
            db,
            clock,
            keyring,
        }));
        housekeeping::spawn(&app);
        Ok(app)
    }

    /// A handle that does not keep the service alive.
    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(Self)
    }

    /// When sessions were used.
    pub(crate) fn last_used(&self) -> &LastUsed {
        &self.0.last_used
    }

    /// Adds the public routes and what they need.
    pub fn configure(&self, config: &mut ServiceConfig) {
        let classes = self.config().classes.clone();
        let authenticator = Authenticator::new(self.verifier().clone(), self.issuer(), classes)
            .holding(self.0.held.clone())
            .behind(self.config().trusted_proxies.clone());
        config.app_data(Data::new(self.clone())).app_data(Data::new(authenticator)).configure(routes);
    }

    /// Adds the management routes and what they need.
    pub fn configure_management(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(self.clone())).configure(internal_routes);
    }

    /// What `/readyz` asks.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::default()
            .database("auth_database", self.db())
            .keys(self.verifier().keys())
            .revocations(self.feed().revocations())
    }

    /// Keys and users for validators in this process.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        Issuer::Local {
            keys: self.keyring().published(),
            users: Arc::new(self.clone()),
            revocations: self.feed().revocations().clone(),
        }
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

    /// The revocation feed.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// The users, for those who change them. Wait for [`Feed::passed_on`] afterwards.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts {
            db: self.db().clone(),
            clock: self.clock().clone(),
            user_id_field: self.config().tokens.user_id_field,
        }
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

    fn exchange(&self, presented: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>> {
        Box::pin(async move {
            exchange::exchange(self, presented).await.map_err(|error| exchange::undecided(&error))
        })
    }
}

/// Where the service's own verifier takes keys from, checked against the key that signs.
fn own_keys(config: &Config, keyring: &Keyring, clock: &Clock) -> Result<KeySource, StartError> {
    let issuer = Issuer::Local {
        keys: keyring.published(),
        users: Arc::new(NoUsers),
        revocations: Revocations::off(),
    };
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

    fn exchange(&self, _: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>> {
        Box::pin(async { Err(ExchangeError::Unavailable("not asked for".into())) })
    }
}
