//! Where a validator takes keys and user state from: in the same process, or over HTTP.
//!
//! Everything behind [`Issuer`] is one code path, so that what the single-process stack does is what
//! separate services do.

mod changes;
mod exchange;
mod keys;
mod profiles;

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;

pub use changes::{Change, Changes, MOST_CHANGES};
pub use exchange::{EXCHANGE_PATH, ExchangeError, Exchanged, Presented};
pub use keys::KeySource;
pub use profiles::{MOST_PROFILES, PROFILES_PATH, Profile, ProfilesAnswer, ProfilesQuestion};

pub use crate::internal::SERVICE_SECRET_HEADER;
use crate::{
    Clock, Secret,
    config::process::RevocationPolicy,
    internal::{self, Peer},
    keys::KeySet,
    revocation::{Revocations, follow::Follower},
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

/// Looks users up, checks their passwords, and passes on what has changed, in the same process.
pub trait Users: Send + Sync {
    /// The state of the user with this value in the user id claim; none: there is no such user.
    fn state(&self, user_id: String) -> BoxFuture<'_, Result<Option<UserState>, IssuerUnavailable>>;

    /// Checks a password; see [`Issuer::exchange`].
    fn exchange(&self, presented: Presented) -> BoxFuture<'_, Result<Exchanged, ExchangeError>>;

    /// At most [`MOST_PROFILES`] users; see [`Issuer::profiles`].
    fn profiles(&self, user_ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Profile>, IssuerUnavailable>>;

    /// At most [`MOST_CHANGES`] changes; see [`Issuer::revoke`].
    fn revoke(&self, entries: Vec<Change>) -> BoxFuture<'_, Result<(), IssuerUnavailable>>;
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

    /// Asks for users by the values of the user id claim, in as few calls as possible. The answer is in
    /// no particular order and leaves out whom nobody knows.
    pub async fn profiles(&self, user_ids: Vec<String>) -> Result<Vec<Profile>, IssuerUnavailable> {
        let mut found = Vec::with_capacity(user_ids.len());
        for some in user_ids.chunks(MOST_PROFILES) {
            found.extend(match self {
                Self::Local { users, .. } => users.profiles(some.to_vec()).await?,
                Self::Http { url, secret, client } => {
                    let peer = Peer { url, secret: secret.as_ref(), client };
                    profiles::over_http(peer, some.to_vec()).await?
                }
            });
        }
        Ok(found)
    }

    /// Has every validator told of changes, in order: they are stored, and on their way, when this
    /// returns. After an error some may be, and all should be told again, which is harmless.
    pub async fn revoke(&self, entries: Vec<Change>) -> Result<(), IssuerUnavailable> {
        for call in changes::cut(entries) {
            match self {
                Self::Local { users, .. } => users.revoke(call.entries).await?,
                Self::Http { url, secret, client } => {
                    changes::over_http(Peer { url, secret: secret.as_ref(), client }, &call).await?;
                }
            }
        }
        Ok(())
    }
}

/// The client for calls between services: short limits, no redirects, no proxies from the environment.
pub fn http_client() -> Result<reqwest::Client, IssuerUnavailable> {
    internal::client().map_err(|e| IssuerUnavailable(e.to_string()))
}
