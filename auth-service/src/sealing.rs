//! Encryption at rest of private keys: AES-256-GCM under `AUTH_KEY_ENCRYPTION_KEY`.
//!
//! A sealed value is `nonce (12 bytes) || ciphertext || tag`. The key's id and purpose are
//! authenticated with it, so that a row cannot stand in for another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use shared::{
    config::{ConfigError, development},
    random,
};

const VARIABLE: &str = "AUTH_KEY_ENCRYPTION_KEY";

/// The keys that seal. The first seals, any opens.
#[derive(Clone)]
pub struct SealingKeys(Vec<std::sync::Arc<LessSafeKey>>);

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKeys({})", self.0.len())
    }
}

/// A sealed value could not be opened, or a value not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored key cannot be opened: {VARIABLE} is not the one it was sealed under")]
pub struct SealError;

impl SealingKeys {
    /// Reads keys of 32 bytes in base64, separated by commas.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::new(VARIABLE, "expected 32 bytes in base64 (try: openssl rand -base64 32)");
        let keys = text.split(',').map(|key| {
            let bytes = STANDARD.decode(development::key_encryption_key(key.trim())).map_err(|_| bad())?;
            let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| bad())?;
            Ok(std::sync::Arc::new(LessSafeKey::new(key)))
        });
        Ok(Self(keys.collect::<Result<_, ConfigError>>()?))
    }

    /// A new key in the form that [`SealingKeys::parse`] reads.
    #[must_use]
    pub fn generate() -> String {
        STANDARD.encode(random::bytes::<32>())
    }

    /// Seals `plain`, bound to `label`.
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.0.first().ok_or(SealError)?;
        let nonce = random::bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut sealed)
            .map_err(|_| SealError)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Seals anew what another key than the first sealed; nothing if the first one did.
    pub fn reseal(&self, label: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let first = Self(self.0.iter().take(1).cloned().collect());
        if first.open(label, sealed).is_ok() {
            return Ok(None);
        }
        self.seal(label, &self.open(label, sealed)?).map(Some)
    }

    /// Opens what [`SealingKeys::seal`] made under any of the keys.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, SealError> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| SealError)?;
        self.0.iter().find_map(|key| open(key, nonce, label, ciphertext)).ok_or(SealError)
    }
}

fn open(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    label: &str,
    ciphertext: &[u8],
) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut buffer = zeroize::Zeroizing::new(ciphertext.to_vec());
    let length =
        key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_any_of_the_keys_and_its_own_label_only() {
        let (old, new) = (SealingKeys::generate(), SealingKeys::generate());
        let sealed = SealingKeys::parse(&old).unwrap().seal("kid/signing", b"private").unwrap();
        let both = SealingKeys::parse(&format!("{new}, {old}")).unwrap();
        assert_eq!(both.open("kid/signing", &sealed).unwrap().as_slice(), b"private");
        assert!(both.open("kid/refresh", &sealed).is_err());
        assert!(SealingKeys::parse(&new).unwrap().open("kid/signing", &sealed).is_err());
        assert!(both.open("kid/signing", &sealed[..8]).is_err());
    }

    #[test]
    fn what_is_sealed_anew_opens_without_the_old_key() {
        let (old, new) = (SealingKeys::generate(), SealingKeys::generate());
        let sealed = SealingKeys::parse(&old).unwrap().seal("kid/signing", b"private").unwrap();
        let both = SealingKeys::parse(&format!("{new},{old}")).unwrap();
        let again = both.reseal("kid/signing", &sealed).unwrap().unwrap();
        let new = SealingKeys::parse(&new).unwrap();
        assert_eq!(new.open("kid/signing", &again).unwrap().as_slice(), b"private");
        assert!(both.reseal("kid/signing", &again).unwrap().is_none(), "nothing to do the second time");
        assert!(new.reseal("kid/signing", &sealed).is_err(), "what cannot be opened is left alone");
    }

    #[test]
    fn the_word_for_development_is_a_key_and_not_the_only_one() {
        let sealed = SealingKeys::parse("development").unwrap().seal("kid/signing", b"private").unwrap();
        let both = SealingKeys::parse(&format!("{}, development", SealingKeys::generate())).unwrap();
        assert_eq!(both.open("kid/signing", &sealed).unwrap().as_slice(), b"private");
        assert!(both.reseal("kid/signing", &sealed).unwrap().is_some());
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for bad in ["", "c2hvcnQ=", "not base64!"] {
            assert!(SealingKeys::parse(bad).is_err(), "{bad}");
        }
    }
}
