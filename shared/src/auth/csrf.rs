//! Cross-site request forgery: what an unsafe request by cookie must prove.
//!
//! Cookies come along whoever made the request, so it must show that a page of ours made it: its
//! `Origin` is ours or trusted, a header repeats the CSRF cookie, and the token is bound to just that
//! cookie by the digest in its `csrf` claim. So a cookie that somebody else has planted is of no use,
//! and no service needs to ask anybody. The checks, their order and words are Django's.

use std::str::FromStr;

use actix_web::http::{
    Method, StatusCode,
    header::{self, HeaderName},
};
use aws_lc_rs::{constant_time, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::cookies::CookieJar;
use crate::{Problem, http::origin::Origin, random};

/// A new value for the CSRF cookie.
#[must_use]
pub fn new_value() -> String {
    random::hex32()
}

/// The `csrf` claim that binds a token to this value of the cookie: SHA-256, base64url without
/// padding.
#[must_use]
pub fn digest_of(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, value.as_bytes()))
}

/// Whether a method may change something (RFC 9110, section 9.2.1).
#[must_use]
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Why a request is taken for forged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forgery {
    /// `Origin` is neither ours nor trusted; so is `null`.
    #[error("Origin checking failed - {0} does not match any trusted origins.")]
    Origin(String),
    /// No `Origin`, but the browser says that another site made the request.
    #[error("Origin checking failed - the request was made by another site.")]
    Site,
    /// Over HTTPS, neither `Origin` nor `Referer`.
    #[error("Referer checking failed - no Referer.")]
    NoReferer,
    /// `Referer` is no address.
    #[error("Referer checking failed - Referer is malformed.")]
    BadReferer,
    /// A page that came over plain HTTP.
    #[error("Referer checking failed - Referer is insecure while host is secure.")]
    InsecureReferer,
    /// `Referer` is neither ours nor trusted.
    #[error("Referer checking failed - {0} does not match any trusted origins.")]
    Referer(String),
    /// No CSRF cookie, or several.
    #[error("CSRF cookie not set.")]
    NoCookie,
    /// The cookie has not the form of ours.
    #[error("CSRF cookie {0}.")]
    BadCookie(&'static str),
    /// No header.
    #[error("CSRF token missing.")]
    NoToken,
    /// The header is not the cookie.
    #[error("CSRF token from the '{header}' HTTP header {complaint}.")]
    BadToken {
        /// Its name as Django writes it.
        header: String,
        /// What is wrong.
        complaint: &'static str,
    },
    /// The token is bound to another cookie.
    #[error("CSRF cookie does not belong to the session.")]
    Unbound,
}

impl From<Forgery> for Problem {
    fn from(forgery: Forgery) -> Self {
        tracing::debug!(reason = %forgery, "a request by cookie was refused");
        Self::new(StatusCode::FORBIDDEN, &format!("CSRF Failed: {forgery}"))
    }
}

impl CookieJar<'_> {
    /// Checks origin, cookie and header; and, for a request with a token, that the token is bound to
    /// the cookie by `claim`.
    pub fn check_csrf(&self, claim: Option<&str>) -> Result<(), Problem> {
        self.check_origin()?;
        let cookie = self.checked_pair()?;
        match claim {
            Some(claim) if !equal(claim, &digest_of(cookie)) => Err(Forgery::Unbound.into()),
            _ => Ok(()),
        }
    }

    /// Checks that a page of ours or of a trusted origin made the request.
    pub fn check_origin(&self) -> Result<(), Problem> {
        let own = self.origin.as_ref().map_err(Clone::clone)?;
        Ok(self.origin_is_ours(own)?)
    }

    fn origin_is_ours(&self, own: &Origin) -> Result<(), Forgery> {
        let sent = self.sent(&header::ORIGIN);
        if !sent.is_empty() {
            let sent = sent.join(", ");
            return if self.is_trusted(own, &sent) { Ok(()) } else { Err(Forgery::Origin(sent)) };
        }
        // Only browsers say it, and pages cannot; one of another origin would have sent `Origin`.
        let site = self.sent(&HeaderName::from_static("sec-fetch-site"));
        if site.iter().any(|site| matches!(site.as_str(), "cross-site" | "same-site")) {
            return Err(Forgery::Site);
        }
        if own.is_secure() { self.referer_is_ours(own) } else { Ok(()) }
    }

    /// Over HTTPS a browser without `Origin` sends `Referer`; without either, anybody in the network
    /// could have made the request from a page over plain HTTP.
    fn referer_is_ours(&self, own: &Origin) -> Result<(), Forgery> {
        let sent = self.sent(&header::REFERER);
        let referer = sent.first().ok_or(Forgery::NoReferer)?;
        let referer = Url::parse(referer).map_err(|_| Forgery::BadReferer)?;
        if !referer.has_host() {
            return Err(Forgery::BadReferer);
        }
        if referer.scheme() != "https" {
            return Err(Forgery::InsecureReferer);
        }
        let origin = referer.origin().ascii_serialization();
        if self.is_trusted(own, &origin) { Ok(()) } else { Err(Forgery::Referer(origin)) }
    }

    fn is_trusted(&self, own: &Origin, sent: &str) -> bool {
        sent == own.serialized() || self.rules.trusted_origins.iter().any(|trusted| trusted.covers(sent))
    }

    /// The cookie, if the header repeats it.
    fn checked_pair(&self) -> Result<&str, Forgery> {
        let cookie = self.csrf().ok_or(Forgery::NoCookie)?;
        check_form(cookie).map_err(Forgery::BadCookie)?;
        let sent = self.sent(&self.rules.csrf_header);
        let bad = |complaint| Forgery::BadToken { header: title(&self.rules.csrf_header), complaint };
        let token = match sent.as_slice() {
            [] => return Err(Forgery::NoToken),
            [token] => token,
            _ => return Err(bad("incorrect")),
        };
        check_form(token).map_err(bad)?;
        if equal(token, cookie) { Ok(cookie) } else { Err(bad("incorrect")) }
    }

    fn sent(&self, name: &HeaderName) -> Vec<String> {
        let values = self.request.headers().get_all(name);
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }
}

