//! [`HeldTokens`]: the access tokens that Basic credentials were exchanged for, for a minute.
//!
//! Hashing a password on each request would cost more than everything else together. What is held
//! is not the decision but a token, and the token is verified on each request: so whatever refuses
//! tokens refuses these. Only successes are held: a wrong password is asked about each time, so that
//! attempts count where they are counted.

mod store;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use tokio::sync::watch;

pub(super) use self::store::Key;
use self::store::Store;
use crate::{
    Clock, Issuer, Secret, Timestamp,
    issuer::{ExchangeError, Exchanged, Presented},
    random,
};

/// An access token, shared by all requests that it answers.
pub(super) type Token = Arc<Secret<String>>;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    /// No such user, or another password.
    Refused,
    /// The user is not active.
    Inactive,
    /// Nobody decided.
    Undecided(ExchangeError),
}

type Outcome = Result<Token, Denied>;

/// Tokens by the credentials that they were given for. Clones share them.
#[derive(Clone)]
pub struct HeldTokens(Arc<Inner>);

struct Inner {
    /// Made for this process: what is in memory does not show which password it belongs to.
    key: hmac::Key,
    clock: Clock,
    store: Mutex<Store<Landing>>,
}

impl std::fmt::Debug for HeldTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldTokens")
    }
}

impl HeldTokens {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>());
        Self(Arc::new(Inner { key, clock, store: Mutex::default() }))
    }

    /// What these credentials are held under: HMAC-SHA-256 over both, the name preceded by its
    /// length, so that no other pair has the same.
    pub(super) fn key(&self, presented: &Presented) -> Key {
        let mut context = hmac::Context::with_key(&self.0.key);
        context.update(&presented.username.len().to_be_bytes());
        context.update(presented.username.as_bytes());
        context.update(presented.password.expose().as_bytes());
        Key::new(context.sign().as_ref())
    }

    /// The token held for the key, or what the issuer answers. Any number of requests at once make
    /// one exchange.
    pub(super) async fn obtain(&self, key: &Key, issuer: &Issuer, presented: &Presented) -> Outcome {
        let (mut landing, flight) = match self.board(key) {
            Boarded::Held(token) => return Ok(token),
            Boarded::Waiting(landing) => (landing, None),
            Boarded::First(landing, flight) => (landing, Some(flight)),
        };
        if let Some(flight) = flight {
            let (issuer, presented, began) = (issuer.clone(), presented.clone(), self.0.clock.now());
            // A task of its own: a client that hangs up must not take the exchange of everybody with it.
            tokio::spawn(async move { flight.land(exchange(&issuer, presented, began).await) });
        }
        let landed = landing.wait_for(Option::is_some).await;
        landed.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| {
            let broken = "the exchange was broken off".to_owned();
            Err(Denied::Undecided(ExchangeError::Unavailable(broken)))
        })
    }

    fn board(&self, key: &Key) -> Boarded {
        let mut store = self.lock();
        if let Some(token) = store.find(key, self.0.clock.now()) {
            return Boarded::Held(token);
        }
        if let Some(landing) = store.flight(key) {
            return Boarded::Waiting(landing.clone());
        }
        let (sender, landing) = watch::channel(None);
        store.take_off(key.clone(), landing.clone());
        Boarded::First(landing, Flight { held: self.clone(), key: key.clone(), sender, landed: None })
    }

    /// Forgets a token that was refused, unless another has taken its place.
    pub(super) fn forget(&self, key: &Key, token: &Token) {
        self.lock().forget(key, token);
    }

    fn lock(&self) -> MutexGuard<'_, Store<Landing>> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the outcome of an exchange under way will show.
type Landing = watch::Receiver<Option<Outcome>>;

enum Boarded {
    Held(Token),
    Waiting(Landing),
    /// The flight is the caller's to begin: not under the lock, which its end takes too.
    First(Landing, Flight),
}

/// An exchange under way. However it ends, it makes room for the next.
struct Flight {
    held: HeldTokens,
    key: Key,
    sender: watch::Sender<Option<Outcome>>,
    landed: Option<Result<(Token, Timestamp), Denied>>,
}

impl Flight {
    fn land(mut self, outcome: Result<(Token, Timestamp), Denied>) {
        self.landed = Some(outcome);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let landed = self.landed.take();
        let mut store = self.held.lock();
        store.land(&self.key);
        if let Some(Ok((token, until))) = &landed {
            let now = self.held.0.clock.now();
            store.keep(self.key.clone(), Arc::clone(token), (now, *until));
        }
        drop(store);
        self.sender.send_replace(landed.map(|landed| landed.map(|(token, _)| token)));
    }
}

/// Asks the issuer. A token's time is counted from before the question: it is never held past its
/// end, whatever the two clocks say.
async fn exchange(
    issuer: &Issuer,
    presented: Presented,
    began: Timestamp,
) -> Result<(Token, Timestamp), Denied> {
    match issuer.exchange(presented).await {
        Ok(Exchanged::Token { access, expires_in }) => {
            Ok((Arc::new(access), began.after(expires_in.min(store::LONGEST))))
        }
        Ok(Exchanged::Refused) => Err(Denied::Refused),
        Ok(Exchanged::Inactive) => Err(Denied::Inactive),
        Err(error) => {
            match &error {
                ExchangeError::NotAService => tracing::error!(%error, "Basic credentials cannot be checked"),
                ExchangeError::Unavailable(_) => {
                    tracing::warn!(%error, "Basic credentials cannot be checked");
                }
                ExchangeError::Busy(_) | ExchangeError::Throttled(_) => {
                    tracing::debug!(%error, "Basic credentials were not checked");
                }
            }
            Err(Denied::Undecided(error))
        }
    }
}
