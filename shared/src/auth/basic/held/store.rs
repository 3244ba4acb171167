//! [`Store`]: the tokens held and the exchanges under way, by key; bounded in number and time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::Token;
use crate::Timestamp;

/// The longest time that a token is held.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// The most tokens held at once; one more takes the place of the oldest.
const MOST: usize = 10_000;

/// A keyed digest of credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct Key(Arc<[u8]>);

impl Key {
    pub(super) fn new(digest: &[u8]) -> Self {
        Self(digest.into())
    }
}

struct Held {
    token: Token,
    from: Timestamp,
    until: Timestamp,
    serial: u64,
}

/// `F` is what those who wait for an exchange wait on.
pub(super) struct Store<F> {
    held: HashMap<Key, Held>,
    /// Every token held, in order of arrival; entries whose token is gone are passed over.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    flights: HashMap<Key, F>,
}

impl<F> Default for Store<F> {
    fn default() -> Self {
        Self { held: HashMap::new(), order: VecDeque::new(), serial: 0, flights: HashMap::new() }
    }
}

impl<F> Store<F> {
    /// The token held. A clock that was put back makes nothing live longer.
    pub(super) fn find(&self, key: &Key, now: Timestamp) -> Option<Token> {
        let held = self.held.get(key)?;
        (held.from <= now && now < held.until).then(|| Arc::clone(&held.token))
    }

    /// Holds a token from one time until another.
    pub(super) fn keep(&mut self, key: Key, token: Token, (from, until): (Timestamp, Timestamp)) {
        self.serial += 1;
        let serial = self.serial;
        self.held.insert(key.clone(), Held { token, from, until, serial });
        self.order.push_back((key, serial));
        while self.order.len() > MOST || self.oldest_is_over(from) {
            let Some((key, serial)) = self.order.pop_front() else { break };
            if self.held.get(&key).is_some_and(|held| held.serial == serial) {
                self.held.remove(&key);
            }
        }
    }

    fn oldest_is_over(&self, now: Timestamp) -> bool {
        let Some((key, serial)) = self.order.front() else { return false };
        self.held.get(key).is_none_or(|held| held.serial != *serial || held.until <= now)
    }

    /// Forgets this token, and no other.
    pub(super) fn forget(&mut self, key: &Key, token: &Token) {
        if self.held.get(key).is_some_and(|held| Arc::ptr_eq(&held.token, token)) {
            self.held.remove(key);
        }
    }

    /// The exchange under way.
    pub(super) fn flight(&self, key: &Key) -> Option<&F> {
        self.flights.get(key)
    }

    /// An exchange begins.
    pub(super) fn take_off(&mut self, key: Key, flight: F) {
        self.flights.insert(key, flight);
    }

    /// An exchange has ended.
    pub(super) fn land(&mut self, key: &Key) {
        self.flights.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Secret};

    fn key(number: usize) -> Key {
        Key::new(&number.to_be_bytes())
    }

    fn token() -> Token {
        Arc::new(Secret::new("a.b.c".to_owned()))
    }

    fn store() -> (Store<()>, Clock) {
        (Store::default(), Clock::manual(Timestamp::from_secs(1_800_000_000)))
    }

    #[test]
    fn a_token_is_held_until_its_time_and_not_a_microsecond_longer() {
        let (mut store, clock) = store();
        let now = clock.now();
        let kept = token();
        store.keep(key(1), Arc::clone(&kept), (now, now.after(LONGEST)));
        assert!(store.find(&key(1), now).is_some_and(|found| Arc::ptr_eq(&found, &kept)));
        assert!(store.find(&key(2), now).is_none());
        clock.advance(LONGEST.saturating_sub(Duration::from_micros(1)));
        assert!(store.find(&key(1), clock.now()).is_some());
        clock.advance(Duration::from_micros(1));
        assert!(store.find(&key(1), clock.now()).is_none());
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_token_live_longer() {
        let (mut store, clock) = store();
        let now = clock.now();
        store.keep(key(1), token(), (now, now.after(LONGEST)));
        assert!(store.find(&key(1), now.before(Duration::from_micros(1))).is_none());
    }

    #[test]
    fn only_the_token_that_was_refused_is_forgotten() {
        let (mut store, clock) = store();
        let now = clock.now();
        let (old, new) = (token(), token());
        store.keep(key(1), Arc::clone(&old), (now, now.after(LONGEST)));
        store.keep(key(1), Arc::clone(&new), (now, now.after(LONGEST)));
        store.forget(&key(1), &old);
        assert!(store.find(&key(1), now).is_some_and(|found| Arc::ptr_eq(&found, &new)));
        store.forget(&key(1), &new);
        assert!(store.find(&key(1), now).is_none());
    }

    #[test]
    fn the_ten_thousand_and_first_token_takes_the_place_of_the_oldest() {
        let (mut store, clock) = store();
        let now = clock.now();
        for number in 0..=MOST {
            store.keep(key(number), token(), (now, now.after(LONGEST)));
        }
        assert_eq!((store.held.len(), store.order.len()), (MOST, MOST));
        assert!(store.find(&key(0), now).is_none());
        assert!(store.find(&key(1), now).is_some() && store.find(&key(MOST), now).is_some());
    }

    #[test]
    fn what_is_over_makes_room_before_anything_else() {
        let (mut store, clock) = store();
        for number in 0..100 {
            store.keep(key(number), token(), (clock.now(), clock.now().after(LONGEST)));
        }
        let refused = token();
        store.keep(key(100), Arc::clone(&refused), (clock.now(), clock.now().after(LONGEST)));
        store.forget(&key(100), &refused);
        clock.advance(LONGEST);
        store.keep(key(101), token(), (clock.now(), clock.now().after(LONGEST)));
        assert_eq!((store.held.len(), store.order.len()), (1, 1));
    }

    #[test]
    fn one_pair_renewed_for_ever_takes_one_place() {
        let (mut store, clock) = store();
        for _ in 0..3 * MOST {
            store.keep(key(1), token(), (clock.now(), clock.now().after(LONGEST)));
        }
        assert_eq!((store.held.len(), store.order.len()), (1, 1));
        assert!(store.find(&key(1), clock.now()).is_some());
    }
}
