//! What a session does, as a counter: the rules of rotation in thirty lines, against which the services
//! are held.

use proptest::prelude::*;

/// Seconds that a refresh token lives: short, so that histories see tokens expire.
pub(crate) const REFRESH_LIFETIME: i64 = 60;
/// Seconds that a session lives, however often it is refreshed.
pub(crate) const SESSION_LIFETIME: i64 = 150;
/// Seconds within which a retry gets the same successor.
pub(crate) const GRACE: i64 = 10;

/// Something that happens to a session. `back` names a token by how many generations it is behind the
/// newest, so that any part of a history makes sense by itself; `at` is the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// A refresh.
    Refresh { back: usize, at: usize },
    /// Two refreshes of one token at once, one at each process.
    Race { back: usize },
    /// The end of the session, asked for with any of its tokens.
    Blacklist { back: usize, at: usize },
    /// Seconds go by.
    Pass { seconds: u16 },
}

/// What an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// A pair that was not there before.
    NewPair,
    /// The newest pair, again.
    SamePair,
    /// 200 without a pair: the session has been ended.
    Ended,
    /// 401 `Token is blacklisted`
    Blacklisted,
    /// 401 `Token is expired`
    Expired,
}

/// A session as it should be.
#[derive(Debug)]
pub(crate) struct Model {
    /// Seconds since the login.
    now: i64,
    /// When the newest pair was made, likewise.
    pub(crate) rotated_at: i64,
    /// Why the session has ended.
    pub(crate) ended: Option<&'static str>,
    /// When each generation's refresh token expires; the last one is the newest.
    expiries: Vec<i64>,
}

impl Model {
    /// A session just begun.
    pub(crate) fn new() -> Self {
        Self { now: 0, rotated_at: 0, ended: None, expiries: vec![REFRESH_LIFETIME] }
    }

    /// The newest generation.
    pub(crate) fn generation(&self) -> usize {
        self.expiries.len() - 1
    }

    /// The generation that is so many behind the newest, or the first.
    pub(crate) fn behind(&self, back: usize) -> usize {
        self.generation().saturating_sub(back)
    }

    pub(crate) fn pass(&mut self, seconds: u16) {
        self.now += i64::from(seconds);
    }

    pub(crate) fn refresh(&mut self, token: usize) -> Expected {
        if let Some(refused) = self.refused(token) {
            return refused;
        }
        if token == self.generation() {
            self.rotated_at = self.now;
            self.expiries.push((self.now + REFRESH_LIFETIME).min(SESSION_LIFETIME));
            return Expected::NewPair;
        }
        if token + 1 == self.generation() && self.now - self.rotated_at <= GRACE {
            return Expected::SamePair;
        }
        self.ended = Some("reuse");
        Expected::Blacklisted
    }

    pub(crate) fn blacklist(&mut self, token: usize) -> Expected {
        if let Some(refused) = self.refused(token) {
            return refused;
        }
        self.ended = Some("blacklisted");
        Expected::Ended
    }

    /// A token that has expired is refused for that, whatever its session is.
    fn refused(&self, token: usize) -> Option<Expected> {
        if self.expiries[token] <= self.now {
            return Some(Expected::Expired);
        }
        self.ended.map(|_| Expected::Blacklisted)
    }
}

/// Histories of up to 16 events. Most refresh the newest token or its parent, and most pauses are
/// around the grace window, for there the rules change.
pub(crate) fn histories() -> impl Strategy<Value = Vec<Event>> {
    let back = || prop_oneof![6 => Just(0usize), 4 => Just(1), 1 => 2usize..5];
    let event = prop_oneof![
        8 => (back(), 0usize..2).prop_map(|(back, at)| Event::Refresh { back, at }),
        3 => back().prop_map(|back| Event::Race { back }),
        1 => (back(), 0usize..2).prop_map(|(back, at)| Event::Blacklist { back, at }),
        6 => prop_oneof![3 => 0u16..4, 3 => 9u16..12, 1 => 20u16..80]
            .prop_map(|seconds| Event::Pass { seconds }),
    ];
    proptest::collection::vec(event, 1..=16)
}
