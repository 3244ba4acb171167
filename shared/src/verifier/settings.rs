//! The settings that every validator reads, under SimpleJWT's names behind `AUTH_`.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    claims::ClaimNames,
    config::{
        ConfigError, Listing, Variables,
        values::{List, OrNone, Span, Switch},
    },
    keys::{Alg, KeySet, SigningKey, VerifyingKey},
    token::{Leeway, TokenKind},
};

/// The `iss` of our tokens unless `AUTH_ISSUER` says otherwise. It is a name that both sides must
/// agree on, not an address that is called.
pub const DEFAULT_ISSUER: &str = "http://localhost:8000";

/// `AUTH_*` as a validator reads it. Each field is a setting of SimpleJWT 5.5.1 unless it says
/// otherwise; unset means the default.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct VerifierSettings {
    issuer: Option<OrNone<String>>,
    audience: Option<OrNone<List>>,
    algorithm: Option<Alg>,
    signing_key: Option<OrNone<Secret<String>>>,
    verifying_key: Option<OrNone<String>>,
    jwk_url: Option<OrNone<String>>,
    leeway: Option<Span>,
    auth_header_types: Option<List>,
    auth_header_name: Option<String>,
    auth_token_classes: Option<List>,
    user_id_claim: Option<String>,
    token_type_claim: Option<OrNone<String>>,
    jti_claim: Option<OrNone<String>>,
    sliding_token_refresh_exp_claim: Option<String>,
    check_user_is_active: Option<Switch>,
    check_revoke_token: Option<Switch>,
    revoke_token_claim: Option<String>,
    /// Ours: how long an unknown `kid` is answered from memory before the JWKS is fetched again.
    jwks_cooldown: Option<Span>,
    /// Ours: how long keys are trusted after the last successful fetch.
    jwks_max_stale: Option<Span>,
}

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
    /// See [`VerifierSettings`].
    pub jwks_cooldown: Duration,
    /// See [`VerifierSettings`].
    pub jwks_max_stale: Duration,
    pub(crate) leeway: Leeway,
}

impl Rules {
    /// The leeway on `exp` and `refresh_exp`.
    #[must_use]
    pub const fn expiry_leeway(&self) -> Duration {
        self.leeway.expiry
    }
}

