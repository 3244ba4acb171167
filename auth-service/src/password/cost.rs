//! The costliest scheme in use, and the work that makes every login cost as much.
//!
//! A login under a cheap scheme, or for a user who does not exist, is *topped up* to the costliest
//! scheme in the database with real work of that scheme: fewer PBKDF2 rounds, less Argon2 memory,
//! bcrypt and scrypt at a few lower powers of two that add up. Real work, unlike sleeping until a
//! deadline, slows down with a busy machine exactly as a verification does.
//!
//! What it promises: for unknown users, and between hashes of one family (PBKDF2 at 600,000 and at
//! 1,000,000 rounds), the time is the same but for scheduling noise and up to 2 % of rounding. Between
//! families it is as good as the [`CostTable`]: measured, within some 10 %; documented, within a
//! factor of about two. Many samples can tell 10 % apart, so between families this hinders rather
//! than prevents; rate limits must do the rest. Once every user has logged in and been rehashed, one
//! scheme is left and nothing remains to tell.

use super::price::CostTable;
use super::scheme::{Argon2Params, Malformed, Scheme};

/// Smallest bcrypt cost.
const MIN_BCRYPT_COST: u32 = 4;

/// The costliest scheme a login may meet: that of new hashes, or a dearer one seen in the database.
#[derive(Debug, Clone)]
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

    /// Measures the schemes found in the database on this machine and starts from the costliest.
    ///
    /// Takes what [`Costliest::observe`] takes. Blocks for about 50 ms per family, more for large
    /// memory; does not measure when only the scheme of new hashes is stored.
    #[must_use]
    pub fn measured<'a>(wanted: Argon2Params, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let current = Scheme::argon2id(wanted);
        let mut schemes = vec![current];
        schemes.extend(texts.into_iter().filter_map(|text| Scheme::of(text).ok()));
        let is_single = schemes.iter().all(|scheme| *scheme == current);
        let table = if is_single { CostTable::documented() } else { CostTable::measure(&schemes) };
        let mut level = Self::new(table, wanted);
        for scheme in schemes {
            level.raise(scheme);
        }
        level
    }

    /// Takes in one scheme found in the database: a stored text, its beginning through the `$` after
    /// the cost, or a [`Scheme::label`].
    ///
    /// Errors tell that hashes like this one never verify; they are no reason to stop, and raise
    /// nothing: a row above the ceilings must not make every login slow.
    pub fn observe(&mut self, text: &str) -> Result<(), Malformed> {
        self.raise(Scheme::of(text)?);
        Ok(())
    }

    fn raise(&mut self, scheme: Scheme) {
        if self.table.estimate(&scheme) > self.table.estimate(&self.scheme) {
            self.scheme = scheme;
        }
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
///
/// A part of Argon2's memory is taken to cost, per KiB, what the whole does.
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
            "argon2$argon2id$v=19$m=65536,t=3,p=4$",
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
            assert!(sum >= wanted.mul_f64(0.98), "{spent} under {}", level.scheme());
        }
    }

    #[test]
    fn measuring_keeps_the_ranking_of_one_family() {
        let wanted = Argon2Params::new(64, 1, 1).unwrap();
        let level = Costliest::measured(wanted, ["pbkdf2_sha256$2000000$", "!", "pbkdf2_sha256$1000000$"]);
        assert_eq!(level.scheme().label(), "pbkdf2_sha256$2000000$$");
    }

    #[test]
    fn a_single_stored_scheme_needs_no_measuring() {
        let wanted = Argon2Params::default();
        let level = Costliest::measured(wanted, ["argon2$argon2id$v=19$m=19456,t=2,p=1$", "!abc"]);
        assert_eq!(level.table, TABLE);
    }
}
