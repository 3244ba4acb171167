//! [`VerifyingKey`]: a key with the one algorithm it may be used with.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    jwk::{self, AlgorithmParameters, EllipticCurve},
};

use super::{Alg, KeyError, signing::hmac_algorithm};
use crate::token::{Parsed, Refusal};

/// A key that verifies tokens of exactly one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    alg: Alg,
    kind: Kind,
    fingerprint: Fingerprint,
}

/// Tells keys apart without showing them. Equal ones belong to one key under one algorithm; the same
/// key read from another format may have another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(alg: Alg, parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [alg.name().as_bytes()].iter().chain(parts) {
            // With its length, so that no two lists of parts run into the same bytes.
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}

#[derive(Clone)]
enum Kind {
    Hmac(Box<hmac::Key>),
    Public(DecodingKey),
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyingKey").field("alg", &self.alg).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// A shared secret.
    pub fn hmac(alg: Alg, secret: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::from_hmac(alg, hmac::Key::new(hmac_algorithm(alg)?, secret)))
    }

    pub(super) fn from_hmac(alg: Alg, key: hmac::Key) -> Self {
        // A MAC by the key says which it is and gives nothing of it away.
        let tag = hmac::sign(&key, b"the fingerprint of a verifying key");
        let fingerprint = Fingerprint::of(alg, &[tag.as_ref()]);
        Self { alg, kind: Kind::Hmac(Box::new(key)), fingerprint }
    }

    fn from_public(alg: Alg, key: DecodingKey) -> Self {
        let fingerprint = match key.kind() {
            DecodingKeyKind::SecretOrDer(der) => Fingerprint::of(alg, &[der]),
            DecodingKeyKind::RsaModulusExponent { n, e } => Fingerprint::of(alg, &[n, e]),
        };
        Self { alg, kind: Kind::Public(key), fingerprint }
    }

    /// A public key in PEM (`SubjectPublicKeyInfo`, or PKCS#1 for RSA).
    pub fn from_pem(alg: Alg, pem: &[u8]) -> Result<Self, KeyError> {
        let key = match alg.0.family() {
            AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem),
            AlgorithmFamily::Ec => DecodingKey::from_ec_pem(pem),
            AlgorithmFamily::Ed => DecodingKey::from_ed_pem(pem),
            AlgorithmFamily::Hmac => return Err(KeyError(format!("{alg} takes a secret, not a PEM key"))),
        };
        let key = key.map_err(|_| KeyError(format!("not a public key in PEM for {alg}")))?;
        Ok(Self::from_public(alg, key))
    }

    /// A public key from a JWKS. Shared secrets are refused: a published one is no secret.
    pub fn from_jwk(key: &jwk::Jwk, alg: Alg) -> Result<Self, KeyError> {
        let fits = match (&key.algorithm, alg.0) {
            (AlgorithmParameters::RSA(_), a) => a.family() == AlgorithmFamily::Rsa,
            (AlgorithmParameters::EllipticCurve(p), Algorithm::ES256) => p.curve == EllipticCurve::P256,
            (AlgorithmParameters::EllipticCurve(p), Algorithm::ES384) => p.curve == EllipticCurve::P384,
            (AlgorithmParameters::OctetKeyPair(p), Algorithm::EdDSA) => p.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        if !fits {
            return Err(KeyError(format!("the key's type does not fit {alg}")));
        }
        let key = DecodingKey::from_jwk(key).map_err(|_| KeyError(format!("not a usable key for {alg}")))?;
        Ok(Self::from_public(alg, key))
    }

    /// The algorithm that this key is pinned to.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Which key this is.
    pub(crate) const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Checks that the token's `alg` is this key's, and then its signature.
    pub fn check(&self, token: &Parsed<'_>) -> Result<(), Refusal> {
        if token.alg != self.alg.name() {
            return Err(Refusal::Algorithm { found: token.alg.clone(), expected: self.alg.name() });
        }
        let message = token.message.as_bytes();
        let valid = match &self.kind {
            Kind::Hmac(key) => URL_SAFE_NO_PAD
                .decode(token.signature)
                .is_ok_and(|signature| hmac::verify(key, message, &signature).is_ok()),
            Kind::Public(key) => {
                jsonwebtoken::crypto::verify(token.signature, message, key, self.alg.0).unwrap_or(false)
            }
        };
        if valid { Ok(()) } else { Err(Refusal::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_keys_and_algorithms_apart() {
        let key = |alg: &str, secret: &[u8]| VerifyingKey::hmac(alg.parse().unwrap(), secret).unwrap();
        let (one, other) = ([7; 64], [8; 64]);
        let fingerprint = key("HS256", &one).fingerprint();
        assert_eq!(key("HS256", &one).fingerprint(), fingerprint);
        assert_ne!(key("HS256", &other).fingerprint(), fingerprint);
        assert_ne!(key("HS512", &one).fingerprint(), fingerprint);
    }

    #[test]
    fn a_public_key_read_again_has_the_same_fingerprint() {
        let jwk = |x: &str| -> jwk::Jwk {
            serde_json::from_value(serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x})).unwrap()
        };
        let key = |x: &str| VerifyingKey::from_jwk(&jwk(x), Alg::EDDSA).unwrap().fingerprint();
        // RFC 8037, appendix A.2.
        let known = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(key(known), key(known));
        assert_ne!(key(known), key(&URL_SAFE_NO_PAD.encode([7; 32])));
    }
}