impl VerifierSettings {
    /// Reads `AUTH_*`.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        variables.read("AUTH_")
    }

    /// Lists the settings for `config`.
    #[must_use]
    pub fn listing(&self, variables: &Variables) -> Listing {
        Listing::of("AUTH_", self, variables)
    }

    /// The explicit private or shared key: `None` unset, `Some(None)` the literal `none`.
    #[must_use]
    pub fn signing_key(&self) -> Option<Option<&str>> {
        self.signing_key.as_ref().map(|key| key.as_option().map(|secret| secret.expose().as_str()))
    }

    /// Checks the settings and everything that follows from several together.
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        let algorithm = self.algorithm.unwrap_or(Alg::EDDSA);
        Ok(Rules {
            names: self.names()?,
            issuer: match &self.issuer {
                None => Some(DEFAULT_ISSUER.to_owned()),
                Some(set) => set.as_option().cloned(),
            },
            audience: self
                .audience
                .as_ref()
                .and_then(OrNone::as_option)
                .map_or_else(Vec::new, |l| l.0.clone()),
            header_types: self
                .auth_header_types
                .as_ref()
                .map_or_else(|| vec!["Bearer".into()], |l| l.0.clone()),
            header_name: self.header_name()?,
            token_kinds: self.token_kinds()?,
            algorithm,
            fixed_keys: self.fixed_keys(algorithm)?,
            jwk_url: self.jwk_url(algorithm)?,
            check_user_is_active: self.check_user_is_active.is_none_or(|s| s.0),
            check_revoke_token: self.check_revoke_token.is_some_and(|s| s.0),
            jwks_cooldown: self.jwks_cooldown.map_or(Duration::from_secs(10), |s| s.0),
            jwks_max_stale: self.jwks_max_stale.map_or(Duration::from_secs(3600), |s| s.0),
            leeway: Leeway {
                expiry: self.leeway.map_or(Duration::ZERO, |s| s.0),
                not_before: self.leeway.map_or(Duration::from_secs(10), |s| s.0),
            },
        })
    }

    fn names(&self) -> Result<ClaimNames, ConfigError> {
        let required = |name: &str, value: &Option<OrNone<String>>, default: String, why: &str| match value {
            None => Ok(default),
            Some(OrNone::Some(claim)) => Ok(claim.clone()),
            Some(OrNone::None) => Err(ConfigError::new(name, why)),
        };
        let default = ClaimNames::default();
        let names = ClaimNames {
            user_id: self.user_id_claim.clone().unwrap_or(default.user_id),
            token_type: required(
                "AUTH_TOKEN_TYPE_CLAIM",
                &self.token_type_claim,
                default.token_type,
                "cannot be none: refresh tokens would open the API and access tokens refresh themselves",
            )?,
            jti: required(
                "AUTH_JTI_CLAIM",
                &self.jti_claim,
                default.jti,
                "cannot be none: tokens without an id cannot be revoked",
            )?,
            refresh_exp: self.sliding_token_refresh_exp_claim.clone().unwrap_or(default.refresh_exp),
            revoke: self.revoke_token_claim.clone().unwrap_or(default.revoke),
        };
        refuse_clashes(&names)?;
        Ok(names)
    }

    /// `HTTP_X_ACCESS_TOKEN`, as WSGI names headers, or the plain `X-Access-Token`.
    fn header_name(&self) -> Result<HeaderName, ConfigError> {
        let Some(name) = &self.auth_header_name else { return Ok(actix_web::http::header::AUTHORIZATION) };
        let plain = name.strip_prefix("HTTP_").unwrap_or(name).replace('_', "-").to_ascii_lowercase();
        HeaderName::try_from(plain)
            .map_err(|_| ConfigError::new("AUTH_AUTH_HEADER_NAME", "not a header name"))
    }

    fn token_kinds(&self) -> Result<Vec<TokenKind>, ConfigError> {
        let Some(classes) = &self.auth_token_classes else { return Ok(vec![TokenKind::Access]) };
        let kind = |class: &String| match class.rsplit('.').next() {
            Some("AccessToken") => Ok(TokenKind::Access),
            Some("SlidingToken") => Ok(TokenKind::Sliding),
            Some("RefreshToken") => Ok(TokenKind::Refresh),
            Some("UntypedToken") => Ok(TokenKind::Untyped),
            _ => Err(ConfigError::new("AUTH_AUTH_TOKEN_CLASSES", &format!("`{class}` is not a token class"))),
        };
        classes.0.iter().map(kind).collect()
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
        let Some(text) = self.jwk_url.as_ref().and_then(OrNone::as_option) else { return Ok(None) };
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

/// A PEM text in one line, with `\n` spelled out, as environment files need it.
#[must_use]
pub fn pem_lines(pem: &str) -> String {
    pem.replace("\\n", "\n")
}

/// Two settings that give one claim two meanings would make tokens that nobody can read.
fn refuse_clashes(names: &ClaimNames) -> Result<(), ConfigError> {
    let given = [
        ("AUTH_USER_ID_CLAIM", &names.user_id),
        ("AUTH_TOKEN_TYPE_CLAIM", &names.token_type),
        ("AUTH_JTI_CLAIM", &names.jti),
        ("AUTH_SLIDING_TOKEN_REFRESH_EXP_CLAIM", &names.refresh_exp),
        ("AUTH_REVOKE_TOKEN_CLAIM", &names.revoke),
    ];
    for (i, (name, claim)) in given.iter().enumerate() {
        let reserved = [
            "exp",
            "iat",
            "nbf",
            "iss",
            "aud",
            "sid",
            "is_superuser",
            "org_id",
            "org_role",
            "permissions",
            "mv",
        ];
        if reserved.contains(&claim.as_str()) {
            return Err(ConfigError::new(name, &format!("`{claim}` has a meaning of its own")));
        }
        if let Some((other, _)) = given.iter().take(i).find(|(_, taken)| taken == claim) {
            return Err(ConfigError::new(name, &format!("`{claim}` is the claim of {other} already")));
        }
    }
    Ok(())
}
