//! The settings that every validator reads, under SimpleJWT's names behind `AUTH_`.

mod clashes;
mod cookies;
mod defaults;
#[cfg(test)]
mod tests;

use std::time::Duration;

use actix_web::http::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    claims::ClaimNames,
    config::{
        ConfigError, Listing, Setting, Source, Variables,
        values::{List, OrNone, Span, Switch},
    },
    keys::{Alg, KeySet, SigningKey, VerifyingKey},
    token::{Leeway, TokenKind},
};

use super::{Rules, cache::MOST_TOKENS};
use clashes::refuse_clashes;
use cookies::CookieSettings;

/// The `iss` of our tokens unless `AUTH_ISSUER` says otherwise. It is a name that both sides must
/// agree on, not an address that is called.
pub const DEFAULT_ISSUER: &str = "http://localhost:8000";

/// What the auth service alone reads. Its tests hold this list to its settings.
pub const AUTH_SERVICE: [&str; 23] = [
    "AUTH_LISTEN",
    "AUTH_MANAGEMENT_LISTEN",
    "AUTH_DATABASE_URL",
    "AUTH_DATABASE_CONNECTIONS",
    "AUTH_DATABASE_WAITING",
    "AUTH_ORG_URL",
    "AUTH_KEY_ENCRYPTION_KEY",
    "AUTH_KEY_ROTATION",
    "AUTH_KEY_PUBLISH_AHEAD",
    "AUTH_ACCESS_TOKEN_LIFETIME",
    "AUTH_REFRESH_TOKEN_LIFETIME",
    "AUTH_ROTATE_REFRESH_TOKENS",
    "AUTH_BLACKLIST_AFTER_ROTATION",
    "AUTH_UPDATE_LAST_LOGIN",
    "AUTH_USER_ID_FIELD",
    "AUTH_SLIDING_TOKEN_LIFETIME",
    "AUTH_SLIDING_TOKEN_REFRESH_LIFETIME",
    "AUTH_REFRESH_GRACE",
    "AUTH_SESSION_LIFETIME",
    "AUTH_TOKEN_BLACKLIST",
    "AUTH_AUTHENTICATION_BACKENDS",
    "AUTH_HASH_THREADS",
    "AUTH_HASH_QUEUE",
];

/// `AUTH_*` as a validator reads it. Each field is a setting of SimpleJWT 5.5.1 unless it says
/// otherwise; unset means the default.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct VerifierSettings {
    #[serde(default = "defaults::issuer")]
    issuer: OrNone<String>,
    #[serde(default = "defaults::none")]
    audience: OrNone<List>,
    #[serde(default = "defaults::algorithm")]
    algorithm: Alg,
    /// Unset: keys are managed, or come from the issuer.
    signing_key: Option<OrNone<Secret<String>>>,
    /// Unset: derived from the signing key.
    verifying_key: Option<OrNone<String>>,
    #[serde(default = "defaults::none")]
    jwk_url: OrNone<String>,
    /// Unset: 0 for `exp`, 10 seconds for `iat` and `nbf`.
    leeway: Option<Span>,
    #[serde(default = "defaults::auth_header_types")]
    auth_header_types: List,
    #[serde(default = "defaults::auth_header_name")]
    auth_header_name: String,
    #[serde(default = "defaults::auth_token_classes")]
    auth_token_classes: List,
    #[serde(default = "defaults::user_id_claim")]
    user_id_claim: String,
    #[serde(default = "defaults::token_type_claim")]
    token_type_claim: OrNone<String>,
    #[serde(default = "defaults::jti_claim")]
    jti_claim: OrNone<String>,
    #[serde(default = "defaults::refresh_exp_claim")]
    sliding_token_refresh_exp_claim: String,
    #[serde(default = "defaults::on")]
    check_user_is_active: Switch,
    #[serde(default = "defaults::off")]
    check_revoke_token: Switch,
    #[serde(default = "defaults::revoke_token_claim")]
    revoke_token_claim: String,
    /// Ours: how long an unknown `kid` is answered from memory before the JWKS is fetched again.
    #[serde(default = "defaults::jwks_cooldown")]
    jwks_cooldown: Span,
    /// Ours: how long keys are trusted after the last successful fetch.
    #[serde(default = "defaults::jwks_max_stale")]
    jwks_max_stale: Span,
    /// Ours: how many verified tokens are remembered, so that each is verified once; 0: none.
    #[serde(default = "defaults::token_cache")]
    token_cache: usize,
    /// Read beside, for the length of this file.
    #[serde(skip)]
    cookies: CookieSettings,
}

