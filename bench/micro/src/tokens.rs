//! Keys, tokens and verifiers.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use shared::{
    Clock, Verifier,
    config::Variables,
    issuer::KeySource,
    keys::{Alg, KeySet, SigningKey},
    random,
    revocation::Revocations,
    verifier::{DEFAULT_ISSUER, VerifierSettings},
};

/// An Ed25519 key, for us and for the bare library.
#[derive(Debug)]
pub struct Key {
    pair: Ed25519KeyPair,
    /// As the auth service signs with it.
    pub signing: SigningKey,
}

impl Default for Key {
    fn default() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let signing = SigningKey::from_der(Alg::EDDSA, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        Self { pair, signing }
    }
}

impl Key {
    /// An access token of a session of its own.
    #[must_use]
    pub fn token(&self) -> String {
        self.signing.sign(&access_claims()).unwrap()
    }

    /// So many of them.
    #[must_use]
    pub fn tokens(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.token()).collect()
    }

    /// The bare signature check of a token: what cannot be avoided when it is seen first.
    #[must_use]
    pub fn raw_check(&self, token: &str) -> RawCheck {
        let (message, signature) = token.rsplit_once('.').unwrap();
        RawCheck {
            key: UnparsedPublicKey::new(&ED25519, self.pair.public_key().as_ref().to_vec()),
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
        }
    }

    /// A verifier that remembers so many tokens.
    #[must_use]
    pub fn verifier(&self, remembered: usize, revocations: Revocations) -> Verifier {
        let remembered = [("AUTH_TOKEN_CACHE".to_owned(), remembered.to_string())];
        let variables = Variables::from_pairs(remembered);
        let rules = VerifierSettings::read(&variables).unwrap().rules().unwrap();
        let keys =
            HashMap::from([(self.signing.kid().unwrap().to_owned(), self.signing.verifying().unwrap())]);
        let keys = KeySource::Local(Arc::new(ArcSwap::from_pointee(KeySet::Published(keys))));
        Verifier::new(keys, revocations, Arc::new(rules), Clock::System)
    }
}

/// A signature, its message and its key.
#[derive(Debug)]
pub struct RawCheck {
    key: UnparsedPublicKey<Vec<u8>>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl RawCheck {
    /// Checks it.
    pub fn run(&self) {
        self.key.verify(&self.message, &self.signature).unwrap();
    }
}

/// What an access token says, in the order in which the auth service says it.
#[must_use]
pub fn access_claims() -> Map<String, Value> {
    let now = Clock::System.now();
    let user = random::uuid_v7(now).to_string();
    let claims = json!({
        "token_type": "access", "exp": now.as_secs() + 36_000, "iat": now.as_secs(), "jti": random::hex32(),
        "user_id": user, "iss": DEFAULT_ISSUER, "sub": user, "sid": random::uuid_v7(now).to_string(),
    });
    claims.as_object().unwrap().clone()
}

/// What one says that speaks for an organization with so many permissions.
#[must_use]
pub fn scoped_claims(permissions: usize) -> Map<String, Value> {
    let mut claims = access_claims();
    let permissions: Vec<String> = (0..permissions).map(super::policies::permission).collect();
    claims.insert("org_id".into(), json!(random::uuid_v7(Clock::System.now()).to_string()));
    claims.insert("org_role".into(), json!("clerk"));
    claims.insert("permissions".into(), json!(permissions));
    claims.insert("mv".into(), json!(7));
    claims
}
