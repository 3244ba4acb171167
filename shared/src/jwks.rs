//! [`JwksClient`]: the issuer's published keys (RFC 7517), fetched in the background.
//!
//! - One fetch at a time, however many requests wait for it.
//! - An unknown `kid` causes a fetch at most once per cooldown; in between, every unknown `kid` is
//!   answered from memory. So 10,000 random ids cost one fetch, and a key published just now is known
//!   at the end of the cooldown at the latest.
//! - When the issuer is away, known keys are trusted up to a ceiling; past it nothing is (503).

mod published;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

pub use published::parse;

use crate::{
    Clock, Timestamp,
    issuer::{IssuerUnavailable, http_client},
    keys::{Alg, Found, KeySet},
    verifier::Rules,
};

/// A JWKS larger than this is refused.
const MAX_BYTES: usize = 256 * 1024;
/// A key set is fetched anew this often.
const REFRESH: Duration = Duration::from_secs(300);
/// While keys have never been fetched, the next try comes this soon.
const RETRY: Duration = Duration::from_millis(500);
/// While known keys age because a fetch failed, the next try comes this soon.
const RETRY_KNOWN: Duration = Duration::from_secs(5);

/// How a client behaves.
#[derive(Debug, Clone, Copy)]
pub struct JwksOptions {
    /// Least time between two fetches caused by unknown ids.
    pub cooldown: Duration,
    /// How long keys are trusted after the last successful fetch.
    pub max_stale: Duration,
    /// A foreign JWKS (`AUTH_JWK_URL`): only keys of this algorithm are accepted, and while there are
    /// none, tokens are invalid, as in the original. For our own issuer each key's `alg` is pinned to
    /// it, and without keys the service is unavailable.
    pub foreign: Option<Alg>,
}

impl JwksOptions {
    /// As the settings say.
    #[must_use]
    pub const fn of(rules: &Rules, foreign: Option<Alg>) -> Self {
        Self { cooldown: rules.jwks_cooldown, max_stale: rules.jwks_max_stale, foreign }
    }
}

/// Keys fetched from a JWKS URL.
#[derive(Debug)]
pub struct JwksClient {
    url: url::Url,
    client: reqwest::Client,
    options: JwksOptions,
    clock: Clock,
    keys: ArcSwapOption<KeySet>,
    /// When the last successful fetch ended, in microseconds.
    fetched_at: AtomicI64,
    /// Held while fetching: when the last attempt began.
    attempt: Mutex<Option<Timestamp>>,
    fetches: AtomicU64,
    /// Whether the last fetch failed.
    failing: AtomicBool,
    /// Wakes whoever waits for the first keys.
    arrived: tokio::sync::Notify,
    versions: Versions,
}

/// Versions of the issuer's key set.
#[derive(Debug, Default)]
struct Versions {
    /// The one that the revocation feed speaks of.
    announced: AtomicI64,
    /// The one that was fetched.
    fetched: AtomicI64,
    /// Whether somebody is fetching the announced one.
    asking: AtomicBool,
}

/// The header in which the issuer says which version its JWKS is.
pub const VERSION_HEADER: &str = "X-Key-Set-Version";
/// How soon an announced version is asked for again: a replica behind a load balancer may not have it.
const ASK_AGAIN: Duration = Duration::from_millis(200);

impl JwksClient {
    /// A client that has fetched nothing yet.
    pub fn new(url: url::Url, options: JwksOptions, clock: Clock) -> Result<Self, IssuerUnavailable> {
        Ok(Self {
            url,
            client: http_client()?,
            options,
            clock,
            keys: ArcSwapOption::empty(),
            fetched_at: AtomicI64::new(i64::MIN),
            attempt: Mutex::new(None),
            fetches: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            arrived: tokio::sync::Notify::new(),
            versions: Versions::default(),
        })
    }

