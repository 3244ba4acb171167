//! What a scheme costs, so that every login can be made to cost the same.
//!
//! A login under a cheap scheme, or for a user who does not exist, is *topped up* to the costliest
//! scheme in the database with real work of that scheme: fewer PBKDF2 rounds, less Argon2 memory,
//! bcrypt and scrypt at a few lower powers of two that add up. Real work, unlike sleeping until a
//! deadline, slows down with a busy machine exactly as a verification does.
//!
//! What it promises: between hashes of one family (PBKDF2 at 600,000 and at 1,000,000 rounds) and for
//! unknown users, the time is the same but for scheduling noise and some 1 % of rounding. Between
//! families it is as good as the [`CostTable`]: [`CostTable::measure`] is right within a few percent
//! on the machine it ran on, [`CostTable::documented`] within a factor of about two. Once
//! every user has logged in and been rehashed, one family is left and the table no longer matters.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::burn;
use super::scheme::{Argon2Params, Malformed, Prf, Scheme};

/// Runs per family when measuring; the fastest counts.
const RUNS: u32 = 2;
/// Smallest bcrypt cost.
const MIN_BCRYPT_COST: u32 = 4;

/// Price of one unit of work per family, in picoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostTable {
    /// Argon2, per KiB and pass.
    argon2: u64,
    /// PBKDF2-HMAC-SHA-256, per round.
    pbkdf2_sha256: u64,
    /// PBKDF2-HMAC-SHA-1, per round.
    pbkdf2_sha1: u64,
    /// bcrypt, per round of its 2^cost.
    bcrypt: u64,
    /// scrypt, per N, block size and parallelism.
    scrypt: u64,
}

impl CostTable {
    /// Prices on one core of a server of 2023 with SHA and AVX2 instructions, without measuring.
    ///
    /// Enough to rank schemes, and to level where a single family is stored.
    #[must_use]
    pub const fn documented() -> Self {
        Self {
            argon2: 500_000,
            pbkdf2_sha256: 250_000,
            pbkdf2_sha1: 250_000,
            bcrypt: 55_000_000,
            scrypt: 400_000,
        }
    }

    /// Measures each family on this machine, in about a fifth of a second of one core.
    ///
    /// Call it on the [`HashPool`](super::HashPool), when more than one family is stored.
    #[must_use]
    pub fn measure() -> Self {
        let argon2 = Scheme::argon2id(Argon2Params::default());
        let pbkdf2 = |prf| Scheme::Pbkdf2 { prf, rounds: 50_000 };
        let bcrypt = Scheme::Bcrypt { prehashed: false, cost: 8 };
        let scrypt = Scheme::Scrypt { log_n: 14, block_size: 8, parallelism: 1 };
        Self {
            argon2: price(&argon2),
            pbkdf2_sha256: price(&pbkdf2(Prf::Sha256)),
            pbkdf2_sha1: price(&pbkdf2(Prf::Sha1)),
            bcrypt: price(&bcrypt),
            scrypt: price(&scrypt),
        }
    }

    /// The time one verification under `scheme` takes, estimated.
    #[must_use]
    pub fn estimate(&self, scheme: &Scheme) -> Duration {
        let price = match scheme {
            Scheme::Argon2 { .. } => self.argon2,
            Scheme::Pbkdf2 { prf: Prf::Sha256, .. } => self.pbkdf2_sha256,
            Scheme::Pbkdf2 { prf: Prf::Sha1, .. } => self.pbkdf2_sha1,
            Scheme::Bcrypt { .. } => self.bcrypt,
            Scheme::Scrypt { .. } => self.scrypt,
        };
        Duration::from_nanos(units(scheme).saturating_mul(price) / 1000)
    }
}

/// The costliest scheme a login may meet: that of new hashes, or a dearer one seen in the database.
#[derive(Debug, Clone, Copy)]
pub struct Costliest {
    table: CostTable,
    wanted: Argon2Params,
    scheme: Scheme,
}

impl Costliest {
    /// Starts from the scheme of new hashes.
    #[must_use]
    pub fn new(table: CostTable, wanted: Argon2Params) -> Self {
        Self { table, wanted, scheme: Scheme::argon2id(wanted) }
    }

