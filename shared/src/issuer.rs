//! Where a validator takes keys and user state from: in the same process, or over HTTP.
//!
//! Everything behind [`Issuer`] is one code path, so that what the single-process stack does is what
//! separate services do.

mod exchange;

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;

pub use exchange::{EXCHANGE_PATH, ExchangeError, Exchanged, Presented};

use crate::{
    Clock, Secret, Timestamp,
    config::process::RevocationPolicy,
    jwks::{JwksClient, JwksOptions},
    keys::KeySet,
    revocation::{Revocations, follow::Follower},
    verifier::Rules,
};

/// What the issuer knows of a user, for validators that ask (`ORG_USER_STATE=ask`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserState {
    /// Whether the user may act.
    pub is_active: bool,
    /// The password's fingerprint, where `CHECK_REVOKE_TOKEN` compares it.
    pub fingerprint: Option<String>,
}

/// The issuer could not be asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the issuer cannot be asked: {0}")]
pub struct IssuerUnavailable(pub String);

/// Looks users up, and checks their passwords, in the same process.
pub trait Users: Send + Sync {
    /// The state of the user with this value in the user id claim; none: there is no such user.
    fn state(&self, user_id: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>>;

    /// Checks a password; see [`Issuer::exchange`].
    fn exchange(&self, presented: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>>;
}

/// Where keys and user state come from.
#[derive(Clone)]
pub enum Issuer {
    /// The auth service in this process.
    Local {
        /// Its published keys.
        keys: Arc<ArcSwap<KeySet>>,
        /// Its users.
        users: Arc<dyn Users>,
        /// What it has revoked.
        revocations: Revocations,
    },
    /// An auth service elsewhere, at the address of its management port.
    Http {
        /// For example `http://auth:8001`.
        url: url::Url,
        /// Authenticates internal calls; without it only published things can be had.
        secret: Option<Secret<String>>,
        /// The client for all calls.
        client: reqwest::Client,
    },
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { .. } => f.write_str("Issuer::Local"),
            Self::Http { url, .. } => write!(f, "Issuer::Http({url})"),
        }
    }
}

/// The header that carries `SERVICE_SECRET` on internal calls.
pub const SERVICE_SECRET_HEADER: &str = "X-Service-Secret";

impl Issuer {
    /// An issuer over HTTP.
    pub fn http(url: url::Url, secret: Option<Secret<String>>) -> Result<Self, IssuerUnavailable> {
        Ok(Self::Http { url, secret, client: http_client()? })
    }

    /// What the issuer revokes, followed from now on as `policy` says.
    pub fn revocations(
        &self,
        policy: RevocationPolicy,
        keys: &KeySource,
        clock: &Clock,
    ) -> Result<Revocations, IssuerUnavailable> {
        match self {
            Self::Local { revocations, .. } => Ok(revocations.clone()),
            Self::Http { .. } if !policy.follow => {
                tracing::warn!(
                    "REVOCATION=off: a token works until it expires, whatever happens to its session"
                );
                Ok(Revocations::off())
            }
            Self::Http { secret: None, .. } => {
                Err(IssuerUnavailable("without SERVICE_SECRET the revocation feed cannot be had".into()))
            }
            Self::Http { url, secret: Some(secret), .. } => {
                let revocations = Revocations::new(policy, clock.clone());
                let follower = Follower::new(url, secret.clone(), revocations.clone(), keys.clone())?;
                tokio::spawn(follower.run());
                Ok(revocations)
            }
        }
    }

    /// Asks for a user's state.
    pub async fn user_state(&self, user_id: &str) -> Result<Option<UserState>, IssuerUnavailable> {
        match self {
            Self::Local { users, .. } => users.state(user_id.to_owned()).await,
            Self::Http { url, secret, client } => {
                let unusable = |e: reqwest::Error| IssuerUnavailable(e.without_url().to_string());
                let url = url.join("/internal/user-state").map_err(|e| IssuerUnavailable(e.to_string()))?;
                let mut request = client.get(url).query(&[("user_id", user_id)]);
                if let Some(secret) = secret {
                    request = request.header(SERVICE_SECRET_HEADER, secret.expose());
                }
                let response = request.send().await.map_err(unusable)?;
                if response.status() == reqwest::StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                let response = response.error_for_status().map_err(unusable)?;
                response.json().await.map(Some).map_err(unusable)
            }
        }
    }

