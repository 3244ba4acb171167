//! [`KeySet`]: the keys that a verifier trusts at one moment.

use std::collections::HashMap;

use super::VerifyingKey;

/// The keys that a verifier trusts.
#[derive(Debug, Clone)]
pub enum KeySet {
    /// One key, from the settings: a token's `kid` means nothing.
    Fixed(Box<VerifyingKey>),
    /// The issuer's published keys by id: a token must name one of them.
    Published(HashMap<String, VerifyingKey>),
}

/// What a `kid` means in a set.
#[derive(Debug)]
pub enum Found<'a> {
    /// This key.
    Key(&'a VerifyingKey),
    /// The set has no such key; the issuer may have published it since.
    Unknown(&'a str),
    /// The token names none.
    Unnamed,
}

impl KeySet {
    /// A set without keys: every token is refused.
    #[must_use]
    pub fn empty() -> Self {
        Self::Published(HashMap::new())
    }

    /// Whether the set has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Published(keys) if keys.is_empty())
    }

    /// What either set trusts; of a single key from the settings there is no union, and `other` counts.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Published(ours), Self::Published(theirs)) => {
                let both = ours.iter().chain(theirs);
                Self::Published(both.map(|(kid, key)| (kid.clone(), key.clone())).collect())
            }
            _ => other.clone(),
        }
    }

    /// The key that a header's `kid` means.
    #[must_use]
    pub fn find<'a>(&'a self, kid: Option<&'a str>) -> Found<'a> {
        match (self, kid) {
            (Self::Fixed(key), _) => Found::Key(key),
            (Self::Published(_), None) => Found::Unnamed,
            (Self::Published(keys), Some(kid)) => keys.get(kid).map_or(Found::Unknown(kid), Found::Key),
        }
    }
}
