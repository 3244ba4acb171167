//! [`MailUrl`]: `log:`, `memory:`, `smtp://…` or `smtps://…`.
//!
//! | URL | connection |
//! |---|---|
//! | `smtps://user:password@host` | TLS from the first byte, port 465 |
//! | `smtp://user:password@host?tls=required` | STARTTLS or nothing, port 587 |
//! | `smtp://host` | in the clear, port 25: a relay on this machine or in this network |
//! | `smtp://user:password@host?tls=none` | in the clear, password and all, because somebody has said so |
//!
//! A path is the name that we greet with, instead of the sender's domain.

use std::{fmt, str::FromStr};

use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{Error, SUBMISSION_PORT, SUBMISSIONS_PORT, client::Tls, extension::ClientId},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::config::ConfigError;
use url::{Host, Url};

use super::ca::{self, MailCa};

/// Where mails go. `Display` leaves out the password.
#[derive(Clone)]
pub enum MailUrl {
    /// Nowhere: the log says what would have been sent.
    Log,
    /// Nowhere: they can be looked at in the process, by tests.
    Memory,
    /// To a mail server.
    Smtp(Url),
}

impl FromStr for MailUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "not a URL: log:, smtp://… or smtps://…")?;
        match url.scheme() {
            "log" => Ok(Self::Log),
            "memory" => Ok(Self::Memory),
            "smtp" | "smtps" => check(&url).map(|()| Self::Smtp(url)),
            _ => Err("unknown scheme; expected log:, smtp://… or smtps://…"),
        }
    }
}

impl MailUrl {
    /// Whether mails go there through TLS or not at all.
    #[must_use]
    pub fn demands_tls(&self) -> bool {
        matches!(self, Self::Smtp(url) if url.scheme() == "smtps" || tls_of(url).as_deref() == Some("required"))
    }
}

/// The value of `tls` in a URL that has been checked.
fn tls_of(url: &Url) -> Option<String> {
    url.query_pairs().next().map(|(_, value)| value.into_owned())
}

fn check(url: &Url) -> Result<(), &'static str> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
    let parameters: Vec<_> = url.query_pairs().collect();
    let tls = match parameters.as_slice() {
        [] => None,
        [(name, value)] if name == "tls" => Some(value.as_ref()),
        _ => return Err("has other parameters than `tls`"),
    };
    if !matches!((url.scheme(), tls), (_, None) | ("smtp", Some("required" | "none"))) {
        return Err("`tls` is `required` or `none`, and stands behind smtp:// alone");
    }
    if url.username().is_empty() != url.password().is_none() {
        return Err("a user name needs a password, and a password a user name");
    }
    let is_clear = url.scheme() == "smtp" && tls.is_none();
    if is_clear && url.password().is_some() && !is_loopback(host) {
        return Err("the password would travel in the clear; add ?tls=required, or ?tls=none if it may");
    }
    Ok(())
}

/// Hosts of a scheme that the standard does not know are not parsed as addresses.
fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

/// A client for the server at this URL, which greets with this name unless the URL has another.
pub(super) fn transport(
    url: &Url,
    ca: Option<&MailCa>,
    name: &str,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, ConfigError> {
    let unusable = ConfigError::new("ORG_MAIL_URL", "cannot be used");
    let tls = tls(url, ca).map_err(|_| unusable.clone())?;
    // TLS is added below: made from the URL, it would know the system's authorities alone.
    let mut rest = url.clone();
    rest.set_query(None);
    rest.set_scheme("smtp").map_err(|()| unusable.clone())?;
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(rest.as_str());
    let mut builder = builder.map_err(|_| unusable)?.timeout(Some(super::PATIENCE));
    if let Some((tls, port)) = tls {
        builder = builder.tls(tls).port(url.port().unwrap_or(port));
    }
    if url.path().len() <= 1 {
        builder = builder.hello_name(ClientId::Domain(name.to_owned()));
    }
    Ok(builder.build())
}

/// How TLS begins, where the URL demands it, and on which port unless it names another (RFC 8314).
fn tls(url: &Url, ca: Option<&MailCa>) -> Result<Option<(Tls, u16)>, Error> {
    let parameters = || ca::parameters(url.host_str().unwrap_or_default(), ca);
    Ok(match (url.scheme(), tls_of(url).as_deref()) {
        ("smtps", _) => Some((Tls::Wrapper(parameters()?), SUBMISSIONS_PORT)),
        (_, Some("required")) => Some((Tls::Required(parameters()?), SUBMISSION_PORT)),
        _ => None,
    })
}

impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log:"),
            Self::Memory => f.write_str("memory:"),
            Self::Smtp(url) => {
                let mut shown = url.clone();
                if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
                    return f.write_str("smtp://<unprintable>");
                }
                f.write_str(shown.as_str())
            }
        }
    }
}

impl<'de> Deserialize<'de> for MailUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for MailUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_travels_in_the_clear_by_mistake() {
        for fine in [
            "smtps://ada:pass@mail.example",
            "smtp://ada:pass@mail.example:2525?tls=required",
            "smtp://ada:pass@mail.example?tls=none",
            "smtp://ada:pass@127.0.0.1:2525",
            "smtp://ada:pass@localhost",
            "smtp://relay:25/gateway.example.org",
        ] {
            let url: MailUrl = fine.parse().unwrap();
            let MailUrl::Smtp(url) = url else { panic!("{fine}") };
            assert!(transport(&url, None, "example.org").is_ok(), "{fine}");
        }
        for odd in [
            "smtp://ada:pass@mail.example",
            "smtp://ada:pass@127.0.0.1.example",
            "smtp://mail.example?tls=opportunistic",
            "smtps://mail.example?tls=none",
            "smtp://mail.example?tls=required&x=1",
            "smtp://ada@mail.example",
            "smtp://:pass@mail.example",
            "smtp://",
            "http://mail.example",
            "mail.example",
        ] {
            assert!(odd.parse::<MailUrl>().is_err(), "{odd}");
        }
    }

    #[test]
    fn tls_is_demanded_however_the_url_is_spelt() {
        for (url, demanded) in [
            ("smtps://mail.example", Some(SUBMISSIONS_PORT)),
            ("SMTPS://mail.example", Some(SUBMISSIONS_PORT)),
            ("smtp://mail.example?tls=required", Some(SUBMISSION_PORT)),
            ("smtp://mail.example?t%6cs=%72equired", Some(SUBMISSION_PORT)),
            ("smtp://mail.example?tls=none", None),
            ("smtp://mail.example", None),
            ("log:", None),
        ] {
            let parsed: MailUrl = url.parse().unwrap();
            assert_eq!(parsed.demands_tls(), demanded.is_some(), "{url}");
            if let MailUrl::Smtp(smtp) = parsed {
                assert_eq!(tls(&smtp, None).unwrap().map(|(_, port)| port), demanded, "{url}");
            }
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: MailUrl = "smtps://ada:s3cret@mail.example".parse().unwrap();
        assert_eq!(format!("{url} {url:?}").matches("smtps://ada:***@mail.example").count(), 2);
    }
}
