//! [`KeySource`]: where a verifier's keys come from.
//!
//! Settings decide first, then the issuer; whoever verifies does not see the difference.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Issuer, IssuerUnavailable};
use crate::{
    Clock, Timestamp,
    jwks::{JwksClient, JwksOptions},
    keys::KeySet,
    verifier::Rules,
};

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
