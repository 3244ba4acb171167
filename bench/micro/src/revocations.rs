//! Lists of what is revoked.

use std::time::Duration;

use shared::{
    Clock,
    clock::monotonic_micros,
    config::process::RevocationPolicy,
    random,
    revocation::{Entry, Kind, Revocations},
};

/// A list that has just been told so many ended sessions, and will not be missed for an hour.
#[must_use]
pub fn list(entries: usize) -> Revocations {
    let policy = RevocationPolicy { max_staleness: Duration::from_secs(3600), ..RevocationPolicy::default() };
    let revocations = Revocations::new(policy, Clock::System);
    revocations.complete(0, monotonic_micros());
    for seq in 1..=entries {
        revocations.receive(Ok(entry(i64::try_from(seq).unwrap())));
    }
    revocations
}

/// The end of a session of nobody's.
#[must_use]
pub fn entry(seq: i64) -> Entry {
    let now = Clock::System.now();
    Entry {
        seq,
        kind: Kind::Session,
        key: random::uuid_v7(now).to_string(),
        bound: None,
        expires_at: now.after(Duration::from_secs(36_000)),
    }
}