impl VerifierSettings {
    /// Reads `AUTH_*`. A name that neither validators nor the auth service know is refused: a
    /// mistyped `AUTH_AUDIENCE` must not switch off the check.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let cookies = variables.read("AUTH_")?;
        let settings = Self { cookies, ..variables.read("AUTH_")? };
        let others = AUTH_SERVICE.map(|name| Setting {
            name: name.to_owned(),
            value: serde_json::Value::Null,
            source: Source::Default,
        });
        variables.refuse_unknown("AUTH_", &[settings.listing(variables), Listing(others.into())])?;
        Ok(settings)
    }

    /// Lists the settings for `config`.
    #[must_use]
    pub fn listing(&self, variables: &Variables) -> Listing {
        let cookies = Listing::of("AUTH_", &self.cookies, variables);
        Listing([Listing::of("AUTH_", self, variables).0, cookies.0].concat())
    }

    /// The explicit private or shared key: `None` unset, `Some(None)` the literal `none`.
    #[must_use]
    pub fn signing_key(&self) -> Option<Option<&str>> {
        self.signing_key.as_ref().map(|key| key.as_option().map(|secret| secret.expose().as_str()))
    }

    /// Checks the settings and everything that follows from several together.
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        Ok(Rules {
            names: self.names()?,
            issuer: self.issuer.as_option().cloned(),
            audience: self.audience.as_option().map_or_else(Vec::new, |list| list.0.clone()),
            header_types: self.auth_header_types.0.clone(),
            header_name: self.header_name()?,
            token_kinds: self.token_kinds()?,
            cookies: self.cookies.rules()?,
            algorithm: self.algorithm,
            fixed_keys: self.fixed_keys(self.algorithm)?,
            jwk_url: self.jwk_url(self.algorithm)?,
            check_user_is_active: self.check_user_is_active.0,
            check_revoke_token: self.check_revoke_token.0,
            jwks_cooldown: self.jwks_cooldown.0,
            jwks_max_stale: self.jwks_max_stale.0,
            token_cache: self.token_cache()?,
            leeway: Leeway {
                expiry: self.leeway.map_or(Duration::ZERO, |s| s.0),
                not_before: self.leeway.map_or(Duration::from_secs(10), |s| s.0),
            },
        })
    }

    fn names(&self) -> Result<ClaimNames, ConfigError> {
        let required = |variable: &str, claim: &OrNone<String>, why: &str| match claim {
            OrNone::Some(claim) => Ok(claim.clone()),
            OrNone::None => Err(ConfigError::new(variable, why)),
        };
        let names = ClaimNames {
            user_id: self.user_id_claim.clone(),
            token_type: required(
                "AUTH_TOKEN_TYPE_CLAIM",
                &self.token_type_claim,
                "cannot be none: refresh tokens would open the API and access tokens refresh themselves",
            )?,
            jti: required(
                "AUTH_JTI_CLAIM",
                &self.jti_claim,
                "cannot be none: tokens without an id cannot be revoked",
            )?,
            refresh_exp: self.sliding_token_refresh_exp_claim.clone(),
            revoke: self.revoke_token_claim.clone(),
        };
        refuse_clashes(&names)?;
        Ok(names)
    }

    fn token_cache(&self) -> Result<usize, ConfigError> {
        if self.token_cache > MOST_TOKENS {
            let complaint = format!("at most {MOST_TOKENS} tokens are remembered");
            return Err(ConfigError::new("AUTH_TOKEN_CACHE", &complaint));
        }
        Ok(self.token_cache)
    }

    fn header_name(&self) -> Result<HeaderName, ConfigError> {
        header_name(&self.auth_header_name)
            .ok_or_else(|| ConfigError::new("AUTH_AUTH_HEADER_NAME", "not a header name"))
    }

    fn token_kinds(&self) -> Result<Vec<TokenKind>, ConfigError> {
        let kind = |class: &String| match class.rsplit('.').next() {
            Some("AccessToken") => Ok(TokenKind::Access),
            Some("SlidingToken") => Ok(TokenKind::Sliding),
            Some("RefreshToken") => Ok(TokenKind::Refresh),
            Some("UntypedToken") => Ok(TokenKind::Untyped),
            _ => {
                let complaint = format!("`{class}` is not a token class");
                Err(ConfigError::new("AUTH_AUTH_TOKEN_CLASSES", &complaint))
            }
        };
        self.auth_token_classes.0.iter().map(kind).collect()
    }

    fn fixed_keys(&self, algorithm: Alg) -> Result<Option<KeySet>, ConfigError> {
        let complain =
            |name: &'static str| move |e: crate::keys::KeyError| ConfigError::new(name, &e.to_string());
        if algorithm.is_hmac() {
            return match self.signing_key() {
                Some(Some(secret)) => VerifyingKey::hmac(algorithm, secret.as_bytes())
                    .map(|key| Some(KeySet::Fixed(Box::new(key))))
                    .map_err(complain("AUTH_SIGNING_KEY")),
                _ => Err(ConfigError::new(
                    "AUTH_SIGNING_KEY",
                    &format!(
                        "must be set with AUTH_ALGORITHM={algorithm}: a shared secret is never published"
                    ),
                )),
            };
        }
        let key = match (&self.verifying_key, self.signing_key()) {
            (Some(OrNone::Some(pem)), _) => VerifyingKey::from_pem(algorithm, pem_lines(pem).as_bytes())
                .map_err(complain("AUTH_VERIFYING_KEY"))?,
            (Some(OrNone::None), Some(Some(_))) => {
                let why = "cannot be none when AUTH_SIGNING_KEY is set: no token could be verified";
                return Err(ConfigError::new("AUTH_VERIFYING_KEY", why));
            }
            (None, Some(Some(pem))) => SigningKey::from_pem(algorithm, pem_lines(pem).as_bytes())
                .and_then(|key| key.verifying())
                .map_err(complain("AUTH_SIGNING_KEY"))?,
            _ => return Ok(None),
        };
        Ok(Some(KeySet::Fixed(Box::new(key))))
    }

    fn jwk_url(&self, algorithm: Alg) -> Result<Option<url::Url>, ConfigError> {
        let Some(text) = self.jwk_url.as_option() else { return Ok(None) };
        let bad = |why: &str| Err(ConfigError::new("AUTH_JWK_URL", why));
        if algorithm.is_hmac() {
            return bad("contradicts AUTH_ALGORITHM: shared secrets are never taken from a JWKS");
        }
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            _ => bad("not an http:// or https:// URL"),
        }
    }
}

/// `HTTP_X_ACCESS_TOKEN`, as WSGI names headers, or the plain `X-Access-Token`.
fn header_name(name: &str) -> Option<HeaderName> {
    let plain = name.strip_prefix("HTTP_").unwrap_or(name).replace('_', "-").to_ascii_lowercase();
    HeaderName::try_from(plain).ok()
}

/// A PEM text in one line, with `\n` spelled out, as environment files need it.
#[must_use]
pub fn pem_lines(pem: &str) -> String {
    pem.replace("\\n", "\n")
}
