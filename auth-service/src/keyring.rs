//! The keys that this service signs with: managed in the database, or one from the settings.
//!
//! Managed keys have two purposes that never mix. *Signing* keys sign what resource servers verify
//! and are published; *refresh* keys MAC what only this service reads, so that no resource server
//! can take a refresh token for an access token. With `AUTH_SIGNING_KEY` one key serves both, as in
//! the original.

mod changes;
mod generate;
mod held;
mod operating;
pub mod schedule;
mod tending;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::JwkSet;
use shared::{
    Clock, Db, DbConnection, DbError,
    keys::{Alg, KeyError, KeySet, SigningKey},
    verifier::settings::pem_lines,
};

use crate::{
    config::Config,
    sealing::SealError,
    store::keys::{self, StoredKey},
};

pub use changes::Managed;
use held::{Held, Keys};
pub use operating::{Revoked, Rotated};
pub use tending::Tending;

/// What a managed key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Purpose {
    /// Access and sliding tokens; published.
    Signing,
    /// Refresh tokens; secret.
    Refresh,
}

impl Purpose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Signing, Self::Refresh];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Refresh => "refresh",
        }
    }

    /// Whether this is the purpose of a stored key.
    #[must_use]
    pub fn is_of(self, row: &StoredKey) -> bool {
        row.purpose == self.as_str()
    }
}

/// The keys cannot be had, or not changed. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A stored key was sealed under another key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key cannot be used.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Managed keys need something to seal them with.
    #[error("AUTH_KEY_ENCRYPTION_KEY: must be set, unless AUTH_SIGNING_KEY is")]
    NoSealingKey,
    /// There are no managed keys.
    #[error("keys are not managed here: AUTH_SIGNING_KEY is set, and whoever sets it rotates it")]
    NotManaged,
    /// There is no such key.
    #[error("no key has the id `{0}`")]
    Unknown(String),
    /// The key had been revoked before.
    #[error("the key `{0}` has been revoked already")]
    RevokedBefore(String),
}

impl From<diesel::result::Error> for KeyringError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(DbError::Query(error))
    }
}

/// The keys in use. Clones share them.
#[derive(Debug, Clone)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: ArcSwap<Keys>,
    /// What access tokens are verified with; shared with validators in this process.
    published: Arc<ArcSwap<KeySet>>,
    /// What refresh tokens are verified with.
    refresh: Arc<ArcSwap<KeySet>>,
    managed: Option<Managed>,
    clock: Clock,
    /// Held while rows are read and taken over, so that an older reading never replaces a newer one:
    /// the keys that could not be opened, each of which is told once.
    unusable: Mutex<HashSet<String>>,
}

impl Keyring {
    /// Opens the keyring: the explicit key, or the managed ones, which are made if there are none.
    pub async fn open(config: &Config, db: &Db, clock: &Clock) -> Result<Self, KeyringError> {
        if let Some(secret) = &config.signing_key {
            return explicit(config.rules.algorithm, secret.expose(), clock);
        }
        let managed = Managed::of(config)?;
        if config.key_schedule.outruns_caches() {
            tracing::warn!(
                "AUTH_KEY_PUBLISH_AHEAD is so short that a validator which keeps the key set for its 60 s \
                 may meet a key before it knows it"
            );
        }
        let now = clock.now();
        managed.change(db, move |managed, conn| managed.start(conn, now)).await?;
        Self::load(config, db, clock).await
    }

    /// The keys as they are, for commands: makes and changes nothing.
    pub async fn load(config: &Config, db: &Db, clock: &Clock) -> Result<Self, KeyringError> {
        if let Some(secret) = &config.signing_key {
            return explicit(config.rules.algorithm, secret.expose(), clock);
        }
        let managed = Managed::of(config)?;
        let now = clock.now();
        let rows = db.read(move |conn| keys::list_live(conn, now)).await?;
        let open = |row: &StoredKey| managed.open(row).map(Arc::new);
        let held = Held::of(&rows, open)?;
        Self::of(Keys::Managed(held), Some(managed), clock)
    }

