//! Estimates of what a scheme costs on this machine.
//!
//! Work is counted in the units of each family (rounds, KiB times passes) and multiplied by a price,
//! measured or documented. The memory-hard functions have a price per memory size: beyond the
//! processor's caches Argon2 takes about twice as long per KiB.

use std::time::{Duration, Instant};

use super::burn;
use super::scheme::{Argon2Params, Prf, Scheme};

/// Runs per price when measuring; the fastest counts.
const RUNS: u32 = 2;
/// Work of one sample at most: enough for a few percent of accuracy, some 20 ms.
const SAMPLE_ROUNDS: u32 = 50_000;
const SAMPLE_BCRYPT_COST: u32 = 8;
/// Memory up to which the documented price takes caches to help, in KiB.
const CACHED_KIB: u32 = 64 << 10;

/// Schemes of one class cost the same per unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Argon2 { memory_kib: u32 },
    Pbkdf2(Prf),
    Bcrypt,
    Scrypt { memory_kib: u32 },
}

/// Prices per unit of work, in picoseconds: as measured, and as documented where not measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostTable {
    measured: Vec<(Class, u64)>,
}

impl CostTable {
    /// Prices on one core of a cloud machine of 2023, nothing measured.
    ///
    /// Within a factor of two of most machines: enough where a single family is stored.
    #[must_use]
    pub const fn documented() -> Self {
        Self { measured: Vec::new() }
    }

    /// Measures on this machine what `schemes` cost, in about 50 ms per family, more for large memory.
    ///
    /// Blocks and takes the memory of each scheme in turn. Schemes not among them keep the documented
    /// price, so pass all there are, with the one for new hashes.
    #[must_use]
    pub fn measure<'a>(schemes: impl IntoIterator<Item = &'a Scheme>) -> Self {
        let mut measured: Vec<(Class, u64)> = vec![];
        for scheme in schemes {
            let class = class(scheme);
            if !measured.iter().any(|(known, _)| *known == class) {
                measured.push((class, measure_price(&sample(scheme))));
            }
        }
        Self { measured }
    }

    /// The time one verification under `scheme` takes, estimated.
    #[must_use]
    pub fn estimate(&self, scheme: &Scheme) -> Duration {
        let class = class(scheme);
        let measured = self.measured.iter().find(|(known, _)| *known == class);
        let price = measured.map_or_else(|| documented_price(class), |(_, price)| *price);
        Duration::from_nanos(units(scheme).saturating_mul(price) / 1000)
    }
}

fn class(scheme: &Scheme) -> Class {
    match *scheme {
        Scheme::Argon2 { params, .. } => Class::Argon2 { memory_kib: params.memory_kib() },
        Scheme::Pbkdf2 { prf, .. } => Class::Pbkdf2(prf),
        Scheme::Bcrypt { .. } => Class::Bcrypt,
        Scheme::Scrypt { log_n, block_size, .. } => Class::Scrypt { memory_kib: (block_size << log_n) / 8 },
    }
}

/// Picoseconds per unit of work.
fn documented_price(class: Class) -> u64 {
    match class {
        Class::Argon2 { memory_kib: ..=CACHED_KIB } => 500_000,
        Class::Argon2 { .. } => 1_000_000,
        Class::Pbkdf2(Prf::Sha256) => 300_000,
        Class::Pbkdf2(Prf::Sha1) => 250_000,
        Class::Bcrypt => 73_000_000,
        Class::Scrypt { .. } => 240_000,
    }
}

/// Work, in the units of the scheme's class.
fn units(scheme: &Scheme) -> u64 {
    match *scheme {
        Scheme::Argon2 { params, .. } => u64::from(params.memory_kib()) * u64::from(params.passes()),
        Scheme::Pbkdf2 { rounds, .. } => u64::from(rounds),
        Scheme::Bcrypt { cost, .. } => 1 << cost,
        Scheme::Scrypt { log_n, block_size, parallelism } => {
            (u64::from(block_size) * u64::from(parallelism)) << log_n
        }
    }
}

/// A scheme of the same class with less work.
fn sample(scheme: &Scheme) -> Scheme {
    match *scheme {
        Scheme::Argon2 { algorithm, version, params } => {
            let fewer = Argon2Params::new(params.memory_kib(), params.passes().min(2), params.lanes());
            Scheme::Argon2 { algorithm, version, params: fewer.unwrap_or(params) }
        }
        Scheme::Pbkdf2 { prf, .. } => Scheme::Pbkdf2 { prf, rounds: SAMPLE_ROUNDS },
        Scheme::Bcrypt { prehashed, .. } => Scheme::Bcrypt { prehashed, cost: SAMPLE_BCRYPT_COST },
        Scheme::Scrypt { log_n, block_size, .. } => Scheme::Scrypt { log_n, block_size, parallelism: 1 },
    }
}

/// Picoseconds per unit, by doing the work.
fn measure_price(scheme: &Scheme) -> u64 {
    let once = |_| {
        let begun = Instant::now();
        burn("calibration", scheme);
        begun.elapsed().as_nanos()
    };
    let fastest = (0..RUNS).map(once).min().unwrap_or_default();
    u64::try_from(fastest * 1000 / u128::from(units(scheme).max(1))).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(text: &str) -> Scheme {
        Scheme::of(text).unwrap()
    }

    #[test]
    fn what_was_measured_replaces_the_documented_price() {
        let texts = ["pbkdf2_sha256$1000000$", "pbkdf2_sha256$600000$", "scrypt$16$salt$8$1$"];
        let table = CostTable::measure(&texts.map(scheme));
        assert_eq!(table.measured.len(), 2);
        assert!(table.estimate(&scheme(texts[0])) > Duration::from_millis(1));
        let bcrypt = scheme("bcrypt$$2b$12$");
        assert_eq!(table.estimate(&bcrypt), CostTable::documented().estimate(&bcrypt));
    }

    #[test]
    fn an_estimate_grows_with_every_parameter() {
        for (cheap, dear) in [
            ("argon2$argon2id$v=19$m=64,t=1,p=1$", "argon2$argon2id$v=19$m=64,t=2,p=1$"),
            ("argon2$argon2id$v=19$m=65536,t=2,p=1$", "argon2$argon2id$v=19$m=65537,t=2,p=1$"),
            ("pbkdf2_sha1$1000$", "pbkdf2_sha1$2000$"),
            ("bcrypt$$2b$10$", "bcrypt_sha256$$2b$11$"),
            ("scrypt$16384$salt$8$1$", "scrypt$32768$salt$8$1$"),
            ("scrypt$16384$salt$8$1$", "scrypt$16384$salt$9$1$"),
            ("scrypt$16384$salt$8$1$", "scrypt$16384$salt$8$5$"),
        ] {
            let [cheap, dear] = [cheap, dear].map(|text| CostTable::documented().estimate(&scheme(text)));
            assert!(cheap < dear, "{cheap:?} {dear:?}");
        }
    }

    #[test]
    fn no_scheme_within_the_ceilings_overflows() {
        let argon2 = "argon2$argon2id$v=19$m=8,t=524288,p=1$";
        let scrypt = "scrypt$1048576$salt$8$4$";
        for text in [argon2, scrypt, "pbkdf2_sha1$20000000$", "bcrypt$$2b$17$", "scrypt$2$salt$255$255$"] {
            assert!(CostTable::documented().estimate(&scheme(text)) < Duration::from_mins(1), "{text}");
        }
    }
}
