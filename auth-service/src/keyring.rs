//! The keys that this service signs with: managed in the database, or one from the settings.
//!
//! Managed keys have two purposes that never mix. *Signing* keys sign what resource servers verify
//! and are published; *refresh* keys MAC what only this service reads, so that no resource server
//! can take a refresh token for an access token. With `AUTH_SIGNING_KEY` one key serves both, as in
//! the original.

mod generate;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use diesel::QueryResult;
use jsonwebtoken::jwk::JwkSet;
use shared::{
    Clock, Db, DbConnection, DbError, Timestamp,
    keys::{Alg, KeyError, KeySet, SigningKey, VerifyingKey},
    random,
    verifier::settings::pem_lines,
};

use generate::generate;

use crate::{
    config::Config,
    sealing::{SealError, SealingKeys},
    store::keys::{self, StoredKey},
};

/// What a managed key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Access and sliding tokens; published.
    Signing,
    /// Refresh tokens; secret.
    Refresh,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Refresh => "refresh",
        }
    }
}

/// The keys cannot be had.
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
}

/// The keys in use.
#[derive(Debug, Clone)]
pub struct Keyring {
    current: Arc<ArcSwap<Keys>>,
    /// What access tokens are verified with; shared with validators in this process.
    published: Arc<ArcSwap<KeySet>>,
    /// What refresh tokens are verified with.
    refresh: Arc<ArcSwap<KeySet>>,
    managed: bool,
}

#[derive(Debug)]
struct Keys {
    /// By id; the last one signs.
    signing: Vec<Arc<SigningKey>>,
    refresh: Vec<Arc<SigningKey>>,
}

impl Keyring {
    /// Opens the keyring: the explicit key, or the managed ones, which are made if there are none.
    pub async fn open(config: &Config, db: &Db, clock: &Clock) -> Result<Self, KeyringError> {
        if let Some(secret) = &config.signing_key {
            return explicit(config.rules.algorithm, secret.expose());
        }
        let sealing = config.sealing.clone().ok_or(KeyringError::NoSealingKey)?;
        let wanted = Wanted {
            algorithm: config.rules.algorithm,
            now: clock.now(),
            retire_after: config.tokens.access_lifetime.0.max(config.tokens.sliding_lifetime.0)
                + Duration::from_secs(60),
        };
        let stored = db.transaction(move |conn| Ok(ensure(conn, &wanted, &sealing))).await??;
        Self::of(stored, true)
    }

    /// The keys as they are, for commands: makes and changes nothing.
    pub async fn load(config: &Config, db: &Db, clock: &Clock) -> Result<Self, KeyringError> {
        if let Some(secret) = &config.signing_key {
            return explicit(config.rules.algorithm, secret.expose());
        }
        let sealing = config.sealing.clone().ok_or(KeyringError::NoSealingKey)?;
        let now = clock.now();
        let rows = db.read(move |conn| keys::list_live(conn, now)).await?;
        let mut keys = Keys { signing: Vec::new(), refresh: Vec::new() };
        for row in rows {
            let refresh = row.purpose == Purpose::Refresh.as_str();
            let of_purpose = if refresh { &mut keys.refresh } else { &mut keys.signing };
            of_purpose.push(Arc::new(unseal(&row, &sealing)?));
        }
        Self::of(keys, true)
    }

    /// Loads the keys anew.
    pub fn reload(&self, _: &mut DbConnection) -> Result<(), KeyringError> {
        Ok(())
    }

    fn of(keys: Keys, managed: bool) -> Result<Self, KeyringError> {
        let published = key_set(&keys.signing, managed)?;
        let refresh = key_set(&keys.refresh, managed)?;
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(keys)),
            published: Arc::new(ArcSwap::from_pointee(published)),
            refresh: Arc::new(ArcSwap::from_pointee(refresh)),
            managed,
        })
    }

    /// Whether keys are managed in the database. Only then every refresh token names its session.
    #[must_use]
    pub const fn is_managed(&self) -> bool {
        self.managed
    }

    /// The key for a purpose: the one with this id if it is given and known, else the newest.
    pub fn signer(&self, purpose: Purpose, kid: Option<&str>) -> Result<Arc<SigningKey>, KeyError> {
        let keys = self.current.load();
        let of_purpose = match purpose {
            Purpose::Signing => &keys.signing,
            Purpose::Refresh => &keys.refresh,
        };
        let named = kid.and_then(|kid| of_purpose.iter().find(|key| key.kid() == Some(kid)));
        named.or(of_purpose.last()).cloned().ok_or_else(|| KeyError("no key to sign with".into()))
    }

    /// What access tokens are verified with.
    #[must_use]
    pub fn published(&self) -> Arc<ArcSwap<KeySet>> {
        Arc::clone(&self.published)
    }

    /// What refresh tokens are verified with.
    #[must_use]
    pub fn refresh(&self) -> Arc<ArcSwap<KeySet>> {
        Arc::clone(&self.refresh)
    }

    /// The public keys (RFC 7517). Shared secrets are never among them.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.current.load().signing.iter().filter_map(|key| key.public().cloned()).collect() }
    }
}