    fn of(keys: Keys, managed: Option<Managed>, clock: &Clock) -> Result<Self, KeyringError> {
        let set = |purpose| keys.verifying(purpose).map(|set| Arc::new(ArcSwap::from_pointee(set)));
        Ok(Self(Arc::new(Inner {
            published: set(Purpose::Signing)?,
            refresh: set(Purpose::Refresh)?,
            keys: ArcSwap::from_pointee(keys),
            managed,
            clock: clock.clone(),
            unusable: Mutex::default(),
        })))
    }

    /// Takes over the keys as they are in the database now. Explicit keys stay as they are.
    ///
    /// Verifiers get what is new before anything signs with it, and lose what is gone after nothing
    /// signs with it any more. A key that cannot be opened is left out and logged: what was revoked
    /// must go in any case.
    pub fn reload(&self, conn: &mut DbConnection) -> Result<(), KeyringError> {
        let Some(managed) = &self.0.managed else { return Ok(()) };
        let mut unusable = self.0.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = keys::list_live(conn, self.0.clock.now())?;
        let before = self.0.keys.load_full();
        let mut opened = Vec::new();
        for row in rows {
            match before.find(&row.kid).map_or_else(|| managed.open(&row).map(Arc::new), Ok) {
                Ok(key) => opened.push((row, key)),
                Err(error) if unusable.insert(row.kid.clone()) => {
                    tracing::error!(key.id = row.kid, %error, "a key cannot be used here");
                }
                Err(_) => {}
            }
        }
        let after = Keys::Managed(Held::from_iter(opened));
        let sets = [(Purpose::Signing, &self.0.published), (Purpose::Refresh, &self.0.refresh)];
        let mut last = Vec::new();
        for (purpose, set) in sets {
            let verifying = after.verifying(purpose)?;
            set.store(Arc::new(set.load().union(&verifying)));
            last.push((set, verifying));
        }
        self.0.keys.store(Arc::new(after));
        for (set, verifying) in last {
            set.store(Arc::new(verifying));
        }
        Ok(())
    }

    /// Whether keys are managed in the database. Only then every refresh token names its session.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.0.managed.is_some()
    }

    /// The key for a purpose: the one with this id if it is given and still verifies, so that what was
    /// signed before can be signed again, else the one that signs now.
    pub fn signer(&self, purpose: Purpose, kid: Option<&str>) -> Result<Arc<SigningKey>, KeyError> {
        let signer = self.0.keys.load().signer(purpose, kid, self.0.clock.now());
        signer.ok_or_else(|| KeyError("no key to sign with".into()))
    }

    /// What access tokens are verified with.
    #[must_use]
    pub fn published(&self) -> Arc<ArcSwap<KeySet>> {
        Arc::clone(&self.0.published)
    }

    /// What refresh tokens are verified with.
    #[must_use]
    pub fn refresh(&self) -> Arc<ArcSwap<KeySet>> {
        Arc::clone(&self.0.refresh)
    }

    /// The public keys (RFC 7517), those that sign later and those that signed before among them.
    /// Shared secrets never are.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        let keys = self.0.keys.load().live(Purpose::Signing, self.0.clock.now());
        JwkSet { keys: keys.iter().filter_map(|key| key.public().cloned()).collect() }
    }
}

/// The key of the settings.
pub(crate) fn explicit_key(algorithm: Alg, secret: &str) -> Result<SigningKey, KeyError> {
    if algorithm.is_hmac() {
        SigningKey::hmac(algorithm, secret.as_bytes(), None)
    } else {
        SigningKey::from_pem(algorithm, pem_lines(secret).as_bytes())
    }
}

fn explicit(algorithm: Alg, secret: &str, clock: &Clock) -> Result<Keyring, KeyringError> {
    // RFC 7518, section 3.2: as many bits as the hash has. The original accepts less.
    if algorithm.is_hmac() && secret.len() < 32 {
        tracing::warn!("AUTH_SIGNING_KEY is shorter than 32 bytes: tokens can be forged by guessing it");
    }
    Keyring::of(Keys::Explicit(Arc::new(explicit_key(algorithm, secret)?)), None, clock)
}