    /// Takes in one scheme found in the database: a stored text, its beginning through the `$` after
    /// the cost, or a [`Scheme::label`].
    ///
    /// Errors tell that hashes like this one never verify; they are no reason to stop, and raise
    /// nothing: a row above the ceilings must not make every login slow.
    pub fn observe(&mut self, text: &str) -> Result<(), Malformed> {
        let scheme = Scheme::of(text)?;
        if self.table.estimate(&scheme) > self.table.estimate(&self.scheme) {
            self.scheme = scheme;
        }
        Ok(())
    }

    /// [`Costliest::observe`] for many, passing over the malformed.
    #[must_use]
    pub fn with<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            let _malformed_never_verifies = self.observe(text);
        }
        self
    }

    /// The scheme whose time every login takes.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The parameters of new hashes.
    #[must_use]
    pub fn wanted(&self) -> &Argon2Params {
        &self.wanted
    }

    /// Work to do besides a verification under `spent`; all of it when there was none.
    #[must_use]
    pub fn top_up(&self, spent: Option<&Scheme>) -> Vec<Scheme> {
        let Some(spent) = spent else { return vec![self.scheme] };
        let total = self.table.estimate(&self.scheme);
        let missing = total.saturating_sub(self.table.estimate(spent));
        portion(&self.scheme, missing.as_nanos(), total.as_nanos())
    }
}

/// Schemes of the same family as `scheme` whose work adds up to `part / whole` of its.
fn portion(scheme: &Scheme, part: u128, whole: u128) -> Vec<Scheme> {
    let scale = |amount: u32| {
        let scaled = (u128::from(amount) * part).checked_div(whole).unwrap_or(0);
        u32::try_from(scaled).unwrap_or(amount)
    };
    match *scheme {
        Scheme::Pbkdf2 { prf, rounds } => match scale(rounds) {
            0 => vec![],
            rounds => vec![Scheme::Pbkdf2 { prf, rounds }],
        },
        Scheme::Argon2 { algorithm, version, params } => {
            Argon2Params::new(scale(params.memory_kib()), params.passes(), params.lanes())
                .map(|params| vec![Scheme::Argon2 { algorithm, version, params }])
                .unwrap_or_default()
        }
        Scheme::Bcrypt { prehashed, cost } => powers(scale(1 << cost))
            .filter(|cost| *cost >= MIN_BCRYPT_COST)
            .map(|cost| Scheme::Bcrypt { prehashed, cost })
            .collect(),
        Scheme::Scrypt { log_n, block_size, parallelism } => powers(scale(1 << log_n))
            .filter_map(|log_n| u8::try_from(log_n).ok().filter(|log_n| *log_n > 0))
            .map(|log_n| Scheme::Scrypt { log_n, block_size, parallelism })
            .collect(),
    }
}

/// Exponents of the powers of two that add up to `sum`.
fn powers(sum: u32) -> impl Iterator<Item = u32> {
    (0..u32::BITS).filter(move |exponent| sum >> exponent & 1 == 1)
}

/// Work in the units of the scheme's family.
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

