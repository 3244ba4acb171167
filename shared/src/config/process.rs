//! The settings without a prefix, which every service of ours reads.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Listing, Variables, service_secrets};
use crate::{Secret, http::origin::TrustedProxies};

/// Unprefixed settings; unset means the default.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ProcessSettings {
    /// See [`service_secrets`].
    service_secret: Option<Secret<String>>,
    /// `off`: revocation is not followed.
    revocation: Option<Revocation>,
    /// Whose forwarding headers are believed; loopback unless set.
    #[serde(default)]
    trusted_proxies: TrustedProxies,
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
    pub(super) fn authentication_classes() -> String {
        "JWTAuthentication,SessionAuthentication".to_owned()
    }
    pub(super) fn log() -> String {
        crate::telemetry::DEFAULT.to_owned()
    }
    pub(super) fn log_format() -> String {
        "pretty".to_owned()
    }
}

/// How revocation is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Revocation {
    /// Not at all: a token works until it expires.
    Off,
}

impl ProcessSettings {
    /// Reads and checks the settings.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        service_secrets(variables)?;
        variables.read("")
    }

    /// Whose forwarding headers are believed.
    #[must_use]
    pub fn trusted_proxies(&self) -> TrustedProxies {
        self.trusted_proxies.clone()
    }

    /// Whether somebody decided that revocation is not followed, rather than forgot.
    #[must_use]
    pub fn revocation_is_off(&self) -> bool {
        self.revocation == Some(Revocation::Off)
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
    fn a_complaint_names_its_variable_whatever_the_type() {
        for (name, bad) in [("REVOCATION", "on"), ("TRUSTED_PROXIES", "somebody")] {
            let error = read(&[("LOG", "info"), (name, bad)]).unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
        }
    }
}