fn explicit(algorithm: Alg, secret: &str) -> Result<Keyring, KeyringError> {
    let key = if algorithm.is_hmac() {
        // RFC 7518, section 3.2: as many bits as the hash has. The original accepts less.
        if secret.len() < 32 {
            tracing::warn!("AUTH_SIGNING_KEY is shorter than 32 bytes: tokens can be forged by guessing it");
        }
        SigningKey::hmac(algorithm, secret.as_bytes(), None)?
    } else {
        SigningKey::from_pem(algorithm, pem_lines(secret).as_bytes())?
    };
    let key = Arc::new(key);
    Keyring::of(Keys { signing: vec![Arc::clone(&key)], refresh: vec![key] }, false)
}

fn key_set(keys: &[Arc<SigningKey>], managed: bool) -> Result<KeySet, KeyError> {
    if let ([only], false) = (keys, managed) {
        return only.verifying().map(|key| KeySet::Fixed(Box::new(key)));
    }
    let named = |key: &Arc<SigningKey>| -> Result<Option<(String, VerifyingKey)>, KeyError> {
        let verifying = key.verifying()?;
        Ok(key.kid().map(|kid| (kid.to_owned(), verifying)))
    };
    let pairs = keys.iter().filter_map(|key| named(key).transpose());
    Ok(KeySet::Published(pairs.collect::<Result<HashMap<_, _>, _>>()?))
}

struct Wanted {
    algorithm: Alg,
    now: Timestamp,
    retire_after: Duration,
}

/// Loads the live keys; makes what is missing. Runs under a lock, so that replicas which start at
/// once on an empty database agree on one key.
fn ensure(conn: &mut DbConnection, wanted: &Wanted, sealing: &SealingKeys) -> Result<Keys, KeyringError> {
    let query = |result: QueryResult<_>| result.map_err(DbError::Query);
    query(conn.lock_exclusively("keys").map(|()| 0))?;
    let mut keys = Keys { signing: Vec::new(), refresh: Vec::new() };
    for row in keys::list_live(conn, wanted.now).map_err(DbError::Query)? {
        let key = Arc::new(unseal(&row, sealing)?);
        let in_use = row.retires_at.is_none();
        if row.purpose == Purpose::Refresh.as_str() {
            keys.refresh.push(key);
        } else if in_use && key.alg() == wanted.algorithm {
            keys.signing.push(key);
        } else {
            // The algorithm of the settings has changed: the old key goes on verifying for a while.
            if in_use {
                query(keys::retire(conn, &row.kid, wanted.now.after(wanted.retire_after)))?;
            }
            keys.signing.insert(0, key);
        }
    }
    if keys.signing.last().is_none_or(|key| key.alg() != wanted.algorithm) {
        let der = generate(wanted.algorithm)?;
        let key = SigningKey::from_der(wanted.algorithm, &der)?;
        store(conn, wanted.now, sealing, (Purpose::Signing, &key, &der))?;
        keys.signing.push(Arc::new(key));
    }
    if keys.refresh.is_empty() {
        let secret = zeroize::Zeroizing::new(random::bytes::<32>().to_vec());
        let key = SigningKey::hmac(Alg::HS256, &secret, Some(random::hex32()))?;
        store(conn, wanted.now, sealing, (Purpose::Refresh, &key, &secret))?;
        keys.refresh.push(Arc::new(key));
    }
    Ok(keys)
}

fn label(kid: &str, purpose: &str) -> String {
    format!("{kid}/{purpose}")
}

fn unseal(row: &StoredKey, sealing: &SealingKeys) -> Result<SigningKey, KeyringError> {
    let private = sealing.open(&label(&row.kid, &row.purpose), &row.sealed)?;
    let algorithm: Alg = row.algorithm.parse().map_err(KeyError)?;
    let key = if algorithm.is_hmac() {
        SigningKey::hmac(algorithm, &private, Some(row.kid.clone()))?
    } else {
        SigningKey::from_der(algorithm, &private)?
    };
    Ok(key)
}

/// Seals a new key and adds it to the database.
fn store(
    conn: &mut DbConnection,
    now: Timestamp,
    sealing: &SealingKeys,
    (purpose, key, private): (Purpose, &SigningKey, &[u8]),
) -> Result<(), KeyringError> {
    let kid = key.kid().ok_or_else(|| KeyError("a managed key needs an id".into()))?;
    let row = StoredKey {
        kid: kid.to_owned(),
        purpose: purpose.as_str().to_owned(),
        algorithm: key.alg().name().to_owned(),
        sealed: sealing.seal(&label(kid, purpose.as_str()), private)?,
        created_at: now,
        retires_at: None,
        revoked_at: None,
        signs_from: None,
    };
    keys::insert(conn, &row).map_err(DbError::Query)?;
    Ok(())
}