    /// The keys, unless none were ever fetched or the last fetch lies too far back.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        let known = if self.is_fresh(self.clock.now()) { self.keys.load_full() } else { None };
        known.or_else(|| self.options.foreign.map(|_| Arc::new(KeySet::empty())))
    }

    /// Shows [`JwksClient::current`] at `now`, which is by the client's clock, to whoever looks at it
    /// briefly; nothing that many threads share is written on the way.
    pub fn consult<T>(&self, now: Timestamp, look: impl FnOnce(Option<&KeySet>) -> T) -> T {
        // In this order: keys that were too old must not pass for fresh because others came meanwhile.
        let fresh = self.is_fresh(now);
        match self.keys.load().as_deref() {
            Some(keys) if fresh => look(Some(keys)),
            _ if self.is_foreign() => look(Some(&KeySet::empty())),
            _ => look(None),
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let fetched = Timestamp::from_micros(self.fetched_at.load(Ordering::Acquire));
        now.since(fetched) <= self.options.max_stale
    }

    /// Puts keys in as if they had been fetched now.
    #[cfg(test)]
    pub(crate) fn put(&self, keys: KeySet) {
        self.keys.store(Some(Arc::new(keys)));
        self.fetched_at.store(self.clock.now().as_micros(), Ordering::Release);
    }

    /// How many fetches were made.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }

    /// Fetches because of an unknown `kid`, unless the cooldown forbids it. Says whether the key is
    /// known afterwards.
    pub async fn look_for(self: &Arc<Self>, kid: &str) -> bool {
        let (client, wanted) = (Arc::clone(self), kid.to_owned());
        // A task of its own: a client that hangs up must not take the fetch of everybody with it.
        let looked = tokio::spawn(async move {
            let mut attempt = client.attempt.lock().await;
            let cold = attempt.is_none_or(|at| client.clock.now().since(at) >= client.options.cooldown);
            if cold && !client.knows(&wanted) {
                client.fetch(&mut attempt).await;
            }
        });
        looked.await.is_ok() && self.knows(kid)
    }

    /// The issuer says that its key set has this version: fetches until it is here, outside the
    /// cooldown, so that new keys are known before the first token under them.
    pub fn announced(self: &Arc<Self>, version: i64) {
        self.versions.announced.store(version, Ordering::Release);
        if self.is_current() || self.versions.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let client = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(pause) = Self::catch_up(&client).await {
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Fetches, and says how long to wait until the next time; nothing once the announced version is
    /// here or nobody has the client.
    async fn catch_up(client: &Weak<Self>) -> Option<Duration> {
        let client = client.upgrade()?;
        client.refresh().await;
        if !client.is_current() {
            return Some(ASK_AGAIN);
        }
        client.versions.asking.store(false, Ordering::Release);
        None
    }

    fn is_current(&self) -> bool {
        // Equal, not greater: a database that was put back begins with a lower version.
        self.versions.fetched.load(Ordering::Acquire) == self.versions.announced.load(Ordering::Acquire)
    }

    /// Whether the keys are another issuer's.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        self.options.foreign.is_some()
    }

    /// Waits until keys have been fetched. [`JwksClient::follow`] must be running.
    pub async fn known(&self) {
        while self.current().is_none() {
            self.arrived.notified().await;
        }
    }

    fn knows(&self, kid: &str) -> bool {
        self.current().is_some_and(|keys| matches!(keys.find(Some(kid)), Found::Key(_)))
    }

    /// Keeps the keys fresh until the client is dropped by everybody else.
    pub fn follow(self: &Arc<Self>) {
        let client = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(pause) = Self::refresh_if_used(&client).await {
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Fetches, and says how long to wait until the next time; nothing once nobody has the client.
    async fn refresh_if_used(client: &Weak<Self>) -> Option<Duration> {
        let client = client.upgrade()?;
        let mut attempt = client.attempt.lock().await;
        let fetched = client.fetch(&mut attempt).await;
        Some(match (fetched, client.keys.load().is_some()) {
            (true, _) => REFRESH.min(client.options.max_stale / 2),
            (false, true) => RETRY_KNOWN,
            (false, false) => RETRY,
        })
    }

    /// Fetches now, outside the cooldown. Says whether keys are known afterwards.
    pub async fn refresh(&self) -> bool {
        let mut attempt = self.attempt.lock().await;
        self.fetch(&mut attempt).await;
        drop(attempt);
        self.current().is_some()
    }

    /// Fetches, and says whether that succeeded.
    async fn fetch(&self, attempt: &mut Option<Timestamp>) -> bool {
        *attempt = Some(self.clock.now());
        self.fetches.fetch_add(1, Ordering::Relaxed);
        match self.download().await {
            Ok((keys, version)) => {
                self.keys.store(Some(Arc::new(keys)));
                self.versions.fetched.store(version, Ordering::Release);
                self.fetched_at.store(self.clock.now().as_micros(), Ordering::Release);
                self.arrived.notify_one();
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(jwks.host = self.host(), "the key set was fetched again");
                }
                return true;
            }
            // Once when a failure begins.
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                let host = self.host();
                tracing::warn!(jwks.host = host, %error, "the key set could not be fetched; trying again");
            }
            Err(error) => tracing::debug!(%error, "the key set could not be fetched"),
        }
        false
    }

    /// What logs call the issuer: its URL may hold credentials.
    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The keys, and the version that the issuer gives them (0: none).
    async fn download(&self) -> Result<(KeySet, i64), IssuerUnavailable> {
        let unusable = |e: reqwest::Error| IssuerUnavailable(e.without_url().to_string());
        let request = self.client.get(self.url.clone()).send().await.map_err(unusable)?;
        let mut response = request.error_for_status().map_err(unusable)?;
        let version = response.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        let version = version.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unusable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(IssuerUnavailable("the key set is larger than 256 KiB".into()));
            }
        }
        Ok((parse(&body, self.options.foreign)?, version))
    }
}
