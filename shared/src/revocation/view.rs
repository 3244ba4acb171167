//! [`Revocations`]: the set, and whether it may still be believed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Entry, Kind, RevocationSet, Roles, SessionKey, UnknownKind};
use crate::{Claims, Clock, clock::monotonic_micros, config::process::RevocationPolicy, token::Refusal};

/// What a validator knows of revocation. Clones share it.
///
/// The set only grows until entries expire: an instance that has refused a token never accepts it
/// again, whatever a later snapshot says.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    set: RevocationSet,
    roles: Roles,
    policy: RevocationPolicy,
    clock: Clock,
    /// When the issuer last said that nothing is missing, on the monotonic clock, in microseconds.
    heard_at: AtomicI64,
    /// The place of the latest entry.
    seq: AtomicI64,
    snapshots: AtomicU64,
    lag: AtomicU64,
    /// Whether an entry came that this release does not understand.
    incomprehensible: AtomicBool,
    arrived: tokio::sync::watch::Sender<bool>,
}

const NEVER: i64 = i64::MIN;

impl Revocations {
    /// A view that has heard nothing yet.
    #[must_use]
    pub fn new(policy: RevocationPolicy, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            set: RevocationSet::default(),
            roles: Roles::default(),
            policy,
            clock,
            heard_at: AtomicI64::new(NEVER),
            seq: AtomicI64::new(0),
            snapshots: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            incomprehensible: AtomicBool::new(false),
            arrived: tokio::sync::watch::Sender::new(false),
        }))
    }

    /// A view for those who do not follow revocation: it refuses nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::new(RevocationPolicy::OFF, Clock::System)
    }

    /// Whether revocation is followed at all.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.0.policy.follow
    }

    /// Refuses what has been revoked; and everything, if that cannot be known.
    pub fn check(&self, claims: &Claims, kid: Option<&str>) -> Result<(), Refusal> {
        if !self.0.policy.follow {
            return Ok(());
        }
        self.decide(self.0.set.refuses(claims, kid))
    }

    /// [`Revocations::check`] for whoever keeps the token's [`SessionKey`].
    pub fn check_in(&self, session: SessionKey, claims: &Claims, kid: Option<&str>) -> Result<(), Refusal> {
        if !self.0.policy.follow {
            return Ok(());
        }
        self.decide(self.0.set.refuses_in(session, claims, kid))
    }

    fn decide(&self, refused: Option<Kind>) -> Result<(), Refusal> {
        match refused {
            Some(kind) => Err(Refusal::Revoked(kind)),
            None if self.may_be_believed() => Ok(()),
            None => Err(Refusal::RevocationUnknown),
        }
    }

    fn may_be_believed(&self) -> bool {
        match self.staleness() {
            _ if self.0.incomprehensible.load(Ordering::Acquire) => false,
            None => false,
            Some(age) => age <= self.0.policy.max_staleness || self.0.policy.carry_on,
        }
    }

    /// Time since the issuer last said that nothing is missing; none before the first snapshot.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        let heard = self.0.heard_at.load(Ordering::Acquire);
        let now = monotonic_micros();
        (heard != NEVER).then(|| Duration::from_micros(u64::try_from(now - heard).unwrap_or(0)))
    }

    /// Whether requests are answered in spite of a silence longer than allowed.
    #[must_use]
    pub fn carries_on(&self) -> bool {
        self.0.policy.follow
            && self.staleness().is_some_and(|age| age > self.0.policy.max_staleness)
            && self.0.policy.carry_on
    }

    /// Whether tokens can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.0.policy.follow || self.may_be_believed()
    }

    /// Adds an entry as it comes. One of an unknown kind makes the whole view unknown: what it
    /// refuses cannot be told, so nothing may be accepted. Upgrade validators before the auth service.
    pub fn receive(&self, entry: Result<Entry, UnknownKind>) {
        match entry {
            Ok(entry) => self.0.set.insert(&entry),
            Err(error) if !self.0.incomprehensible.swap(true, Ordering::AcqRel) => {
                tracing::error!(%error, "this release is too old for the revocation feed");
            }
            Err(_) => {}
        }
    }

    /// What roles permit, where tokens do not list it.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.0.roles
    }

    /// Makes room for so many entries in all.
    pub fn expect(&self, entries: usize) {
        self.0.set.expect(entries);
    }

    /// The issuer says that nothing up to `seq` is missing, and that this was so at `at`, by
    /// [`monotonic_micros`].
    pub fn complete(&self, seq: i64, at: i64) {
        self.0.seq.store(seq, Ordering::Release);
        self.0.heard_at.fetch_max(at, Ordering::AcqRel);
        self.0.arrived.send_if_modified(|arrived| !std::mem::replace(arrived, true));
    }

    /// Whether this is the only handle left.
    pub(crate) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.0) <= 1
    }

    /// Notes how long the latest entries were under way.
    pub fn note_lag(&self, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.0.lag.store(micros, Ordering::Relaxed);
    }

    /// How long the latest entries were under way, from the auth service's reading to their arrival.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.0.lag.load(Ordering::Relaxed))
    }

    /// Counts a snapshot.
    pub fn count_snapshot(&self) {
        self.0.snapshots.fetch_add(1, Ordering::Relaxed);
    }

    /// How many snapshots were loaded.
    #[must_use]
    pub fn snapshots(&self) -> u64 {
        self.0.snapshots.load(Ordering::Relaxed)
    }

    /// Waits for the first snapshot; at once if revocation is not followed.
    pub async fn known(&self) {
        if self.0.policy.follow {
            let mut arrived = self.0.arrived.subscribe();
            // The sender lives as long as `self`.
            let _ = arrived.wait_for(|arrived| *arrived).await;
        }
    }

    /// The place of the latest entry.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.0.seq.load(Ordering::Acquire)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.set.len()
    }

    /// Whether nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.set.is_empty()
    }

    /// Forgets entries that can refuse nothing any more.
    pub fn sweep(&self) {
        self.0.set.sweep(self.0.clock.now());
    }

    /// The clock that the view goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Which kind of entry refuses this token, whether or not the view is fresh.
    #[must_use]
    pub fn refuses(&self, claims: &Claims, kid: Option<&str>) -> Option<Kind> {
        self.0.set.refuses(claims, kid)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Timestamp, claims::ClaimNames};

    fn view(carry_on: bool) -> Revocations {
        let policy = RevocationPolicy { carry_on, ..RevocationPolicy::default() };
        Revocations::new(policy, Clock::System)
    }

    fn claims() -> Claims {
        let map = json!({"jti": "a", "exp": 1}).as_object().cloned().unwrap();
        Claims::take(map, &ClaimNames::default())
    }

    fn long_ago() -> i64 {
        monotonic_micros() - 31_000_000
    }

    fn revoked() -> Entry {
        let expires_at = Timestamp::from_secs(i64::from(u32::MAX));
        Entry { seq: 1, kind: Kind::Jti, key: "a".into(), bound: None, expires_at }
    }

    #[test]
    fn nothing_is_accepted_before_the_first_snapshot() {
        for carry_on in [false, true] {
            let view = view(carry_on);
            assert_eq!(view.check(&claims(), None), Err(Refusal::RevocationUnknown));
            view.complete(0, monotonic_micros());
            assert_eq!(view.check(&claims(), None), Ok(()));
        }
    }

    #[test]
    fn silence_beyond_the_limit_refuses_unless_told_to_carry_on() {
        let (strict, lax) = (view(false), view(true));
        for view in [&strict, &lax] {
            view.complete(0, long_ago());
        }
        assert_eq!(strict.check(&claims(), None), Err(Refusal::RevocationUnknown));
        assert_eq!((lax.check(&claims(), None), lax.carries_on()), (Ok(()), true));
        strict.complete(0, monotonic_micros());
        assert_eq!(strict.check(&claims(), None), Ok(()));
        // A heartbeat that was held up somewhere speaks of its own time.
        strict.complete(0, long_ago());
        assert_eq!(strict.check(&claims(), None), Ok(()));
    }

    #[test]
    fn what_was_refused_stays_so_while_the_feed_is_away() {
        let view = view(false);
        view.receive(Ok(revoked()));
        view.complete(1, long_ago());
        assert_eq!(view.check(&claims(), None), Err(Refusal::Revoked(Kind::Jti)));
    }

    #[test]
    fn an_entry_that_cannot_be_understood_refuses_everything() {
        let view = view(true);
        view.complete(0, monotonic_micros());
        view.receive(Err(UnknownKind("tenant".into())));
        assert_eq!(view.check(&claims(), None), Err(Refusal::RevocationUnknown));
    }
}
