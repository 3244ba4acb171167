//! [`App`]: the running service, without its server.

mod knowing;
mod start;

use std::sync::{Arc, Weak};

use actix_web::web::{Data, ServiceConfig};
use shared::{
    Authenticator, Clock, Db, Issuer, Organizations, Timestamp, Verifier,
    auth::{HeldTokens, bearer_challenge},
    http::management::Readiness,
    keys::KeyError,
    token::Refusal,
};

pub use start::StartError;

use crate::{
    Config,
    accounts::Accounts,
    error::AuthError,
    feed::Feed,
    internal_routes,
    keyring::{Keyring, Purpose, Tending},
    last_used::LastUsed,
    levelling::Level,
    mint::Mint,
    password::{Costliest, HashPool},
    routes,
    session::{Client, Context, Ended, Sessions, Steps},
};

/// The running service. Clones share it.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    config: Config,
    db: Db,
    sessions: Sessions,
    steps: Steps,
    clock: Clock,
    keyring: Keyring,
    tending: Option<Arc<Tending>>,
    verifier: Verifier,
    refresh_verifier: Verifier,
    feed: Feed,
    hashing: Arc<HashPool>,
    level: Arc<Level>,
    organizations: Organizations,
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
        config
            .app_data(Data::new(self.clone()))
            .app_data(Data::new(self.config().service_secrets.clone()))
            .configure(internal_routes);
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

    /// Where memberships are asked for.
    #[must_use]
    pub fn organizations(&self) -> &Organizations {
        &self.0.organizations
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

    /// Looks sessions up.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The steps that sessions take.
    pub(crate) fn steps(&self) -> &Steps {
        &self.0.steps
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
}
