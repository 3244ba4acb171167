//! [`AuditKeys`]: what seals are made under and held to.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use shared::config::ConfigError;
use zeroize::Zeroizing;

use crate::store::seals::Seal;

/// The variable that holds them.
pub const AUDIT_KEY: &str = "ORG_AUDIT_KEY";

/// How many bytes a key has.
const LENGTH: usize = 32;

struct Key {
    id: String,
    key: hmac::Key,
}

/// The keys. The first seals, any of them verifies. Clones share them.
#[derive(Clone, Default)]
pub struct AuditKeys(Arc<Vec<Key>>);

impl std::fmt::Debug for AuditKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditKeys({})", self.0.len())
    }
}

/// What can be said of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was made under a key that we have.
    Proven,
    /// It is a digest, as anybody can make one.
    Plain,
    /// It was made under a key, and we have none.
    Unchecked,
    /// It was made under a key that is not among ours.
    UnknownKey,
    /// It is none.
    Wrong,
}

impl AuditKeys {
    /// Reads keys of 32 bytes in base64, separated by commas.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad =
            || ConfigError::new(AUDIT_KEY, "expected 32 bytes in base64 (try: openssl rand -base64 32)");
        let keys = text.split(',').map(|item| {
            let bytes = Zeroizing::new(STANDARD.decode(item.trim()).map_err(|_| bad())?);
            if bytes.len() == LENGTH { Ok(Key::new(&bytes)) } else { Err(bad()) }
        });
        Ok(Self(Arc::new(keys.collect::<Result<_, ConfigError>>()?)))
    }

    /// Whether there is none: seals prove nothing then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of the key that seals; empty where there is none.
    #[must_use]
    pub fn first_id(&self) -> &str {
        self.0.first().map_or("", |key| key.id.as_str())
    }

    /// Completes a seal that follows this one.
    #[must_use]
    pub fn seal(&self, seal: Seal, previous: Option<&Seal>) -> Seal {
        let seal = Seal { key_id: self.first_id().to_owned(), ..seal };
        let message = message(&seal, previous);
        let bytes = match self.0.first() {
            Some(key) => hmac::sign(&key.key, &message).as_ref().to_vec(),
            None => digest::digest(&digest::SHA256, &message).as_ref().to_vec(),
        };
        Seal { seal: bytes, ..seal }
    }

    /// Judges a seal that follows this one.
    #[must_use]
    pub fn judge(&self, seal: &Seal, previous: Option<&Seal>) -> Verdict {
        let message = message(seal, previous);
        if seal.key_id.is_empty() {
            let plain = digest::digest(&digest::SHA256, &message);
            return if plain.as_ref() == seal.seal { Verdict::Plain } else { Verdict::Wrong };
        }
        match self.0.iter().find(|key| key.id == seal.key_id) {
            Some(key) if hmac::verify(&key.key, &message, &seal.seal).is_ok() => Verdict::Proven,
            Some(_) => Verdict::Wrong,
            None if self.is_empty() => Verdict::Unchecked,
            None => Verdict::UnknownKey,
        }
    }
}

impl Key {
    /// The id tells keys apart and gives nothing away: they are random.
    fn new(bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"tessera audit key");
        context.update(bytes);
        let id = hex::encode(context.finish().as_ref().iter().copied().take(8).collect::<Vec<_>>());
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }
}

/// Everything that a seal vouches for; each text with its length, so that no two seals have the same bytes.
fn message(seal: &Seal, previous: Option<&Seal>) -> Vec<u8> {
    let mut message = b"tessera audit seal".to_vec();
    message.extend(seal.org_id.uuid().as_bytes());
    for number in [seal.number, seal.last_seq, seal.sealed_at.as_micros()] {
        message.extend(number.to_be_bytes());
    }
    let before = previous.map_or(&[][..], |seal| seal.seal.as_slice());
    for bytes in [seal.hash.as_slice(), seal.key_id.as_bytes(), before] {
        message.extend((bytes.len() as u64).to_be_bytes());
        message.extend(bytes);
    }
    message
}

#[cfg(test)]
mod tests {
    use shared::Timestamp;

    use super::*;
    use crate::store::organizations::OrgId;

    fn keys(seeds: &[u8]) -> AuditKeys {
        let keys: Vec<_> = seeds.iter().map(|seed| STANDARD.encode([*seed; LENGTH])).collect();
        AuditKeys::parse(&keys.join(", ")).unwrap()
    }

    fn unsealed() -> Seal {
        Seal {
            org_id: OrgId::from_uuid(uuid::Uuid::from_u128(7)),
            number: 2,
            last_seq: 9,
            hash: vec![1; 32],
            sealed_at: Timestamp::from_secs(1_795_444_848),
            key_id: String::new(),
            seal: Vec::new(),
        }
    }

    /// One change to a seal.
    type Change = fn(&mut Seal);

    #[test]
    fn a_seal_vouches_for_every_field_and_the_seal_before() {
        let before = keys(&[1]).seal(Seal { number: 1, ..unsealed() }, None);
        let changes: [Change; 6] = [
            |seal| seal.org_id = OrgId::from_uuid(uuid::Uuid::from_u128(8)),
            |seal| seal.number = 3,
            |seal| seal.last_seq = 8,
            |seal| seal.hash = vec![2; 32],
            |seal| seal.sealed_at = Timestamp::from_secs(0),
            |seal| seal.seal = vec![0; 32],
        ];
        for (keys, fine) in [(keys(&[1]), Verdict::Proven), (AuditKeys::default(), Verdict::Plain)] {
            let seal = keys.seal(unsealed(), Some(&before));
            assert_eq!(keys.judge(&seal, Some(&before)), fine);
            assert_eq!(keys.judge(&seal, None), Verdict::Wrong);
            for (place, change) in changes.iter().enumerate() {
                let mut other = seal.clone();
                change(&mut other);
                assert_eq!(keys.judge(&other, Some(&before)), Verdict::Wrong, "change {place}");
            }
        }
    }

    #[test]
    fn the_first_key_seals_and_any_verifies() {
        let seal = keys(&[1]).seal(unsealed(), None);
        assert_eq!(keys(&[2, 1]).judge(&seal, None), Verdict::Proven);
        assert_eq!(keys(&[2]).judge(&seal, None), Verdict::UnknownKey);
        assert_eq!(AuditKeys::default().judge(&seal, None), Verdict::Unchecked);
        assert_eq!(keys(&[2, 1]).seal(unsealed(), None), keys(&[2]).seal(unsealed(), None));
        let forged = Seal { key_id: keys(&[2]).first_id().to_owned(), ..seal };
        assert_eq!(keys(&[2, 1]).judge(&forged, None), Verdict::Wrong);
    }

    #[test]
    fn a_key_has_32_bytes_and_is_not_shown() {
        for bad in ["", "development", &STANDARD.encode([1; 31]), &format!("{},", STANDARD.encode([1; 32]))] {
            let error = AuditKeys::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("ORG_AUDIT_KEY: expected 32 bytes"), "{error}");
        }
        assert_eq!(format!("{:?}", keys(&[1, 2])), "AuditKeys(2)");
    }
}
