//! `ORG_*` of invitations and their mails.

use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Listing, Variables, values::Span};

use crate::{
    invitation::Limits,
    mail::{From, Link, MailCa, MailSettings, MailUrl},
};

/// Whom mails come from that nobody gets.
const NOBODY: &str = "invitations@localhost";

/// The settings as they are given.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Settings {
    /// How long an invitation can be accepted.
    #[serde(default = "defaults::lifetime")]
    invitation_lifetime: Span,
    /// Pending invitations that an organization may have.
    #[serde(default = "defaults::pending")]
    max_invitations: u32,
    #[serde(default)]
    invitation_address: AddressRule,
    /// A link with `{handle}` in it.
    invitation_url: Option<String>,
    #[serde(default = "defaults::mail_url")]
    mail_url: MailUrl,
    mail_ca: Option<MailCa>,
    mail_from: Option<String>,
}

mod defaults {
    use super::{MailUrl, Span};

    pub(super) const fn lifetime() -> Span {
        Span::secs(7 * 24 * 3600)
    }
    pub(super) const fn pending() -> u32 {
        500
    }
    pub(super) const fn mail_url() -> MailUrl {
        MailUrl::Log
    }
}

/// `ORG_INVITATION_ADDRESS`: who may accept an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressRule {
    /// Who has proven to have the invited address.
    #[default]
    Verified,
    /// Whoever has the handle.
    Any,
}

/// What invitations are held to.
#[derive(Debug, Clone)]
pub struct Invitations {
    /// How long, and how many.
    pub limits: Limits,
    /// Who may accept.
    pub address: AddressRule,
    /// How they are mailed.
    pub mail: MailSettings,
}

impl Invitations {
    /// Reads and checks the settings.
    pub(super) fn read(variables: &Variables, production: bool) -> Result<(Self, Listing), ConfigError> {
        let settings: Settings = variables.read("ORG_")?;
        if settings.invitation_lifetime.0.is_zero() {
            return Err(ConfigError::new("ORG_INVITATION_LIFETIME", "must be more than nothing"));
        }
        let listing = Listing::of("ORG_", &settings, variables);
        let limits =
            Limits { lifetime: settings.invitation_lifetime.0, pending: settings.max_invitations.into() };
        let from = match (&settings.mail_from, &settings.mail_url) {
            (Some(from), _) => From::parse(from)?,
            (None, MailUrl::Log | MailUrl::Memory) => From::parse(NOBODY)?,
            (None, MailUrl::Smtp(_)) => {
                return Err(ConfigError::new("ORG_MAIL_FROM", "must be set where ORG_MAIL_URL is a server"));
            }
        };
        if settings.mail_ca.is_some() && !settings.mail_url.demands_tls() {
            let complaint = "contradicts ORG_MAIL_URL, which demands no TLS";
            return Err(ConfigError::new("ORG_MAIL_CA", complaint));
        }
        let link = Link::parse(settings.invitation_url.as_deref())?;
        let mail = MailSettings { url: settings.mail_url, ca: settings.mail_ca, from, link, production };
        Ok((Self { limits, address: settings.invitation_address, mail }, listing))
    }
}
