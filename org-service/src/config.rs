//! `ORG_*`, checked once, beside what every validator and every service of ours reads.

mod invitations;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use shared::{
    DbLimits, DbUrl, Issuer, Secret,
    auth::{AuthenticationClasses, Class},
    config::{
        ConfigError, Listing, Variables,
        process::{ProcessSettings, RevocationPolicy},
        values::{OrNone, Span},
    },
    db::Migrate,
    http::origin::TrustedProxies,
    internal::ServiceSecrets,
    page::Paging,
    verifier::{Rules, VerifierSettings},
};

use crate::{
    StartError,
    permission::{Permission, Permissions},
    policy::Policy,
    seal::AuditKeys,
    visibility::Visibility,
};

pub use invitations::{AddressRule, Invitations};

/// `ORG_MANAGEMENT_LISTEN` unless it is set.
pub const MANAGEMENT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9002);

/// `ORG_*`
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Settings {
    #[serde(default = "defaults::listen")]
    listen: SocketAddr,
    #[serde(default = "defaults::management_listen")]
    management_listen: SocketAddr,
    database_url: Option<DbUrl>,
    #[serde(default = "defaults::connections")]
    database_connections: u32,
    /// Requests that may wait for a database connection.
    #[serde(default = "defaults::waiting")]
    database_waiting: usize,
    /// The auth service's management address.
    auth_url: Option<String>,
    #[serde(default)]
    visibility: Visibility,
    #[serde(default)]
    user_state: UserStateSource,
    #[serde(default = "defaults::page_size")]
    page_size: u32,
    /// The parameter with which clients choose another size; `none` as in the original.
    #[serde(default = "defaults::page_size_query_param")]
    page_size_query_param: OrNone<String>,
    #[serde(default = "defaults::max_page_size")]
    max_page_size: u32,
    /// Permissions of the applications behind, beside the built-in ones; owners and admins hold all.
    #[serde(default)]
    permissions: String,
    /// Those of them that the built-in role `member` holds.
    #[serde(default)]
    member_permissions: String,
    /// Those of them that the built-in role `viewer` holds.
    #[serde(default)]
    viewer_permissions: String,
    /// What the record of changes is sealed under. The first seals, any of them verifies.
    audit_key: Option<Secret<String>>,
    /// How long a deleted organization can be restored.
    #[serde(default = "defaults::restore_window")]
    restore_window: Span,
}

mod defaults {
    use std::net::{Ipv4Addr, SocketAddr};

    use shared::config::values::{OrNone, Span};

    pub(super) fn listen() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 8002).into()
    }
    pub(super) const fn management_listen() -> SocketAddr {
        super::MANAGEMENT_LISTEN
    }
    pub(super) const fn connections() -> u32 {
        8
    }
    pub(super) const fn waiting() -> usize {
        1024
    }
    pub(super) const fn page_size() -> u32 {
        5
    }
    pub(super) fn page_size_query_param() -> OrNone<String> {
        OrNone::Some("page_size".to_owned())
    }
    pub(super) const fn max_page_size() -> u32 {
        100
    }
    pub(super) const fn restore_window() -> Span {
        Span::secs(30 * 24 * 3600)
    }
}

/// `ORG_USER_STATE`: whether the auth service is asked for the user's state on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum UserStateSource {
    Ask,
    #[default]
    Off,
}

/// The service's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public address.
    pub listen: SocketAddr,
    /// The management address.
    pub management_listen: SocketAddr,
    /// Where the database is.
    pub database: DbUrl,
    /// Connections and waiting requests.
    pub database_limits: DbLimits,
    /// Who applies missing migrations.
    pub migrate: Migrate,
    /// What tokens must satisfy.
    pub rules: Rules,
    /// The order of authentication classes.
    pub classes: AuthenticationClasses,
    /// How revocation is followed.
    pub revocation: RevocationPolicy,
    /// Whether the user's state is asked for on every request.
    pub ask_user_state: bool,
    /// Who sees what.
    pub visibility: Visibility,
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// What invitations are held to, and how they are mailed.
    pub invitations: Invitations,
    /// What the record of changes is sealed under.
    pub audit_keys: AuditKeys,
    /// How long a deleted organization can be restored.
    pub restore_window: Duration,
    /// Authenticate calls between services; any of them does.
    pub service_secrets: ServiceSecrets,
    /// How long requests are served on after SIGTERM.
    pub drain_delay: Duration,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    page_size: u32,
    page_size_param: Option<String>,
    max_page_size: u32,
    auth_url: Option<url::Url>,
    /// An error only where it is needed: the stack has its issuer in the same process.
    issuer_secret: Result<Option<Secret<String>>, ConfigError>,
    listings: Vec<Listing>,
}

