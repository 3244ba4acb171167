//! The settings without a prefix, which every service of ours reads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ConfigError, Listing, Variables, development, service_secrets,
    values::{Span, Switch},
};
use crate::{Secret, db::Migrate, http::origin::TrustedProxies};

/// Below this, a validator would refuse requests between one heartbeat and the next.
const SHORTEST_STALENESS: Duration = Duration::from_secs(2);

/// Unprefixed settings; unset means the default.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ProcessSettings {
    /// See [`service_secrets`].
    service_secret: Option<Secret<String>>,
    /// `off`: revocation is not followed.
    #[serde(default)]
    revocation: Revocation,
    /// How long the feed may be silent before requests are refused with 503.
    #[serde(default = "defaults::max_staleness")]
    revocation_max_staleness: Span,
    /// What happens after that.
    #[serde(default)]
    revocation_stale: WhenStale,
    /// Whose forwarding headers are believed; loopback unless set.
    #[serde(default)]
    trusted_proxies: TrustedProxies,
    /// How long requests are served on after SIGTERM, for a gateway to notice.
    #[serde(default = "defaults::drain_delay")]
    drain_delay: Span,
    /// Whether secrets that everybody knows are refused; see [`super::development`].
    #[serde(default = "defaults::off")]
    production: Switch,
    /// See [`Migrate`].
    #[serde(default)]
    migrate: Migrate,
    /// See [`crate::auth::classes`].
    #[serde(default = "defaults::authentication_classes")]
    authentication_classes: String,
    /// See [`crate::telemetry`].
    #[serde(default = "defaults::log")]
    log: String,
    /// See [`crate::telemetry`].
    #[serde(default = "defaults::log_format")]
    log_format: String,
}

mod defaults {
    use super::{Span, Switch};

    pub(super) fn authentication_classes() -> String {
        "JWTAuthentication,SessionAuthentication".to_owned()
    }
    pub(super) const fn max_staleness() -> Span {
        Span::secs(30)
    }
    pub(super) const fn off() -> Switch {
        Switch(false)
    }
    pub(super) const fn drain_delay() -> Span {
        Span::secs(0)
    }
    pub(super) fn log() -> String {
        crate::telemetry::DEFAULT.to_owned()
    }
    pub(super) fn log_format() -> String {
        "pretty".to_owned()
    }
}

/// `REVOCATION`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Revocation {
    /// The feed is followed.
    #[default]
    Follow,
    /// Not at all: a token works until it expires.
    Off,
}

/// `REVOCATION_STALE`: what happens once the feed has been silent for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WhenStale {
    /// Requests are refused with 503.
    #[default]
    Refuse,
    /// Requests are answered by what was known last; a metric says so.
    CarryOn,
}

/// How a validator follows revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationPolicy {
    /// Whether at all.
    pub follow: bool,
    /// How long the feed may be silent.
    pub max_staleness: Duration,
    /// Whether requests are answered after that.
    pub carry_on: bool,
}

impl RevocationPolicy {
    /// Revocation is not followed.
    pub const OFF: Self = Self { follow: false, max_staleness: Duration::ZERO, carry_on: true };
}

impl Default for RevocationPolicy {
    fn default() -> Self {
        Self { follow: true, max_staleness: defaults::max_staleness().0, carry_on: false }
    }
}

impl ProcessSettings {
    /// Reads and checks the settings.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        service_secrets(variables)?;
        let settings: Self = variables.read("")?;
        if settings.production.0 {
            development::refuse(variables)?;
        }
        if settings.revocation_max_staleness.0 < SHORTEST_STALENESS {
            let complaint = "must be 2s or more: the feed is heard of once a second";
            return Err(ConfigError::new("REVOCATION_MAX_STALENESS", complaint));
        }
        Ok(settings)
    }

    /// Whose forwarding headers are believed.
    #[must_use]
    pub fn trusted_proxies(&self) -> TrustedProxies {
        self.trusted_proxies.clone()
    }

    /// How revocation is followed.
    #[must_use]
    pub fn revocation(&self) -> RevocationPolicy {
        RevocationPolicy {
            follow: self.revocation == Revocation::Follow,
            max_staleness: self.revocation_max_staleness.0,
            carry_on: self.revocation_stale == WhenStale::CarryOn,
        }
    }

    /// How long requests are served on after SIGTERM; see [`crate::http::stopping`].
    #[must_use]
    pub const fn drain_delay(&self) -> Duration {
        self.drain_delay.0
    }

    /// Who applies missing migrations.
    #[must_use]
    pub const fn migrate(&self) -> Migrate {
        self.migrate
    }

    /// What a validator shows to an auth service elsewhere. Required unless revocation is off: the feed
    /// is given to nobody else, and a validator without it would accept what has been revoked.
    pub fn issuer_secret(&self) -> Result<Option<Secret<String>>, ConfigError> {
        let first = self.service_secret.as_ref().and_then(|all| all.expose().split(',').next());
        match first {
            Some(secret) => Ok(Some(Secret::new(development::service_secret(secret.trim()).to_owned()))),
            None if self.revocation == Revocation::Off => Ok(None),
            None => Err(ConfigError::new(
                "SERVICE_SECRET",
                "must be set: the revocation feed is given to nobody else \
                 (or REVOCATION=off, and tokens work until they expire)",
            )),
        }
    }

    /// Whether this is in production: what is convenient and gives secrets away is left out.
    #[must_use]
    pub const fn production(&self) -> bool {
        self.production.0
    }

    /// Lists the settings for `config`.
    #[must_use]
    pub fn listing(&self, variables: &Variables) -> Listing {
        Listing::of("", self, variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ProcessSettings, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ProcessSettings::read(&Variables::from_pairs(pairs)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_staleness_that_every_heartbeat_would_exceed_is_refused() {
        for (value, fine) in [("0", false), ("1s", false), ("1999ms", false), ("2s", true), ("5m", true)] {
            let error = read(&[("REVOCATION_MAX_STALENESS", value)]).err();
            assert_eq!(error.is_none(), fine, "{value}: {error:?}");
        }
    }

    #[test]
    fn a_complaint_names_its_variable_whatever_the_type() {
        for (name, bad) in [("REVOCATION", "on"), ("TRUSTED_PROXIES", "somebody")] {
            let error = read(&[("LOG", "info"), (name, bad)]).unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
        }
    }
}
