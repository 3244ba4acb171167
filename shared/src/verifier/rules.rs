//! [`Rules`]: what a verifier demands, as the settings come out.

use std::time::Duration;

use actix_web::http::header::HeaderName;

use crate::{
    auth::cookies::CookieRules,
    claims::ClaimNames,
    keys::{Alg, KeySet},
    token::{Leeway, TokenKind},
};

/// The settings, checked and in the shape that verification wants.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Claim names.
    pub names: ClaimNames,
    /// `iss` to write and demand; none: neither.
    pub issuer: Option<String>,
    /// `aud` to demand any of; empty: not looked at.
    pub audience: Vec<String>,
    /// Schemes accepted in the header; the first names the challenge.
    pub header_types: Vec<String>,
    /// The header that carries the token.
    pub header_name: HeaderName,
    /// Kinds accepted on API requests, in order.
    pub token_kinds: Vec<TokenKind>,
    /// Names and attributes of session cookies, and whose pages may use them.
    pub cookies: CookieRules,
    /// The algorithm of the settings, the default included.
    pub algorithm: Alg,
    /// Keys from the settings, if they name any.
    pub fixed_keys: Option<KeySet>,
    /// A JWKS to take keys from instead of the issuer's.
    pub jwk_url: Option<url::Url>,
    /// Whether inactive users are refused where the user is looked at.
    pub check_user_is_active: bool,
    /// Whether tokens carry a fingerprint of the password that is compared.
    pub check_revoke_token: bool,
    /// See [`VerifierSettings`](super::VerifierSettings).
    pub jwks_cooldown: Duration,
    /// See [`VerifierSettings`](super::VerifierSettings).
    pub jwks_max_stale: Duration,
    /// How many verified tokens are remembered; 0: none.
    pub token_cache: usize,
    pub(crate) leeway: Leeway,
}

impl Rules {
    /// The leeway on `exp` and `refresh_exp`.
    #[must_use]
    pub const fn expiry_leeway(&self) -> Duration {
        self.leeway.expiry
    }
}
