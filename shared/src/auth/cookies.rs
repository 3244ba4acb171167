//! The cookies of a session: their names, how they are read, and how they are set.
//!
//! The access token travels as `__Host-access`, which no other host can set; the refresh token as
//! `__Secure-refresh`, which only the token endpoints are sent; both out of the reach of scripts. The
//! CSRF cookie is for scripts to read. The prefixes need HTTPS, so without it there are plain names,
//! which count on nobody's host but one's own machine.

use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};

use super::csrf::TrustedOrigin;
use crate::{
    Problem,
    http::origin::{Origin, TrustedProxies},
};

/// Browsers keep no cookie whose name and value are longer than this together (RFC 6265bis,
/// section 5.6).
const LONGEST: usize = 4096;

/// Names, attributes and whom to trust, as the settings come out.
#[derive(Debug, Clone)]
pub struct CookieRules {
    /// The access token's cookie.
    pub access: CookieName,
    /// The refresh token's cookie.
    pub refresh: CookieName,
    /// The CSRF cookie.
    pub csrf: CookieName,
    /// The header that repeats the CSRF cookie.
    pub csrf_header: HeaderName,
    /// Origins besides its own that may send unsafe requests.
    pub trusted_origins: Vec<TrustedOrigin>,
    /// When browsers send the access token to us from pages of other sites.
    pub same_site: SameSite,
}

/// `SameSite`. There is no `None`: a page of another site could not read the CSRF cookie anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// When a link is followed.
    Lax,
    /// Never.
    Strict,
}

/// The name of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName {
    /// The name that counts everywhere.
    name: String,
    /// The name that counts besides over plain HTTP on one's own machine.
    plain: Option<String>,
}

impl CookieName {
    /// A name with its prefix, without which it counts on one's own machine.
    #[must_use]
    pub fn prefixed(prefix: &str, plain: &str) -> Self {
        Self { name: format!("{prefix}{plain}"), plain: Some(plain.to_owned()) }
    }

    /// A name that is used as it stands.
    #[must_use]
    pub const fn as_it_stands(name: String) -> Self {
        Self { name, plain: None }
    }

    /// The name that counts everywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether some request could not tell two cookies apart.
    #[must_use]
    pub fn collides(&self, other: &Self) -> bool {
        let names = |name: &Self| [Some(name.name.clone()), name.plain.clone()].into_iter().flatten();
        names(self).any(|one| names(other).any(|two| one == two))
    }

    /// Whether browsers take the cookie only with `Secure`, because of its prefix.
    fn demands_secure(name: &str) -> bool {
        ["__host-", "__secure-"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix))
    }
}

/// The session cookies of one request, and how to answer it with others.
#[derive(Debug)]
pub struct CookieJar<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) rules: &'a CookieRules,
    pub(super) origin: Result<Origin, Problem>,
}

/// A token does not fit into a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cookie would be longer than browsers keep")]
pub struct TooLong;

impl<'a> CookieJar<'a> {
    /// Looks at a request by the rules.
    #[must_use]
    pub fn of(request: &'a HttpRequest, rules: &'a CookieRules, proxies: &TrustedProxies) -> Self {
        Self { request, rules, origin: Origin::of(request, proxies) }
    }

