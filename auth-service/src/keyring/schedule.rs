//! The schedule of managed keys: pure rules over the rows, the time and the settings.
//!
//! A key is published ahead, so that validators know it before its first token; then it signs; once
//! its successor signs it is retired and only verifies, for as long as a token under it may live;
//! then it is gone. Who signs follows from the times in the rows alone, so that replicas agree
//! without a word; what changes rows is decided by one of them, under a lock.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};
use shared::Timestamp;

use crate::store::keys::StoredKey;

/// One key's times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key's id.
    pub kid: String,
    /// Creation.
    pub created_at: Timestamp,
    /// From when it may sign.
    pub signs_from: Timestamp,
    /// When it stops to verify; none while nothing has taken its place.
    pub retires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl From<&StoredKey> for Entry {
    fn from(row: &StoredKey) -> Self {
        Self {
            kid: row.kid.clone(),
            created_at: row.created_at,
            signs_from: row.signs_from.unwrap_or(row.created_at),
            retires_at: row.retires_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// What a key is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Verifies already, signs later.
    Published,
    /// Signs what is new.
    Signing,
    /// Verifies what it signed.
    Retired,
    /// Verifies nothing: every token under it has expired.
    Gone,
    /// Verifies nothing: somebody revoked it.
    Revoked,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Retired => "retired",
            Self::Gone => "gone",
            Self::Revoked => "revoked",
        })
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Entry {
    /// Whether the key verifies.
    #[must_use]
    pub fn verifies(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.retires_at.is_none_or(|until| now < until)
    }

    /// The key's state beside the other keys of its purpose.
    #[must_use]
    pub fn state(&self, of_purpose: &[Self], now: Timestamp) -> State {
        if self.revoked_at.is_some() {
            State::Revoked
        } else if !self.verifies(now) {
            State::Gone
        } else if signing(of_purpose, now).is_some_and(|signing| signing.kid == self.kid) {
            State::Signing
        } else if self.retires_at.is_none() && now < self.signs_from {
            State::Published
        } else {
            State::Retired
        }
    }

    fn is_in_use(&self) -> bool {
        self.retires_at.is_none() && self.revoked_at.is_none()
    }

    /// Of two that may sign the greater does. The id decides between keys of one moment.
    fn rank(&self) -> (Timestamp, Timestamp, &str) {
        (self.signs_from, self.created_at, &self.kid)
    }
}

/// The key that signs at `now`: of those in use the one whose time came last. Where no time has come
/// yet, as on a replica whose clock is behind, the first to come signs; where nothing is in use, the
/// last to go.
#[must_use]
pub fn signing(of_purpose: &[Entry], now: Timestamp) -> Option<&Entry> {
    let in_use = || of_purpose.iter().filter(|entry| entry.is_in_use());
    let due = in_use().filter(|entry| entry.signs_from <= now).max_by_key(|entry| entry.rank());
    let next = || in_use().min_by_key(|entry| entry.rank());
    let left = || of_purpose.iter().filter(|e| e.verifies(now)).max_by_key(|e| e.retires_at);
    due.or_else(next).or_else(left)
}

/// How keys of one purpose are rotated.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a key signs; none: until somebody rotates it.
    pub rotation: Option<Duration>,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
    /// How long a key verifies after it has signed for the last time.
    pub verifies_for: Duration,
}

/// What to do now, and when to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Make a key that signs from then on.
    pub make: Option<Timestamp>,
    /// Let this published key sign at once: nothing else can.
    pub promote: Option<String>,
    /// Take these out of use; they verify until then.
    pub retire: Vec<(String, Timestamp)>,
    /// Delete these: they verify nothing any more.
    pub forget: Vec<String>,
    /// The next moment at which there is something to do.
    pub look_again: Option<Timestamp>,
}

impl Plan {
    /// Whether there is nothing to do now.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self == Self { look_again: self.look_again, ..Self::default() }
    }
}

/// What the keys of one purpose need at `now`.
#[must_use]
pub fn plan(of_purpose: &[Entry], now: Timestamp, pace: &Pace) -> Plan {
    let mut plan = Plan::default();
    let mut moments = Vec::new();
    let in_use = || of_purpose.iter().filter(|entry| entry.is_in_use());
    let upcoming = in_use().filter(|entry| now < entry.signs_from).min_by_key(|entry| entry.rank());
    let current = in_use().filter(|entry| entry.signs_from <= now).max_by_key(|entry| entry.rank());
    match (current, upcoming) {
        (None, None) => plan.make = Some(now),
        (None, Some(next)) => plan.promote = Some(next.kid.clone()),
        (Some(_), Some(next)) => moments.push(next.signs_from),
        (Some(current), None) => {
            if let Some(rotation) = pace.rotation {
                let ends = current.signs_from.after(rotation);
                let due = ends.before(pace.publish_ahead);
                if now < due {
                    moments.push(due);
                } else {
                    // Late, as after a long stop: published ahead all the same.
                    plan.make = Some(ends.max(now.after(pace.publish_ahead)));
                }
            }
        }
    }
    moments.extend(plan.make.filter(|from| now < *from));
    for entry in of_purpose {
        let over = match (entry.revoked_at, entry.retires_at) {
            // Kept for a while, so that whoever looks sees what was done.
            (Some(revoked), _) => revoked.after(pace.verifies_for),
            (None, Some(until)) => until,
            (None, None) => {
                if current.is_some_and(|current| current.kid != entry.kid) && entry.signs_from <= now {
                    let until = now.after(pace.verifies_for);
                    plan.retire.push((entry.kid.clone(), until));
                    moments.push(until);
                }
                continue;
            }
        };
        if over <= now {
            plan.forget.push(entry.kid.clone());
        } else {
            moments.push(over);
        }
    }
    plan.look_again = moments.into_iter().min();
    plan
}

#[cfg(test)]
mod tests;
