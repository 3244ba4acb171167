//! The settings of session cookies, in Django's words where it has them.

use std::str::FromStr;

use actix_web::http::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::{
    auth::{
        cookies::{CookieName, CookieRules, SameSite},
        csrf::TrustedOrigin,
    },
    config::{
        ConfigError,
        values::{List, OrNone},
    },
};

/// `AUTH_*` that concern cookies; unset means the default.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct CookieSettings {
    /// Unset: `__Host-access`, and `access` over plain HTTP to one's own machine.
    session_cookie_name: Option<String>,
    /// Unset: `__Secure-refresh`, likewise.
    refresh_cookie_name: Option<String>,
    /// Unset: `__Host-csrf`, likewise.
    csrf_cookie_name: Option<String>,
    /// `lax` unless set, or `strict`.
    session_cookie_samesite: Option<String>,
    /// `X-CSRFToken` unless set.
    csrf_header_name: Option<String>,
    /// None unless set.
    csrf_trusted_origins: Option<OrNone<List>>,
}

const SESSION: &str = "AUTH_SESSION_COOKIE_NAME";
const REFRESH: &str = "AUTH_REFRESH_COOKIE_NAME";
const CSRF: &str = "AUTH_CSRF_COOKIE_NAME";

impl CookieSettings {
    /// Checks the settings.
    pub(super) fn rules(&self) -> Result<CookieRules, ConfigError> {
        let rules = CookieRules {
            access: name(SESSION, self.session_cookie_name.as_deref(), ("__Host-", "access"))?,
            refresh: name(REFRESH, self.refresh_cookie_name.as_deref(), ("__Secure-", "refresh"))?,
            csrf: name(CSRF, self.csrf_cookie_name.as_deref(), ("__Host-", "csrf"))?,
            csrf_header: self.csrf_header()?,
            trusted_origins: self.trusted_origins()?,
            same_site: self.same_site()?,
        };
        if rules.refresh.as_str().to_ascii_lowercase().starts_with("__host-") {
            let why = "cannot begin with __Host-: such cookies are sent to every path, this one must not be";
            return Err(ConfigError::new(REFRESH, why));
        }
        let given = [(SESSION, &rules.access), (REFRESH, &rules.refresh), (CSRF, &rules.csrf)];
        for (i, (variable, name)) in given.iter().enumerate() {
            if let Some((other, _)) = given.iter().take(i).find(|(_, taken)| taken.collides(name)) {
                return Err(ConfigError::new(variable, &format!("is the name of {other} already")));
            }
        }
        Ok(rules)
    }

    fn csrf_header(&self) -> Result<HeaderName, ConfigError> {
        let name = self.csrf_header_name.as_deref().unwrap_or("X-CSRFToken");
        super::header_name(name).ok_or_else(|| ConfigError::new("AUTH_CSRF_HEADER_NAME", "not a header name"))
    }

    fn trusted_origins(&self) -> Result<Vec<TrustedOrigin>, ConfigError> {
        let origins = self.csrf_trusted_origins.as_ref().and_then(OrNone::as_option);
        let origins = origins.iter().flat_map(|list| &list.0).map(|text| TrustedOrigin::from_str(text));
        origins
            .collect::<Result<_, _>>()
            .map_err(|complaint| ConfigError::new("AUTH_CSRF_TRUSTED_ORIGINS", &complaint))
    }

    fn same_site(&self) -> Result<SameSite, ConfigError> {
        match self.session_cookie_samesite.as_deref().unwrap_or("lax").to_ascii_lowercase().as_str() {
            "lax" => Ok(SameSite::Lax),
            "strict" => Ok(SameSite::Strict),
            _ => Err(ConfigError::new("AUTH_SESSION_COOKIE_SAMESITE", "expected lax or strict")),
        }
    }
}

/// A name as it is set, which must be a token (RFC 9110, section 5.6.2), or the default.
fn name(variable: &str, set: Option<&str>, default: (&str, &str)) -> Result<CookieName, ConfigError> {
    let Some(set) = set else { return Ok(CookieName::prefixed(default.0, default.1)) };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if set.len() > 64 || !set.bytes().all(is_token) {
        return Err(ConfigError::new(variable, "not a cookie name of up to 64 characters"));
    }
    Ok(CookieName::as_it_stands(set.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Variables;

    fn read(pairs: &[(&str, &str)]) -> Result<CookieRules, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: CookieSettings = Variables::from_pairs(pairs).read("AUTH_").unwrap();
        settings.rules().map_err(|error| error.to_string())
    }

    #[test]
    fn names_have_prefixes_unless_they_are_set() {
        let rules = read(&[]).unwrap();
        assert_eq!(rules.access, CookieName::prefixed("__Host-", "access"));
        assert_eq!(rules.csrf_header, "x-csrftoken");
        let rules = read(&[(SESSION, "sessionid"), ("AUTH_CSRF_HEADER_NAME", "HTTP_X_XSRF")]).unwrap();
        assert_eq!(rules.access, CookieName::as_it_stands("sessionid".into()));
        assert_eq!(rules.csrf_header, "x-xsrf");
    }

    #[test]
    fn what_cannot_work_or_cannot_be_safe_stops_the_start() {
        for pairs in [
            &[(SESSION, "a b")][..],
            &[(SESSION, "a=b")],
            &[(REFRESH, "__Host-refresh")],
            &[(SESSION, "same"), (CSRF, "same")],
            &[(CSRF, "access")],
            &[("AUTH_SESSION_COOKIE_SAMESITE", "none")],
            &[("AUTH_CSRF_HEADER_NAME", "a b")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "app.example")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "https://app.example/")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "https://app.example/path")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "https://*")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "null")],
            &[("AUTH_CSRF_TRUSTED_ORIGINS", "ftp://app.example")],
        ] {
            let error = read(pairs).unwrap_err();
            assert!(error.starts_with(pairs[pairs.len() - 1].0), "{error}");
        }
    }
}
