//! Starting the service: everything that must be there before the first request.

use std::{num::NonZeroUsize, sync::Arc};

use futures_util::future::BoxFuture;
use shared::{
    Clock, DbError, Issuer, Organizations, Verifier,
    auth::HeldTokens,
    issuer::{
        Change, ExchangeError, Exchanged, IssuerUnavailable, KeySource, Presented, Profile, UserState, Users,
    },
    keys::Found,
    revocation::Revocations,
    token::Parsed,
    verifier::Rules,
};

use super::{App, Inner};
use crate::{
    Config,
    config::Rotation,
    feed::Feed,
    housekeeping,
    keyring::{Keyring, KeyringError, Purpose, Tending},
    last_used::LastUsed,
    levelling::Level,
    password::HashPool,
    store::{sessions, users},
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

impl App {
    /// Connects, migrates, opens the keyring and starts the hashing threads.
    pub async fn start(
        config: Config,
        organizations: Organizations,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let db = config.connect().await?;
        let keyring = Keyring::open(&config, &db, &clock).await?;
        housekeeping::begin(&db, &config, &clock).await?;
        let revocations = Revocations::new(config.revocation, clock.clone());
        let feed = Feed::start(&db, revocations.clone(), keyring.clone()).await?;
        let keys = own_keys(&config, &keyring, &clock)?;
        let refresh_keys =
            if keyring.is_managed() { KeySource::Local(keyring.refresh()) } else { keys.clone() };
        let threads = NonZeroUsize::new(config.hash_threads).unwrap_or(NonZeroUsize::MIN);
        let schemes = db.read(users::password_schemes).await?;
        let hashing = Arc::new(HashPool::new(threads, config.hash_queue)?);
        let app = Self(Arc::new(Inner {
            last_used: LastUsed::default(),
            verifier: Verifier::new(keys, revocations, Arc::new(config.rules.clone()), clock.clone()),
            // Whoever presents a refresh token is judged by the session's row.
            refresh_verifier: Verifier::new(
                refresh_keys,
                Revocations::off(),
                refresh_rules(&config),
                clock.clone(),
            ),
            tending: Tending::follow(&keyring, &db, &clock),
            feed,
            organizations,
            level: Level::follow(db.clone(), Arc::clone(&hashing), schemes),
            hashing,
            held: HeldTokens::new(clock.clone()),
            config,
            sessions: db.batched_reads(sessions::find_together),
            steps: db.batched_writes(sessions::rotate_together),
            db,
            clock,
            keyring,
        }));
        housekeeping::spawn(&app);
        Ok(app)
    }
}

/// What is demanded of refresh tokens. Where each is spent by its first use, none is worth keeping.
fn refresh_rules(config: &Config) -> Arc<Rules> {
    let mut rules = config.rules.clone();
    if config.tokens.rotation == Rotation::Once {
        rules.token_cache = 0;
    }
    Arc::new(rules)
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
                Found::Key(key) if key.check(&parsed).is_ok() => {}
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

    fn profiles(&self, _: Vec<String>) -> BoxFuture<'_, Result<Vec<Profile>, IssuerUnavailable>> {
        Box::pin(async { Err(IssuerUnavailable("not asked for".into())) })
    }

    fn revoke(&self, _: Vec<Change>) -> BoxFuture<'_, Result<(), IssuerUnavailable>> {
        Box::pin(async { Err(IssuerUnavailable("not asked for".into())) })
    }
}
