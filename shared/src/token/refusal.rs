//! Why a token is refused: precisely for operators, vaguely for clients.

use super::TokenKind;
use crate::revocation::Kind;

/// Why a token is refused. `Display` is precise and for operators (`token verify`); clients get
/// [`Refusal::message`], one of SimpleJWT's texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is not a compact JWS.
    #[error("not a JWT: {0}")]
    Malformed(&'static str),
    /// A member stands twice in the header or the payload.
    #[error("the member `{0}` stands twice")]
    Duplicate(String),
    /// The header names no key, and the issuer has several.
    #[error("the header has no `kid`")]
    NoKeyId,
    /// No key of the issuer has this id.
    #[error("no key of the issuer has the kid `{0}`")]
    UnknownKey(String),
    /// The header's `alg` is not the one pinned to the key.
    #[error("the header says alg `{found}`, the key is pinned to {expected}")]
    Algorithm {
        /// What the token says.
        found: String,
        /// What the key is for.
        expected: &'static str,
    },
    /// The signature does not match.
    #[error("the signature does not match")]
    Signature,
    /// `exp` has passed.
    #[error("expired: exp {exp} is not after {now}")]
    Expired {
        /// The claim, seconds since the epoch.
        exp: i64,
        /// The verifier's time less the leeway.
        now: i64,
    },
    /// `iat` or `nbf` lies in the future.
    #[error("not valid yet: {claim} lies in the future")]
    NotYetValid {
        /// Which of the two.
        claim: &'static str,
    },
    /// A claim has the wrong type or value.
    #[error("the claim `{claim}` {complaint}")]
    Claim {
        /// Its name.
        claim: String,
        /// What is wrong with it.
        complaint: &'static str,
    },
    /// A claim that must be there is missing.
    #[error("the claim `{0}` is missing")]
    Missing(String),
    /// A second expiry, such as `refresh_exp`, has passed.
    #[error("the claim `{0}` has passed")]
    Passed(String),
    /// No `jti`.
    #[error("the token has no id")]
    NoId,
    /// No token type.
    #[error("the token has no type")]
    NoType,
    /// Another token type.
    #[error("the token is of type `{found}`, not `{}`", expected.name())]
    WrongType {
        /// What the token says.
        found: String,
        /// What was needed.
        expected: TokenKind,
    },
    /// The session has ended.
    #[error("the session has ended: {0}")]
    Ended(&'static str),
    /// The revocation feed refuses it.
    #[error("revoked, by an entry for its {0}")]
    Revoked(Kind),
    /// The keys are not known, or too old to trust.
    #[error("the issuer's keys cannot be had")]
    KeysUnavailable,
    /// The revocation feed has not been heard of for too long.
    #[error("what has been revoked is not known")]
    RevocationUnknown,
}

impl Refusal {
    /// Whether the token could not be judged at all: not its holder's fault, so answered 503.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::RevocationUnknown)
    }

    /// What clients are told: SimpleJWT's text.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Expired { .. } => "Token is expired".into(),
            Self::Missing(claim) => format!("Token has no '{claim}' claim"),
            Self::Passed(claim) => format!("Token '{claim}' claim has expired"),
            Self::NoId => "Token has no id".into(),
            Self::NoType => "Token has no type".into(),
            Self::WrongType { .. } => "Token has wrong type".into(),
            Self::Ended(_) | Self::Revoked(_) => "Token is blacklisted".into(),
            _ => "Token is invalid".into(),
        }
    }
}
