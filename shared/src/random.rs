//! Randomness: the one module that asks the operating system for it.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::clock::Timestamp;

/// `N` bytes from the operating system's generator.
///
/// # Panics
/// When the operating system cannot give randomness: nothing secure can be done after that.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "without randomness no secret may be made; stopping is the safe answer"
)]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).expect("the operating system gives randomness");
    out
}

/// 32 lower-case hexadecimal characters, the form of a `jti`.
#[must_use]
pub fn hex32() -> String {
    hex::encode(bytes::<16>())
}

/// A UUIDv7 (RFC 9562) of the given time: sortable by creation, unguessable in its last 74 bits.
#[must_use]
pub fn uuid_v7(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes::<10>()).into_uuid()
}
