//! `AUTH_*`: the settings of SimpleJWT that are not Python hooks, and our own, checked once.

mod keys;
mod settings;

use std::{net::SocketAddr, time::Duration};

use shared::{
    Db, DbError, DbLimits, DbUrl, Organizations, Secret,
    auth::AuthenticationClasses,
    config::{
        ConfigError, Listing, Variables,
        process::{ProcessSettings, RevocationPolicy},
        values::{List, Span},
    },
    db::Migrate,
    http::origin::TrustedProxies,
    internal::ServiceSecrets,
    organizations::OrganizationsUnavailable,
    verifier::{Rules, VerifierSettings},
};

pub use keys::{KEY_SET_MAX_AGE, KeySchedule};
pub use settings::MANAGEMENT_LISTEN;

use settings::Settings;

use crate::{migrations, sealing::SealingKeys, store::users::UserIdField};

/// How tokens are made and sessions live.
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of the original")]
#[derive(Debug, Clone)]
pub struct TokenPolicy {
    /// `ACCESS_TOKEN_LIFETIME`
    pub access_lifetime: Span,
    /// `REFRESH_TOKEN_LIFETIME`
    pub refresh_lifetime: Span,
    /// `SLIDING_TOKEN_LIFETIME`
    pub sliding_lifetime: Span,
    /// `SLIDING_TOKEN_REFRESH_LIFETIME`
    pub sliding_refresh_lifetime: Span,
    /// `AUTH_SESSION_LIFETIME`
    pub session_lifetime: Span,
    /// `AUTH_REFRESH_GRACE`
    pub grace: Duration,
    /// What a refresh does with the presented token.
    pub rotation: Rotation,
    /// Whether `blacklist/` does anything.
    pub blacklist_installed: bool,
    /// Whether `verify/` refuses blacklisted refresh tokens, as the original decides it.
    pub verify_consults_blacklist: bool,
    /// `UPDATE_LAST_LOGIN`
    pub update_last_login: bool,
    /// `USER_ID_FIELD`
    pub user_id_field: UserIdField,
    /// Whether inactive users may log in: both the backend and the rule must allow it.
    pub inactive_may_log_in: bool,
}

impl TokenPolicy {
    /// How long the longest-lived token that validators accept works, the leeway included.
    ///
    /// Under keys from elsewhere those may be tokens of the original, whose access tokens lived as long
    /// as it liked: no longer than refresh tokens, as far as can be known.
    #[must_use]
    pub fn longest_life(&self, rules: &Rules) -> Duration {
        let own = self.access_lifetime.0.max(self.sliding_lifetime.0);
        let takes_foreign = rules.fixed_keys.is_some() || rules.jwk_url.is_some();
        let longest = if takes_foreign { own.max(self.refresh_lifetime.0) } else { own };
        longest + rules.expiry_leeway()
    }
}

/// What a refresh does with the presented token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// `ROTATE_REFRESH_TOKENS` off: only a new access token.
    Off,
    /// A new refresh token; the old one stays valid.
    KeepOld,
    /// A new refresh token; the old one is spent.
    Once,
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
    /// How they are made.
    pub tokens: TokenPolicy,
    /// A signing key from the settings; none: keys are managed in the database.
    pub signing_key: Option<Secret<String>>,
    /// What seals managed keys.
    pub sealing: Option<SealingKeys>,
    /// How this service's own endpoints follow revocation.
    pub revocation: RevocationPolicy,
    /// How managed keys follow one another.
    pub key_schedule: KeySchedule,
    /// The order of authentication classes.
    pub classes: AuthenticationClasses,
    /// How long requests are served on after SIGTERM.
    pub drain_delay: Duration,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// `SERVICE_SECRET`: any of these authenticates internal calls.
    pub service_secrets: ServiceSecrets,
    org_url: Option<url::Url>,
    /// Threads that hash passwords.
    pub hash_threads: usize,
    /// Logins that may wait for one.
    pub hash_queue: usize,
    listings: Vec<Listing>,
}

/// Logins that wait for each hashing thread, unless told otherwise: about a third of a second's work, so that
/// after a flood of logins the next ones find a queue that is soon empty, even while half as many as can be done
/// go on coming in.
const WAITING_PER_HASH_THREAD: usize = 16;