/// Picoseconds per unit, by doing it.
fn price(scheme: &Scheme) -> u64 {
    let once = |_| {
        let begun = Instant::now();
        burn(black_box("calibration"), scheme);
        begun.elapsed().as_nanos()
    };
    let fastest = (0..RUNS).map(once).min().unwrap_or_default();
    u64::try_from(fastest * 1000 / u128::from(units(scheme).max(1))).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: CostTable = CostTable::documented();

    fn costliest<const N: usize>(texts: [&str; N]) -> Costliest {
        Costliest::new(TABLE, Argon2Params::default()).with(texts)
    }

    #[test]
    fn without_a_database_the_scheme_of_new_hashes_is_the_costliest() {
        assert_eq!(costliest([]).scheme().label(), "argon2$argon2id$v=19$m=19456,t=2,p=1$$");
    }

    #[test]
    fn the_costliest_scheme_wins_in_any_order() {
        let texts = ["pbkdf2_sha256$1000$", "bcrypt$$2b$14$", "pbkdf2_sha256$1000000$", "bcrypt$$2b$12$"];
        let mut reversed = texts;
        reversed.reverse();
        for texts in [texts, reversed] {
            assert_eq!(costliest(texts).scheme().label(), "bcrypt$$2b$14$");
        }
    }

    #[test]
    fn a_cheaper_scheme_does_not_lower_the_level() {
        assert_eq!(costliest(["bcrypt$$2b$04$"]).scheme(), costliest([]).scheme());
    }

    #[test]
    fn hashes_that_never_verify_do_not_raise_the_level() {
        let mut level = costliest([]);
        for text in ["!abc", "", "md5$salt$abc", "bcrypt$$2b$31$", "pbkdf2_sha256$10000000000$"] {
            assert!(level.observe(text).is_err(), "{text}");
        }
        assert_eq!(level.scheme(), costliest([]).scheme());
    }

    #[test]
    fn an_unknown_user_costs_the_costliest_scheme_in_full() {
        let level = costliest(["pbkdf2_sha256$1000000$"]);
        assert_eq!(level.top_up(None), vec![*level.scheme()]);
    }

    #[test]
    fn the_costliest_scheme_itself_is_not_topped_up() {
        let level = costliest(["pbkdf2_sha256$1000000$"]);
        assert_eq!(level.top_up(Some(level.scheme())), vec![]);
        let dearer = Scheme::of("pbkdf2_sha256$2000000$").unwrap();
        assert_eq!(level.top_up(Some(&dearer)), vec![]);
    }

    #[test]
    fn within_a_family_the_missing_rounds_are_exact() {
        let level = costliest(["pbkdf2_sha256$1000000$"]);
        let old = Scheme::of("pbkdf2_sha256$600000$").unwrap();
        assert_eq!(level.top_up(Some(&old)), vec![Scheme::of("pbkdf2_sha256$400000$").unwrap()]);

        let level = costliest(["bcrypt$$2b$14$"]);
        let old = Scheme::of("bcrypt$$2b$12$").unwrap();
        let labels: Vec<_> = level.top_up(Some(&old)).iter().map(Scheme::label).collect();
        assert_eq!(labels, ["bcrypt$$2b$12$", "bcrypt$$2b$13$"]);
    }

    #[test]
    fn every_pair_of_schemes_adds_up_to_the_costliest() {
        let schemes = [
            "argon2$argon2id$v=19$m=19456,t=2,p=1$",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$",
            "pbkdf2_sha256$1000000$",
            "pbkdf2_sha1$260000$",
            "bcrypt$$2b$12$",
            "bcrypt_sha256$$2b$10$",
            "scrypt$16384$salt$8$5$",
            "scrypt$131072$salt$8$1$",
        ];
        for (level, spent) in
            schemes.iter().flat_map(|a| schemes.map(|b| (costliest([a]), Scheme::of(b).unwrap())))
        {
            let total = TABLE.estimate(level.scheme());
            let sum = level
                .top_up(Some(&spent))
                .iter()
                .fold(TABLE.estimate(&spent), |sum, s| sum + TABLE.estimate(s));
            let wanted = total.max(TABLE.estimate(&spent));
            assert!(sum <= wanted, "{spent} under {}", level.scheme());
            assert!(sum >= wanted.mul_f64(0.99), "{spent} under {}", level.scheme());
        }
    }

    #[test]
    fn the_measured_prices_are_of_this_world() {
        let estimate = CostTable::measure().estimate(&Scheme::argon2id(Argon2Params::default()));
        assert!(estimate > Duration::from_millis(1), "{estimate:?}");
    }
}
#[cfg(test)]
mod tmptiming {
    use super::*;
    #[test]
    #[ignore = "x"]
    fn timing() {
        let begun = Instant::now();
        let t = CostTable::measure();
        println!("{t:?} in {:?}", begun.elapsed());
        let wanted = Argon2Params::default();
        for top in [
            "argon2$argon2id$v=19$m=19456,t=2,p=1$$",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$",
            "pbkdf2_sha256$1000000$",
            "bcrypt$$2b$12$",
            "scrypt$16384$salt$8$5$",
        ] {
            let level = Costliest::new(t, wanted).with([top]);
            for s in [
                "argon2$argon2id$v=19$m=19456,t=2,p=1$$",
                "pbkdf2_sha256$260000$",
                "pbkdf2_sha256$720000$",
                "bcrypt$$2b$10$",
                "scrypt$16384$salt$8$1$",
            ] {
                let spent = Scheme::of(s).unwrap();
                let run = |sp: Option<Scheme>| {
                    (0..5)
                        .map(|_| {
                            let b = Instant::now();
                            if let Some(s) = sp {
                                burn("x", &s);
                            }
                            for x in level.top_up(sp.as_ref()) {
                                burn("x", &x);
                            }
                            b.elapsed()
                        })
                        .min()
                        .unwrap()
                };
                let alone = {
                    let b = Instant::now();
                    burn("x", &spent);
                    b.elapsed()
                };
                println!("{top} none {:?} | {s} {:?} (alone {alone:?})", run(None), run(Some(spent)));
            }
        }
    }
}