    /// The access token.
    #[must_use]
    pub fn access(&self) -> Option<&'a str> {
        self.read(&self.rules.access)
    }

    /// The refresh token.
    #[must_use]
    pub fn refresh(&self) -> Option<&'a str> {
        self.read(&self.rules.refresh)
    }

    /// The CSRF cookie's value.
    #[must_use]
    pub fn csrf(&self) -> Option<&'a str> {
        self.read(&self.rules.csrf)
    }

    /// Refuses a session where its cookies would cross a network in the clear. Browsers would not keep
    /// them either; better to say so than to answer a login that does not last.
    pub fn demand_safe_transport(&self) -> Result<(), Problem> {
        let origin = self.origin.as_ref().map_err(Clone::clone)?;
        if origin.is_secure() || origin.is_plain_loopback() {
            return Ok(());
        }
        let detail = "Session cookies need HTTPS. Over plain HTTP they work on a loopback host only. \
                      (Behind a proxy: is it trusted, and does it send X-Forwarded-Proto?)";
        Err(Problem::new(StatusCode::FORBIDDEN, detail).code("insecure_transport"))
    }

    /// Sets the access token for so many seconds.
    pub fn set_access(&self, token: &str, max_age: i64) -> Result<HeaderValue, TooLong> {
        self.set(self.own(&self.rules.access), token, max_age, &self.access_attributes())
    }

    /// Sets the refresh token for so many seconds.
    pub fn set_refresh(&self, token: &str, max_age: i64) -> Result<HeaderValue, TooLong> {
        self.set(self.own(&self.rules.refresh), token, max_age, REFRESH_ATTRIBUTES)
    }

    /// Sets the CSRF cookie for so many seconds.
    pub fn set_csrf(&self, value: &str, max_age: i64) -> Result<HeaderValue, TooLong> {
        self.set(self.own(&self.rules.csrf), value, max_age, CSRF_ATTRIBUTES)
    }

    /// Takes every cookie back.
    #[must_use]
    pub fn clear(&self) -> Vec<HeaderValue> {
        let rules = self.rules;
        let own = [&rules.access, &rules.refresh, &rules.csrf].map(|name| self.own(name));
        [self.forget(own), self.clear_shadows()].concat()
    }

    /// Takes back what would hide the cookies that this answer sets: with HTTPS on one's own machine a
    /// browser has been given the prefixed ones, and without it sends them still.
    #[must_use]
    pub fn clear_shadows(&self) -> Vec<HeaderValue> {
        let names = [&self.rules.access, &self.rules.refresh, &self.rules.csrf];
        let shadow = |name: &&CookieName| name.plain.is_some() && self.count(&name.name) > 0;
        if self.takes_plain() && names.iter().any(shadow) {
            self.forget(names.map(CookieName::as_str))
        } else {
            Vec::new()
        }
    }

    /// Expires cookies, in the order access, refresh, CSRF.
    fn forget(&self, names: [&str; 3]) -> Vec<HeaderValue> {
        let access = self.access_attributes();
        let attributes = [access.as_str(), REFRESH_ATTRIBUTES, CSRF_ATTRIBUTES];
        let gone = names.into_iter().zip(attributes);
        // A cookie without a value is never too long, and its name was checked at the start.
        gone.filter_map(|(name, attributes)| self.set(name, "", 0, attributes).ok()).collect()
    }

    fn access_attributes(&self) -> String {
        let same_site = match self.rules.same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        format!("Path=/; SameSite={same_site}; HttpOnly")
    }

    fn takes_plain(&self) -> bool {
        self.origin.as_ref().is_ok_and(Origin::is_plain_loopback)
    }

    /// The name under which this answer sets a cookie.
    fn own<'n>(&self, name: &'n CookieName) -> &'n str {
        match &name.plain {
            Some(plain) if self.takes_plain() => plain,
            _ => &name.name,
        }
    }

    fn set(&self, name: &str, value: &str, max_age: i64, attributes: &str) -> Result<HeaderValue, TooLong> {
        if name.len() + value.len() > LONGEST {
            return Err(TooLong);
        }
        let secure = self.origin.as_ref().is_ok_and(Origin::is_secure) || CookieName::demands_secure(name);
        let secure = if secure { "; Secure" } else { "" };
        let max_age = max_age.max(0);
        HeaderValue::from_str(&format!("{name}={value}; Max-Age={max_age}; {attributes}{secure}"))
            .map_err(|_| TooLong)
    }

    /// The prefixed cookie wherever we are, else the plain one where that counts.
    fn read(&self, name: &CookieName) -> Option<&'a str> {
        match &name.plain {
            Some(plain) if self.takes_plain() && self.count(&name.name) == 0 => self.only(plain),
            _ => self.only(&name.name),
        }
    }

    fn count(&self, name: &str) -> usize {
        pairs(self.request).filter(|(found, _)| *found == name).count()
    }

    /// The value of a cookie that was sent once. One of several was set by somebody else, and there
    /// is no telling which.
    fn only(&self, name: &str) -> Option<&'a str> {
        let mut values = pairs(self.request).filter(|(found, _)| *found == name).map(|(_, value)| value);
        let value = values.next().filter(|value| !value.is_empty() && name.len() + value.len() <= LONGEST);
        if values.next().is_some() { None } else { value }
    }
}

/// Only the endpoints under this path need the refresh token, and only pages of ours call them.
const REFRESH_ATTRIBUTES: &str = "Path=/api/v1/user/token/; SameSite=Strict; HttpOnly";

/// Lax whatever the setting says: a `GET` that a link leads to must see the cookie, or it would set
/// another and cut the session off from its own.
const CSRF_ATTRIBUTES: &str = "Path=/; SameSite=Lax";

/// The cookies of a request in their order; HTTP/2 may spread them over several headers.
fn pairs(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let headers = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}