impl Config {
    /// Reads and checks the settings.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let settings: Settings = variables.read("AUTH_")?;
        let verifier = VerifierSettings::read(variables)?;
        let process = ProcessSettings::read(variables)?;
        let mut listings = vec![Listing::of("AUTH_", &settings, variables), verifier.listing(variables)];
        listings.push(process.listing(variables));
        let rules = verifier.rules()?;
        let tokens = token_policy(&settings, &rules)?;
        let service_secrets = ServiceSecrets::read(variables)?;
        let hash_threads = at_least_one("AUTH_HASH_THREADS", settings.hash_threads)?;
        Ok(Self {
            listen: settings.listen,
            management_listen: settings.management_listen,
            database: settings
                .database_url
                .clone()
                .ok_or_else(|| ConfigError::new("AUTH_DATABASE_URL", "must be set"))?,
            database_limits: DbLimits {
                connections: at_least_one("AUTH_DATABASE_CONNECTIONS", settings.database_connections)?,
                waiting: settings.database_waiting,
            },
            signing_key: keys::signing_key(&verifier, variables)?,
            key_schedule: KeySchedule::new(&settings, &tokens, &rules)?,
            tokens,
            rules,
            sealing: settings
                .key_encryption_key
                .as_ref()
                .map(|key| SealingKeys::parse(key.expose()))
                .transpose()?,
            classes: AuthenticationClasses::read(variables)?,
            revocation: process.revocation(),
            migrate: process.migrate(),
            drain_delay: process.drain_delay(),
            trusted_proxies: process.trusted_proxies(),
            org_url: org_url(settings.org_url, &service_secrets)?,
            service_secrets,
            hash_threads,
            hash_queue: settings
                .hash_queue
                .unwrap_or_else(|| hash_threads.saturating_mul(WAITING_PER_HASH_THREAD))
                .clamp(1, 100_000),
            listings,
        })
    }

    /// Opens the database; its tables are there afterwards.
    pub async fn connect(&self) -> Result<Db, DbError> {
        Db::connect(&self.database, migrations().applied(self.migrate), self.database_limits).await
    }

    /// The organization service over HTTP, for a service that runs alone.
    pub fn http_organizations(&self) -> Result<Organizations, OrganizationsUnavailable> {
        match self.org_url.clone() {
            Some(url) => Organizations::http(url, self.service_secrets.own()),
            None => Ok(Organizations::none()),
        }
    }

    /// Every setting with its value and source.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }
}

fn at_least_one<T: PartialEq + Default>(name: &str, count: T) -> Result<T, ConfigError> {
    if count == T::default() { Err(ConfigError::new(name, "must be at least 1")) } else { Ok(count) }
}

fn org_url(url: Option<url::Url>, secrets: &ServiceSecrets) -> Result<Option<url::Url>, ConfigError> {
    let Some(url) = url else { return Ok(None) };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::new("AUTH_ORG_URL", "not an http:// or https:// URL"));
    }
    if secrets.own().is_none() {
        let complaint = "must be set with AUTH_ORG_URL: the organization service answers nobody else";
        return Err(ConfigError::new("SERVICE_SECRET", complaint));
    }
    Ok(Some(url))
}

fn token_policy(settings: &Settings, rules: &Rules) -> Result<TokenPolicy, ConfigError> {
    let rotation = match (settings.rotate_refresh_tokens.0, settings.blacklist_after_rotation.0) {
        (false, _) => Rotation::Off,
        (true, true) if settings.token_blacklist.0 => Rotation::Once,
        (true, _) => Rotation::KeepOld,
    };
    let lifetimes = [
        ("AUTH_ACCESS_TOKEN_LIFETIME", settings.access_token_lifetime),
        ("AUTH_REFRESH_TOKEN_LIFETIME", settings.refresh_token_lifetime),
        ("AUTH_SLIDING_TOKEN_LIFETIME", settings.sliding_token_lifetime),
        ("AUTH_SLIDING_TOKEN_REFRESH_LIFETIME", settings.sliding_token_refresh_lifetime),
        ("AUTH_SESSION_LIFETIME", settings.session_lifetime),
    ];
    if let Some((name, _)) = lifetimes.iter().find(|(_, lifetime)| lifetime.as_secs() < 1) {
        return Err(ConfigError::new(name, "must be at least one second"));
    }
    Ok(TokenPolicy {
        access_lifetime: settings.access_token_lifetime,
        refresh_lifetime: settings.refresh_token_lifetime,
        sliding_lifetime: settings.sliding_token_lifetime,
        sliding_refresh_lifetime: settings.sliding_token_refresh_lifetime,
        session_lifetime: settings.session_lifetime,
        grace: settings.refresh_grace.0,
        rotation,
        blacklist_installed: settings.token_blacklist.0,
        verify_consults_blacklist: settings.token_blacklist.0 && settings.blacklist_after_rotation.0,
        update_last_login: settings.update_last_login.0,
        user_id_field: user_id_field(&settings.user_id_field)?,
        inactive_may_log_in: allows_inactive(&settings.authentication_backends)?
            && !rules.check_user_is_active,
    })
}

