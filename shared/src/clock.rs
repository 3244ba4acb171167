//! Time, passed in: services ask a [`Clock`], tests move it.
//!
//! PostgreSQL keeps microseconds, so every [`Timestamp`] is truncated to them at birth: what was
//! written equals what is read back, on both engines.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Serialize, Serializer};

/// An instant in UTC, whole microseconds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = crate::db::types::Instant)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The beginning of 1970, UTC.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// From microseconds since the Unix epoch, clamped to the years jiff can express (-9999 to 9999).
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        let fallback = if micros < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(fallback))
    }

    /// From whole seconds since the Unix epoch, clamped like [`Timestamp::from_micros`].
    #[must_use]
    pub fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// From jiff's instant, truncated to microseconds.
    #[must_use]
    pub fn from_jiff(instant: jiff::Timestamp) -> Self {
        Self::from_micros(instant.as_microsecond())
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since the Unix epoch, rounded down: what goes into `exp` and `iat`.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.as_micros().div_euclid(1_000_000)
    }

    /// The same instant as jiff's type, for calendar questions.
    #[must_use]
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// This instant moved forward, saturating.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self::from_micros(self.as_micros().saturating_add(micros(by)))
    }

    /// This instant moved back, saturating.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self::from_micros(self.as_micros().saturating_sub(micros(by)))
    }

    /// Time since `earlier`, zero when `earlier` lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.as_micros() - earlier.as_micros()).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Django REST framework's form: `2026-11-23T14:40:48.123456Z`, the fraction left out when it is zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = if self.as_micros().rem_euclid(1_000_000) == 0 { 0 } else { 6 };
        write!(f, "{:.precision$}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the time comes from. Clones of a manual clock move together.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until a test advances it, in microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_micros())))
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_jiff(jiff::Timestamp::now()),
            Self::Manual(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(now) = self {
            now.fetch_add(micros(by), Ordering::SeqCst);
        }
    }
}

/// Microseconds on a clock that never steps back, from an arbitrary beginning: for measuring how long
/// ago something was, whatever happens to the time of day. A manual clock does not move it.
#[must_use]
pub fn monotonic_micros() -> i64 {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGINNING.get_or_init(Instant::now).elapsed();
    // Never zero or less, so that "never" can be told apart.
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_dropped_only_when_it_is_zero() {
        assert_eq!(Timestamp::from_secs(1_795_444_848).to_string(), "2026-11-23T14:40:48Z");
        assert_eq!(Timestamp::from_micros(1_795_444_848_120_000).to_string(), "2026-11-23T14:40:48.120000Z");
    }

    #[test]
    fn times_are_written_as_the_original_writes_them() {
        // Microseconds since 1970; checked against DRF 3.18.3.
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (999_999, "1970-01-01T00:00:00.999999Z"),
            (1_000_000, "1970-01-01T00:00:01Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-1_000_000, "1969-12-31T23:59:59Z"),
            (1_795_444_848_123_456, "2026-11-23T14:40:48.123456Z"),
            (1_795_444_848_000_000, "2026-11-23T14:40:48Z"),
            (1_795_444_848_100_000, "2026-11-23T14:40:48.100000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn nanoseconds_are_dropped() {
        let nanos = jiff::Timestamp::from_nanosecond(999).unwrap();
        assert_eq!(Timestamp::from_jiff(nanos).to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_manual_clock_moves_with_its_clones() {
        let clock = Clock::manual(Timestamp::from_secs(100));
        let other = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now(), Timestamp::from_secs(105));
    }

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_micros(-1).as_secs(), -1);
    }
}
