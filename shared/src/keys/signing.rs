//! [`SigningKey`]: a private or shared key, made ready once and used for every token.

use aws_lc_rs::{
    hmac, rand,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, jwk};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Alg, KeyError, VerifyingKey};

/// A key that signs tokens of one algorithm.
pub struct SigningKey {
    alg: Alg,
    kid: Option<String>,
    /// The encoded header: it is the same for every token under this key.
    header: String,
    pair: Pair,
    public: Option<jwk::Jwk>,
}

enum Pair {
    Hmac(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A shared secret for an HMAC algorithm. `kid` goes into the header when given.
    pub fn hmac(alg: Alg, secret: &[u8], kid: Option<String>) -> Result<Self, KeyError> {
        let key = hmac::Key::new(hmac_algorithm(alg)?, secret);
        Ok(Self::assemble(alg, kid, Pair::Hmac(Box::new(key)), None))
    }

    /// A private key in PEM (PKCS#8, or PKCS#1 for RSA). Its `kid` is the RFC 7638 thumbprint.
    pub fn from_pem(alg: Alg, pem: &[u8]) -> Result<Self, KeyError> {
        let unreadable = |_| KeyError(format!("not a private key in PEM for {alg}"));
        let key = match alg.0.family() {
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem),
            AlgorithmFamily::Ed => EncodingKey::from_ed_pem(pem),
            AlgorithmFamily::Hmac => return Err(KeyError(format!("{alg} takes a secret, not a PEM key"))),
        };
        Self::from_encoding_key(alg, &key.map_err(unreadable)?)
    }

    /// A private key in DER, PKCS#8.
    pub fn from_der(alg: Alg, der: &[u8]) -> Result<Self, KeyError> {
        let key = match alg.0.family() {
            // jsonwebtoken takes the PKCS#1 part of an RSA key, and finds it only behind PEM.
            AlgorithmFamily::Rsa => return Self::from_pem(alg, pkcs8_pem(der).as_bytes()),
            AlgorithmFamily::Ec => EncodingKey::from_ec_der(der),
            AlgorithmFamily::Ed => EncodingKey::from_ed_der(der),
            AlgorithmFamily::Hmac => return Err(KeyError(format!("{alg} takes a secret, not a DER key"))),
        };
        Self::from_encoding_key(alg, &key)
    }

    fn from_encoding_key(alg: Alg, key: &EncodingKey) -> Result<Self, KeyError> {
        let unusable = || KeyError(format!("not a usable private key for {alg}"));
        let der = key.as_bytes();
        let pair = match alg.0.family() {
            AlgorithmFamily::Ed => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| unusable())?)
            }
            AlgorithmFamily::Ec => {
                Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(ecdsa_algorithm(alg)?, der).map_err(|_| unusable())?)
            }
            _ => {
                let pair = RsaKeyPair::from_der(der).or_else(|_| RsaKeyPair::from_pkcs8(der));
                Pair::Rsa(pair.map_err(|_| unusable())?, rsa_encoding(alg)?)
            }
        };
        let mut public = jwk::Jwk::from_encoding_key(key, alg.0).map_err(|_| unusable())?;
        let kid = public.thumbprint(jwk::ThumbprintHash::SHA256).map_err(|_| unusable())?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(jwk::PublicKeyUse::Signature);
        Ok(Self::assemble(alg, Some(kid), pair, Some(public)))
    }

    fn assemble(alg: Alg, kid: Option<String>, pair: Pair, public: Option<jwk::Jwk>) -> Self {
        // SimpleJWT's header bytes, `{"alg":"…","typ":"JWT"}`, with our `kid` behind them.
        let mut header = Map::new();
        header.insert("alg".into(), json!(alg.name()));
        header.insert("typ".into(), json!("JWT"));
        if let Some(kid) = &kid {
            header.insert("kid".into(), json!(kid));
        }
        let header = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
        Self { alg, kid, header, pair, public }
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// The key's id, if its tokens carry one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public half for a JWKS (RFC 7517); none for HMAC.
    #[must_use]
    pub const fn public(&self) -> Option<&jwk::Jwk> {
        self.public.as_ref()
    }

    /// The key that verifies what this one signs.
    pub fn verifying(&self) -> Result<VerifyingKey, KeyError> {
        match (&self.pair, &self.public) {
            (Pair::Hmac(key), _) => Ok(VerifyingKey::from_hmac(self.alg, (**key).clone())),
            (_, Some(public)) => VerifyingKey::from_jwk(public, self.alg),
            (_, None) => Err(KeyError("the key has no public half".into())),
        }
    }

    /// Signs claims, a JSON object in the order given, into a compact JWS (RFC 7515, section 3.1).
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let payload = serde_json::to_vec(claims).map_err(|e| KeyError(e.to_string()))?;
        let mut token = String::with_capacity(self.header.len() + payload.len() * 4 / 3 + 520);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError("the key failed to sign".into());
        match &self.pair {
            Pair::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Ecdsa(pair) => {
                pair.sign(&rand::SystemRandom::new(), message).map(|s| s.as_ref().to_vec()).map_err(failed)
            }
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &rand::SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// RFC 7468, section 10.
fn pkcs8_pem(der: &[u8]) -> zeroize::Zeroizing<String> {
    let body = zeroize::Zeroizing::new(STANDARD.encode(der));
    let mut pem = zeroize::Zeroizing::new(String::from("-----BEGIN PRIVATE KEY-----\n"));
    for (place, letter) in body.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}

pub(super) fn hmac_algorithm(alg: Alg) -> Result<hmac::Algorithm, KeyError> {
    match alg.0 {
        Algorithm::HS256 => Ok(hmac::HMAC_SHA256),
        Algorithm::HS384 => Ok(hmac::HMAC_SHA384),
        Algorithm::HS512 => Ok(hmac::HMAC_SHA512),
        _ => Err(KeyError(format!("{alg} does not take a shared secret"))),
    }
}

fn ecdsa_algorithm(alg: Alg) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match alg.0 {
        Algorithm::ES256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => Err(KeyError(format!("{alg} is not an ECDSA algorithm"))),
    }
}

fn rsa_encoding(alg: Alg) -> Result<&'static dyn RsaEncoding, KeyError> {
    match alg.0 {
        Algorithm::RS256 => Ok(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Ok(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Ok(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Ok(&RSA_PSS_SHA256),
        Algorithm::PS384 => Ok(&RSA_PSS_SHA384),
        Algorithm::PS512 => Ok(&RSA_PSS_SHA512),
        _ => Err(KeyError(format!("{alg} is not an RSA algorithm"))),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rsa::{KeyPair, KeySize},
    };

    use super::*;
    use crate::token::Parsed;

    #[test]
    fn an_rsa_key_in_pkcs8_signs_what_its_public_half_verifies() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        for name in ["RS256", "PS512"] {
            let key = SigningKey::from_der(name.parse().unwrap(), der.as_ref()).unwrap();
            let token = key.sign(&Map::new()).unwrap();
            key.verifying().unwrap().check(&Parsed::new(&token).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for (name, text) in [("RS256", "nonsense"), ("EdDSA", "nonsense"), ("HS256", "nonsense")] {
            assert!(SigningKey::from_pem(name.parse().unwrap(), text.as_bytes()).is_err());
        }
    }
}