fn user_id_field(name: &str) -> Result<UserIdField, ConfigError> {
    match name {
        "id" | "pk" => Ok(UserIdField::Id),
        "username" => Ok(UserIdField::Username),
        // Users may change their address, and two may have the same: a token would name somebody else.
        "email" => {
            Err(ConfigError::new("AUTH_USER_ID_FIELD", "email does not identify a user: it is not unique"))
        }
        _ => Err(ConfigError::new("AUTH_USER_ID_FIELD", "expected id or username")),
    }
}

fn allows_inactive(backends: &List) -> Result<bool, ConfigError> {
    let mut allows = false;
    for backend in &backends.0 {
        match backend.rsplit('.').next() {
            Some("ModelBackend") => {}
            Some("AllowAllUsersModelBackend") => allows = true,
            _ => {
                let complaint = format!("`{backend}` is neither ModelBackend nor AllowAllUsersModelBackend");
                return Err(ConfigError::new("AUTH_AUTHENTICATION_BACKENDS", &complaint));
            }
        }
    }
    Ok(allows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::verifier::settings::AUTH_SERVICE;

    use super::*;

    #[test]
    fn validators_know_every_setting_of_this_service() {
        let settings: Settings = Variables::default().read("AUTH_").unwrap();
        let listing = Listing::of("AUTH_", &settings, &Variables::default());
        let ours: BTreeSet<_> = listing.0.iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(ours, AUTH_SERVICE.into_iter().collect());
    }

    #[test]
    fn contradictions_stop_the_start_and_name_their_variable() {
        let base = ("AUTH_DATABASE_URL", "sqlite:///tmp/none.db");
        for (name, value) in [
            ("AUTH_HASH_THREADS", "0"),
            ("AUTH_DATABASE_CONNECTIONS", "0"),
            ("AUTH_ORG_URL", "zzz"),
            ("AUTH_ORG_URL", "ftp://org"),
            ("AUTH_USER_ID_FIELD", "email"),
            ("AUTH_SIGNING_KEY", "none"),
            ("AUTH_JTI_CLAIM", "none"),
            ("AUTH_TOKEN_TYPE_CLAIM", "none"),
            ("AUTH_USER_ID_CLAIM", "gen"),
            ("AUTH_ALGORITHM", "ES512"),
            ("AUTH_ACCESS_TOKEN_LIFETIME", "0"),
            ("AUTH_JWK_URL", "http://localhost/jwks"),
            ("AUTH_AUDIENC", "typo"),
            ("AUTH_JSON_ENCODER", "a.b.C"),
            ("AUTH_AUTHENTICATION_BACKENDS", "ldap.Backend"),
        ] {
            let pairs = [base, (name, value)].map(|(n, v)| (n.to_owned(), v.to_owned()));
            let error = Config::read(&Variables::from_pairs(pairs)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: ")) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn so_many_logins_wait_as_are_soon_done_unless_told_otherwise() {
        let queue = |settings: &[(&str, &str)]| {
            let pairs = [&[("AUTH_DATABASE_URL", "sqlite:///tmp/none.db")], settings].concat();
            let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Config::read(&Variables::from_pairs(pairs)).unwrap().hash_queue
        };
        assert_eq!(queue(&[("AUTH_HASH_THREADS", "3")]), 48);
        assert_eq!(queue(&[("AUTH_HASH_THREADS", "3"), ("AUTH_HASH_QUEUE", "5")]), 5);
    }
}