    /// Exchanges a name and a password for an access token.
    pub async fn exchange(&self, presented: Presented) -> Result<Exchanged, ExchangeError> {
        match self {
            Self::Local { users, .. } => users.exchange(presented).await,
            Self::Http { url, secret, client } => {
                exchange::over_http(client, url, secret.as_ref(), &presented).await
            }
        }
    }
}

/// The client for calls between services: short limits, no redirects, no proxies from the environment.
pub fn http_client() -> Result<reqwest::Client, IssuerUnavailable> {
    reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(2))
        .timeout(std::time::Duration::from_secs(5))
        // Shorter than the auth service keeps them: no call on a connection that it is closing.
        .pool_idle_timeout(std::time::Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|e| IssuerUnavailable(e.to_string()))
}

/// Where a verifier's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// From the settings; they never change.
    Fixed(Arc<KeySet>),
    /// From the auth service in this process.
    Local(Arc<ArcSwap<KeySet>>),
    /// From a JWKS.
    Http(Arc<JwksClient>),
}

impl KeySource {
    /// Chooses: `AUTH_JWK_URL`, then a key in the settings, then the issuer.
    pub fn choose(rules: &Rules, issuer: &Issuer, clock: &Clock) -> Result<Self, IssuerUnavailable> {
        if let Some(url) = &rules.jwk_url {
            // The original pins the algorithm of the settings for a foreign JWKS.
            let client =
                JwksClient::new(url.clone(), JwksOptions::of(rules, Some(rules.algorithm)), clock.clone())?;
            return Ok(Self::Http(Arc::new(client)));
        }
        if let Some(keys) = &rules.fixed_keys {
            return Ok(Self::Fixed(Arc::new(keys.clone())));
        }
        match issuer {
            Issuer::Local { keys, .. } => Ok(Self::Local(Arc::clone(keys))),
            Issuer::Http { url, .. } => {
                let jwks =
                    url.join("/.well-known/jwks.json").map_err(|e| IssuerUnavailable(e.to_string()))?;
                let client = JwksClient::new(jwks, JwksOptions::of(rules, None), clock.clone())?;
                Ok(Self::Http(Arc::new(client)))
            }
        }
    }

    /// The keys to trust now; none if they are unknown or too old.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            Self::Local(keys) => Some(keys.load_full()),
            Self::Http(client) => client.current(),
        }
    }

    /// Shows the keys to trust at `now` to whoever looks at them briefly: [`KeySource::current`] for
    /// every request, without counting who holds the set.
    pub fn consult<T>(&self, now: Timestamp, look: impl FnOnce(Option<&KeySet>) -> T) -> T {
        match self {
            Self::Fixed(keys) => look(Some(keys)),
            Self::Local(keys) => look(Some(&keys.load())),
            Self::Http(client) => client.consult(now, look),
        }
    }

    /// Looks for a key published since; says whether it is known now.
    pub async fn look_again(&self, kid: &str) -> bool {
        match self {
            Self::Fixed(_) | Self::Local(_) => false,
            Self::Http(client) => client.look_for(kid).await,
        }
    }

    /// The issuer says that its key set has this version: fetches it, unless it is known.
    pub fn announced(&self, version: i64) {
        if let Self::Http(client) = self
            && !client.is_foreign()
        {
            client.announced(version);
        }
    }

    /// Keeps the keys fresh from now on.
    pub fn follow(&self) {
        if let Self::Http(client) = self {
            client.follow();
        }
    }

    /// Waits until keys are known. Keys of a foreign JWKS are not waited for: without them tokens are
    /// invalid.
    pub async fn known(&self) {
        if let Self::Http(client) = self
            && !client.is_foreign()
        {
            client.known().await;
        }
    }

    /// Whether tokens can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.current().is_some_and(|keys| !keys.is_empty())
    }
}
