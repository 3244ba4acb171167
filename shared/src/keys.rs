//! Keys: what signs, what verifies, and which of them a token's `kid` means.

mod algorithm;
mod set;
mod signing;
mod verifying;

pub use algorithm::Alg;
pub use set::{Found, KeySet};
pub use signing::SigningKey;
pub(crate) use verifying::Fingerprint;
pub use verifying::VerifyingKey;

/// A key that cannot be used. The message is one line and shows no key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub String);
