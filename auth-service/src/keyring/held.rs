//! Keys in memory, ready to sign.

use std::{collections::HashMap, sync::Arc};

use shared::{
    Timestamp,
    keys::{KeyError, KeySet, SigningKey},
};

use super::{
    KeyringError, Purpose,
    schedule::{self, Entry},
};
use crate::store::keys::StoredKey;

/// What a keyring holds at one moment.
#[derive(Debug)]
pub(super) enum Keys {
    /// One key for everything, from the settings.
    Explicit(Arc<SigningKey>),
    /// The live keys of the database.
    Managed(Held),
}

/// The live keys of the database, with their times.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// In the order of their making.
    signing: Vec<Entry>,
    refresh: Vec<Entry>,
    keys: HashMap<String, Arc<SigningKey>>,
}

impl Held {
    /// Opens rows; one that cannot be opened is an error.
    pub(super) fn of(
        rows: &[StoredKey],
        open: impl Fn(&StoredKey) -> Result<Arc<SigningKey>, KeyringError>,
    ) -> Result<Self, KeyringError> {
        let opened = rows.iter().map(|row| Ok((row.clone(), open(row)?)));
        opened.collect::<Result<_, KeyringError>>()
    }

    fn entries(&self, purpose: Purpose) -> &[Entry] {
        match purpose {
            Purpose::Signing => &self.signing,
            Purpose::Refresh => &self.refresh,
        }
    }
}

impl FromIterator<(StoredKey, Arc<SigningKey>)> for Held {
    fn from_iter<I: IntoIterator<Item = (StoredKey, Arc<SigningKey>)>>(opened: I) -> Self {
        let mut held = Self::default();
        for (row, key) in opened {
            let refresh = Purpose::Refresh.is_of(&row);
            let entries = if refresh { &mut held.refresh } else { &mut held.signing };
            entries.push(Entry::from(&row));
            held.keys.insert(row.kid, key);
        }
        held
    }
}

impl Keys {
    /// The key with this id, whatever its purpose.
    pub(super) fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        match self {
            Self::Explicit(_) => None,
            Self::Managed(held) => held.keys.get(kid).cloned(),
        }
    }

    /// See [`Keyring::signer`](super::Keyring::signer).
    pub(super) fn signer(
        &self,
        purpose: Purpose,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Option<Arc<SigningKey>> {
        let held = match self {
            Self::Explicit(only) => return Some(Arc::clone(only)),
            Self::Managed(held) => held,
        };
        let entries = held.entries(purpose);
        let named = kid.and_then(|kid| entries.iter().find(|e| e.kid == kid && e.verifies(now)));
        let entry = named.or_else(|| schedule::signing(entries, now))?;
        held.keys.get(&entry.kid).cloned()
    }

    /// The keys of a purpose that verify.
    pub(super) fn live(&self, purpose: Purpose, now: Timestamp) -> Vec<Arc<SigningKey>> {
        match self {
            Self::Explicit(only) => vec![Arc::clone(only)],
            Self::Managed(held) => {
                let live = held.entries(purpose).iter().filter(|entry| entry.verifies(now));
                live.filter_map(|entry| held.keys.get(&entry.kid).cloned()).collect()
            }
        }
    }

    /// What verifies tokens of a purpose.
    pub(super) fn verifying(&self, purpose: Purpose) -> Result<KeySet, KeyError> {
        let held = match self {
            Self::Explicit(only) => return only.verifying().map(|key| KeySet::Fixed(Box::new(key))),
            Self::Managed(held) => held,
        };
        let keys = held.entries(purpose).iter().filter_map(|entry| held.keys.get_key_value(&entry.kid));
        let pairs = keys.map(|(kid, key)| Ok((kid.clone(), key.verifying()?)));
        Ok(KeySet::Published(pairs.collect::<Result<_, KeyError>>()?))
    }
}
