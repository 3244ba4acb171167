//! Making tokens by hand, with keys of one's own or the service's.

use anyhow::Context as _;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value};

/// The key of a stack that [`crate::world::World::with_known_key`] starts.
pub(crate) const GENUINE: &str = include_str!("../../golden/keys/ed25519.pem");
pub(crate) const GENUINE_PUBLIC: &str = include_str!("../../golden/keys/ed25519.pub.pem");
/// A key that no service knows.
pub(crate) const FOREIGN: &str = include_str!("../../golden/keys/ed25519_other.pem");
pub(crate) const RSA: &str = include_str!("../../golden/keys/rsa.pem");
pub(crate) const RSA_PUBLIC: &str = include_str!("../../golden/keys/rsa.pub.pem");

/// Stands in forged headers and claims; no answer may show it.
pub(crate) const MARK: &str = "mark-5d1c9a";

/// A label for the report, and a token.
pub(crate) type Forged = (String, String);

/// Something to sign with.
pub(crate) struct Key(Algorithm, EncodingKey);

impl Key {
    pub(crate) fn ed25519(pem: &str) -> anyhow::Result<Self> {
        Ok(Self(Algorithm::EdDSA, EncodingKey::from_ed_pem(pem.as_bytes())?))
    }

    pub(crate) fn hmac(algorithm: Algorithm, secret: &[u8]) -> Self {
        Self(algorithm, EncodingKey::from_secret(secret))
    }

    /// `message.signature`
    pub(crate) fn sign(&self, message: &str) -> anyhow::Result<String> {
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.1, self.0)?;
        Ok(format!("{message}.{signature}"))
    }
}

/// A token taken apart, to be put together otherwise.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// As it stood in the text.
    pub(crate) signature: String,
}

impl Parts {
    pub(crate) fn of(token: &str) -> anyhow::Result<Self> {
        let [header, payload, signature] = segments(token)?;
        let object = |segment: &str| -> anyhow::Result<Map<String, Value>> {
            Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment)?)?)
        };
        Ok(Self { header: object(header)?, claims: object(payload)?, signature: signature.to_owned() })
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.shift_remove(name);
        self
    }

    #[must_use]
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.shift_remove(name);
        self
    }

    pub(crate) fn header_text(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    pub(crate) fn claims_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    fn message(&self) -> String {
        format!("{}.{}", encode(self.header_text()), encode(self.claims_text()))
    }

    pub(crate) fn signed_by(&self, key: &Key) -> anyhow::Result<String> {
        key.sign(&self.message())
    }

    /// Whatever was changed, with this signature.
    pub(crate) fn with_signature(&self, signature: &str) -> String {
        format!("{}.{signature}", self.message())
    }
}

pub(crate) fn segments(token: &str) -> anyhow::Result<[&str; 3]> {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().ok().context("a token has three segments")
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token of these texts, whatever they are.
pub(crate) fn raw(key: &Key, header: &str, claims: &str) -> anyhow::Result<String> {
    key.sign(&format!("{}.{}", encode(header), encode(claims)))
}

/// The bytes inside a PEM text.
pub(crate) fn der(pem: &str) -> anyhow::Result<Vec<u8>> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(base64::engine::general_purpose::STANDARD.decode(body)?)
}
