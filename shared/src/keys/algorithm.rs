//! The algorithms we sign and verify with (RFC 7518, RFC 8037).

use std::{fmt, str::FromStr};

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One of the supported algorithms, with its `alg` header value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alg(pub(crate) Algorithm, &'static str);

impl Alg {
    /// Ed25519, the default.
    pub const EDDSA: Self = Self(Algorithm::EdDSA, "EdDSA");
    /// What refresh tokens are `MACed` with under managed keys.
    pub const HS256: Self = Self(Algorithm::HS256, "HS256");

    const ALL: [Self; 12] = [
        Self::EDDSA,
        Self::HS256,
        Self(Algorithm::HS384, "HS384"),
        Self(Algorithm::HS512, "HS512"),
        Self(Algorithm::RS256, "RS256"),
        Self(Algorithm::RS384, "RS384"),
        Self(Algorithm::RS512, "RS512"),
        Self(Algorithm::PS256, "PS256"),
        Self(Algorithm::PS384, "PS384"),
        Self(Algorithm::PS512, "PS512"),
        Self(Algorithm::ES256, "ES256"),
        Self(Algorithm::ES384, "ES384"),
    ];

    /// The `alg` header value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.1
    }

    /// Whether one secret both signs and verifies.
    #[must_use]
    pub fn is_hmac(self) -> bool {
        self.0.family() == AlgorithmFamily::Hmac
    }
}

impl FromStr for Alg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(found) = Self::ALL.into_iter().find(|alg| alg.name() == text) {
            return Ok(found);
        }
        let names = Self::ALL.map(Self::name).join(", ");
        match text {
            "ES512" | "ES521" | "ES256K" => Err(format!("{text} is not supported; choose one of {names}")),
            _ => Err(format!("`{text}` is not an algorithm; choose one of {names}")),
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Alg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Alg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