/// Whether a cookie's value has the form of [`new_value`].
#[must_use]
pub fn is_well_formed(value: &str) -> bool {
    check_form(value).is_ok()
}

/// The form of [`new_value`], and of Django's secrets.
fn check_form(value: &str) -> Result<(), &'static str> {
    if value.len() != 32 {
        return Err("has incorrect length");
    }
    if value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err("has invalid characters")
    }
}

fn equal(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// `x-csrftoken` as Django shows it: `X-Csrftoken`.
fn title(name: &HeaderName) -> String {
    let capital = |part: &str| {
        let mut rest = part.chars();
        rest.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + rest.as_str())
    };
    name.as_str().split('-').map(capital).collect::<Vec<_>>().join("-")
}

/// An origin that may send unsafe requests: `https://app.example`, or `https://*.example` for a
/// domain with all its subdomains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedOrigin {
    scheme: String,
    /// Host and port.
    host: String,
    subdomains: bool,
}

impl TrustedOrigin {
    fn covers(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let below = |host: &str| host.strip_suffix(&self.host).is_some_and(|rest| rest.ends_with('.'));
        scheme == self.scheme && (host == self.host || self.subdomains && below(host))
    }
}

impl FromStr for TrustedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complaint = || format!("`{text}` is not an origin such as https://app.example");
        let (scheme, rest) = text.split_once("://").ok_or_else(complaint)?;
        let (rest, subdomains) = rest.strip_prefix("*.").map_or((rest, false), |rest| (rest, true));
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| complaint())?;
        let origin = url.origin().ascii_serialization();
        let bare =
            url.path() == "/" && !rest.ends_with('/') && url.query().is_none() && url.fragment().is_none();
        match origin.split_once("://") {
            Some((scheme @ ("http" | "https"), host))
                if bare && url.username().is_empty() && !host.contains('*') =>
            {
                Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), subdomains })
            }
            _ => Err(complaint()),
        }
    }
}
