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

/// A `UUIDv7` (RFC 9562) of the given time: sortable by creation, unguessable in its last 62 bits.
///
/// The 12 bits behind the milliseconds hold the microseconds (section 6.2, method 3), so that rows
/// created one after the other within a millisecond sort in that order too.
#[must_use]
pub fn uuid_v7(now: Timestamp) -> Uuid {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let fraction = u16::try_from(micros % 1000 * 4096 / 1000).unwrap_or(0).to_be_bytes();
    let mut random = bytes::<10>();
    for (byte, precise) in random.iter_mut().zip(fraction) {
        *byte = precise;
    }
    uuid::Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_the_microsecond_of_their_birth() {
        let ids: Vec<Uuid> =
            (0..3000).map(|i| uuid_v7(Timestamp::from_micros(1_795_444_848_000_500 + i))).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_ne!(uuid_v7(Timestamp::from_secs(1)), uuid_v7(Timestamp::from_secs(1)));
    }
}