impl Config {
    /// Reads and checks the settings.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let settings: Settings = variables.read("ORG_")?;
        let verifier = VerifierSettings::read(variables)?;
        let process = ProcessSettings::read(variables)?;
        let own = Listing::of("ORG_", &settings, variables);
        let (invitations, inviting) = Invitations::read(variables, process.production())?;
        variables.refuse_unknown("ORG_", &[own.clone(), inviting.clone()])?;
        check_pages(&settings)?;
        let policy = Arc::new(policy(&settings)?);
        Ok(Self {
            listen: settings.listen,
            management_listen: settings.management_listen,
            database_limits: DbLimits {
                connections: settings.database_connections.max(1),
                waiting: settings.database_waiting,
            },
            database: settings
                .database_url
                .ok_or_else(|| ConfigError::new("ORG_DATABASE_URL", "must be set"))?,
            rules: verifier.rules()?,
            classes: AuthenticationClasses::read(variables)?,
            ask_user_state: settings.user_state == UserStateSource::Ask,
            visibility: settings.visibility,
            policy,
            invitations,
            audit_keys: settings.audit_key.as_ref().map(audit_keys).transpose()?.unwrap_or_default(),
            restore_window: settings.restore_window.0,
            service_secrets: ServiceSecrets::read(variables)?,
            migrate: process.migrate(),
            drain_delay: process.drain_delay(),
            trusted_proxies: process.trusted_proxies(),
            page_size: settings.page_size,
            page_size_param: settings.page_size_query_param.as_option().cloned(),
            max_page_size: settings.max_page_size,
            auth_url: settings.auth_url.as_deref().map(auth_url).transpose()?,
            issuer_secret: process.issuer_secret(),
            revocation: process.revocation(),
            listings: vec![own, inviting, verifier.listing(variables), process.listing(variables)],
        })
    }

    /// Every setting with its value and source.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// How lists are cut into pages.
    #[must_use]
    pub fn paging(&self) -> Paging<'_> {
        Paging {
            size: self.page_size.into(),
            size_param: self.page_size_param.as_deref(),
            max_size: Some(self.max_page_size.into()),
        }
    }

    /// Tells whoever starts the service what it cannot do as it is set up.
    pub fn caution(&self) {
        if self.audit_keys.is_empty() {
            tracing::info!(
                "ORG_AUDIT_KEY is not set: whoever can write the database can forge the record of changes"
            );
        }
    }

    /// Who is told whose tokens are outdated: nobody, where no auth service elsewhere would listen.
    #[must_use]
    pub fn announced_to(&self, issuer: &Issuer) -> Option<Issuer> {
        let listens = match issuer {
            Issuer::Local { .. } => true,
            Issuer::Http { secret, .. } => secret.is_some() && self.auth_url.is_some(),
        };
        listens.then(|| issuer.clone())
    }

    /// The issuer over HTTP, for a service that runs alone.
    pub fn http_issuer(&self) -> Result<Issuer, StartError> {
        let keys_are_given = self.rules.fixed_keys.is_some() || self.rules.jwk_url.is_some();
        let asks = self.revocation.follow || self.ask_user_state || self.classes.contains(Class::Basic);
        let url = match &self.auth_url {
            Some(url) => url.clone(),
            // Nobody is asked for anything: this address is never called.
            None if keys_are_given && !asks => auth_url("http://localhost")?,
            None => {
                let complaint = "must be set: the auth service's management address (keys and revocations)";
                return Err(ConfigError::new("ORG_AUTH_URL", complaint).into());
            }
        };
        let secret = self.issuer_secret.clone()?;
        if self.ask_user_state && secret.is_none() {
            let complaint = "must be set with ORG_USER_STATE=ask: the auth service answers nobody else";
            return Err(ConfigError::new("SERVICE_SECRET", complaint).into());
        }
        self.classes.demand_secret(secret.as_ref())?;
        Ok(Issuer::http(url, secret)?)
    }
}

/// Permissions registered at most: owners' tokens carry them, or the feed does.
const MOST_PERMISSIONS: usize = 200;

fn policy(settings: &Settings) -> Result<Policy, ConfigError> {
    let application = permissions("ORG_PERMISSIONS", &settings.permissions)?;
    if application.len() > MOST_PERMISSIONS {
        return Err(ConfigError::new("ORG_PERMISSIONS", "more than 200 permissions"));
    }
    let member = permissions("ORG_MEMBER_PERMISSIONS", &settings.member_permissions)?;
    let viewer = permissions("ORG_VIEWER_PERMISSIONS", &settings.viewer_permissions)?;
    Policy::new(&application, &member, &viewer).map_err(|unknown| {
        let name = if member.contains(unknown.as_str()) { "MEMBER" } else { "VIEWER" };
        let complaint = format!("`{unknown}` is not among ORG_PERMISSIONS");
        ConfigError::new(&format!("ORG_{name}_PERMISSIONS"), &complaint)
    })
}

fn permissions(name: &str, text: &str) -> Result<Permissions, ConfigError> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let parsed: Result<Permission, _> = word.parse();
            parsed.map_err(|complaint| ConfigError::new(name, &format!("`{word}`: {complaint}")))
        })
        .collect()
}

fn audit_keys(text: &Secret<String>) -> Result<AuditKeys, ConfigError> {
    AuditKeys::parse(text.expose())
}

fn auth_url(text: &str) -> Result<url::Url, ConfigError> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(ConfigError::new("ORG_AUTH_URL", "not an http:// or https:// URL")),
    }
}

fn check_pages(settings: &Settings) -> Result<(), ConfigError> {
    if settings.page_size == 0 {
        return Err(ConfigError::new("ORG_PAGE_SIZE", "must be 1 or more"));
    }
    if settings.max_page_size < settings.page_size {
        return Err(ConfigError::new("ORG_MAX_PAGE_SIZE", "is smaller than ORG_PAGE_SIZE"));
    }
    Ok(())
}
