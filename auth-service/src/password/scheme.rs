//! Schemes a password can be stored under, with their cost parameters and the ceilings on them.
//!
//! The forms are those of Django's `contrib.auth.hashers` (5.2). Fields are read as strictly as
//! Django does, which encodes anew and compares: `01000` rounds verify nowhere.
//!
//! Ceilings bound what one hash may cost, since whoever can write a row could otherwise stop the
//! service. They are generous: several seconds of one core each, and no published advice exceeds them.

use std::fmt;

use argon2::{Algorithm, Version};

use self::params::{MAX_LANES, MAX_MEMORY_KIB, MAX_MEMORY_WORK_KIB, number};

mod params;

pub use self::params::Argon2Params;

/// Ceiling for PBKDF2 rounds; Django 5.2 writes 1,000,000.
const MAX_ROUNDS: u32 = 20_000_000;
/// Ceiling for the bcrypt cost, a power of two; Django writes 12.
const MAX_BCRYPT_COST: u32 = 17;
/// Block size and parallelism of Django's scrypt hasher, assumed where a label leaves them out.
const DJANGO_SCRYPT: [&str; 2] = ["8", "5"];

/// Why a stored text is not a password hash that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Empty, or begins with `!`: Django's mark for "no password logs in here".
    #[error("the password is marked unusable")]
    Unusable,
    /// Longer than any hash.
    #[error("the text is too long for a password hash")]
    TooLong,
    /// A scheme that is not known here.
    #[error("the password scheme is unknown")]
    UnknownScheme,
    /// A field is absent, or there is one too many.
    #[error("the password hash has the wrong number of fields")]
    Fields,
    /// A parameter is not a canonical number, or too small for its scheme.
    #[error("a cost parameter of the password hash is invalid")]
    Parameter,
    /// A parameter is above the ceiling of its scheme.
    #[error("the password hash would cost too much to verify")]
    TooCostly,
    /// The salt is empty, too short, or not in its encoding.
    #[error("the salt of the password hash is invalid")]
    Salt,
    /// The digest has the wrong length or is not in its encoding.
    #[error("the digest of the password hash is invalid")]
    Digest,
}

/// The hash function under PBKDF2's HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prf {
    /// HMAC-SHA-1, of Django's `pbkdf2_sha1`. Its weakness is collisions, which do not matter here.
    Sha1,
    /// HMAC-SHA-256, of Django's default hasher.
    Sha256,
}

/// A password scheme with everything that decides its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 9106, any variant; version 0x10 where the text names none.
    Argon2 {
        /// Argon2id, Argon2i or Argon2d.
        algorithm: Algorithm,
        /// 0x13, or 0x10 for hashes from before 2016.
        version: Version,
        /// Memory, passes, lanes.
        params: Argon2Params,
    },
    /// RFC 8018, a digest as long as the hash function's.
    Pbkdf2 {
        /// The hash function.
        prf: Prf,
        /// Iterations, one or more.
        rounds: u32,
    },
    /// bcrypt as in OpenBSD, `2^cost` rounds; its version letter decides nothing.
    Bcrypt {
        /// `bcrypt_sha256`: bcrypt gets the hexadecimal SHA-256 of the password, not the password.
        prehashed: bool,
        /// 4 to 17.
        cost: u32,
    },
    /// RFC 7914, a digest of 64 bytes.
    Scrypt {
        /// Base-two logarithm of the work factor N.
        log_n: u8,
        /// Block size r.
        block_size: u32,
        /// Parallelism p, computed one after another.
        parallelism: u32,
    },
}

impl Scheme {
    /// Argon2id of the current version, the scheme of new hashes.
    #[must_use]
    pub fn argon2id(params: Argon2Params) -> Self {
        Self::Argon2 { algorithm: Algorithm::Argon2id, version: Version::V0x13, params }
    }

    /// Reads the scheme off a stored text or off its beginning, up to and with the `$` after the cost
    /// (without it, a number cut in two would read as a smaller one). Salt and digest are not looked
    /// at, so [`Scheme::label`] reads back. scrypt has its salt amid the parameters: a text ending
    /// before `r` and `p` is taken to have Django's 8 and 5.
    pub fn of(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() || text.starts_with('!') {
            return Err(Malformed::Unusable);
        }
        let fields: Vec<&str> = text.split('$').collect();
        match fields.as_slice() {
            ["argon2" | "", variant, version, costs, _, ..] if version.starts_with("v=") => {
                argon2(variant, Some(version), costs)
            }
            ["argon2" | "", variant, costs, _, ..] => argon2(variant, None, costs),
            ["pbkdf2_sha256", rounds, _, ..] => pbkdf2(Prf::Sha256, rounds),
            ["pbkdf2_sha1", rounds, _, ..] => pbkdf2(Prf::Sha1, rounds),
            ["bcrypt", "", version, cost, _, ..] => bcrypt(false, version, cost),
            ["bcrypt_sha256", "", version, cost, _, ..] => bcrypt(true, version, cost),
            ["scrypt", n, _, r, p, _, ..] => scrypt(n, [r, p]),
            ["scrypt", n, _] => scrypt(n, DJANGO_SCRYPT),
            ["argon2" | "pbkdf2_sha256" | "pbkdf2_sha1" | "bcrypt" | "bcrypt_sha256" | "scrypt", ..] => {
                Err(Malformed::Fields)
            }
            _ => Err(Malformed::UnknownScheme),
        }
    }

    /// The stored form with salt and digest left empty: one text per scheme and cost, for a column
    /// beside the hash or for a metric. [`Scheme::of`] reads it.
    #[must_use]
    pub fn label(&self) -> String {
        self.to_string()
    }

    /// The stored form up to the salt, for schemes whose salt follows the cost.
    pub(super) fn head(&self) -> String {
        let label = self.label();
        label.strip_suffix('$').unwrap_or(&label).to_owned()
    }

    /// Bytes of the digest, `None` where the text decides (Argon2).
    pub(super) fn digest_len(&self) -> Option<usize> {
        match self {
            Self::Argon2 { .. } => None,
            Self::Pbkdf2 { prf: Prf::Sha1, .. } => Some(20),
            Self::Pbkdf2 { prf: Prf::Sha256, .. } => Some(32),
            Self::Bcrypt { .. } => Some(23),
            Self::Scrypt { .. } => Some(64),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2 { algorithm, version, params } => {
                let version = u32::from(*version);
                write!(f, "argon2${algorithm}$v={version}${params}$$")
            }
            Self::Pbkdf2 { prf: Prf::Sha1, rounds } => write!(f, "pbkdf2_sha1${rounds}$$"),
            Self::Pbkdf2 { prf: Prf::Sha256, rounds } => write!(f, "pbkdf2_sha256${rounds}$$"),
            Self::Bcrypt { prehashed: false, cost } => write!(f, "bcrypt$$2b${cost:02}$"),
            Self::Bcrypt { prehashed: true, cost } => write!(f, "bcrypt_sha256$$2b${cost:02}$"),
            Self::Scrypt { log_n, block_size, parallelism } => {
                write!(f, "scrypt${}$${block_size}${parallelism}$", 1u64 << log_n)
            }
        }
    }
}

fn argon2(variant: &str, version: Option<&str>, costs: &str) -> Result<Scheme, Malformed> {
    let algorithm = Algorithm::new(variant).map_err(|_| Malformed::UnknownScheme)?;
    let version = match version {
        None | Some("v=16") => Version::V0x10,
        Some("v=19") => Version::V0x13,
        Some(_) => return Err(Malformed::Parameter),
    };
    Ok(Scheme::Argon2 { algorithm, version, params: Argon2Params::read(costs)? })
}

fn pbkdf2(prf: Prf, rounds: &str) -> Result<Scheme, Malformed> {
    match number(rounds)? {
        0 => Err(Malformed::Parameter),
        rounds if rounds > MAX_ROUNDS => Err(Malformed::TooCostly),
        rounds => Ok(Scheme::Pbkdf2 { prf, rounds }),
    }
}

fn bcrypt(prehashed: bool, version: &str, cost: &str) -> Result<Scheme, Malformed> {
    if !["2a", "2b", "2x", "2y"].contains(&version) {
        return Err(Malformed::UnknownScheme);
    }
    // Two digits always: the only number with a leading zero.
    if cost.len() != 2 {
        return Err(Malformed::Parameter);
    }
    match number(cost.strip_prefix('0').unwrap_or(cost))? {
        0..4 => Err(Malformed::Parameter),
        cost if cost > MAX_BCRYPT_COST => Err(Malformed::TooCostly),
        cost => Ok(Scheme::Bcrypt { prehashed, cost }),
    }
}

fn scrypt(n: &str, [r, p]: [&str; 2]) -> Result<Scheme, Malformed> {
    let [n, block_size, parallelism] = [number(n)?, number(r)?, number(p)?];
    if n < 2 || !n.is_power_of_two() || block_size == 0 || parallelism == 0 {
        return Err(Malformed::Parameter);
    }
    if block_size > MAX_LANES || parallelism > MAX_LANES {
        return Err(Malformed::TooCostly);
    }
    let memory = u64::from(n) * u64::from(block_size) / 8;
    if memory > MAX_MEMORY_KIB || memory * u64::from(parallelism) > MAX_MEMORY_WORK_KIB {
        return Err(Malformed::TooCostly);
    }
    let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| Malformed::Parameter)?;
    Ok(Scheme::Scrypt { log_n, block_size, parallelism })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_back() {
        for label in [
            "argon2$argon2id$v=19$m=19456,t=2,p=1$$",
            "argon2$argon2d$v=16$m=64,t=2,p=1$$",
            "pbkdf2_sha256$1000000$$",
            "pbkdf2_sha1$1$$",
            "bcrypt$$2b$05$",
            "bcrypt_sha256$$2b$12$",
            "scrypt$16384$$8$5$",
        ] {
            assert_eq!(Scheme::of(label).unwrap().label(), label);
        }
    }

    #[test]
    fn the_beginning_of_a_stored_text_is_enough() {
        for (beginning, label) in [
            ("argon2$argon2id$v=19$m=64,t=2,p=1$", "argon2$argon2id$v=19$m=64,t=2,p=1$$"),
            ("$argon2id$v=19$m=64,t=2,p=1$c2Fs", "argon2$argon2id$v=19$m=64,t=2,p=1$$"),
            ("argon2$argon2i$m=64,t=2,p=1$", "argon2$argon2i$v=16$m=64,t=2,p=1$$"),
            ("pbkdf2_sha256$600000$", "pbkdf2_sha256$600000$$"),
            ("bcrypt$$2y$12$", "bcrypt$$2b$12$"),
            ("scrypt$16384$", "scrypt$16384$$8$5$"),
        ] {
            assert_eq!(Scheme::of(beginning).unwrap().label(), label);
        }
    }

    #[test]
    fn a_number_cut_in_two_is_not_taken_for_a_smaller_one() {
        assert_eq!(Scheme::of("pbkdf2_sha256$1000"), Err(Malformed::Fields));
        assert_eq!(Scheme::of("bcrypt$$2b$1"), Err(Malformed::Fields));
        assert_eq!(Scheme::of("scrypt$16384$salt$8$5"), Err(Malformed::Fields));
    }

    #[test]
    fn absurd_costs_are_refused() {
        for text in [
            "argon2$argon2id$v=19$m=2147483648,t=1,p=1$$",
            "argon2$argon2id$v=19$m=19456,t=4294967295,p=1$$",
            "argon2$argon2id$v=19$m=1048576,t=5,p=1$$",
            "argon2$argon2id$v=19$m=19456,t=2,p=256$$",
            "pbkdf2_sha256$20000001$$",
            "pbkdf2_sha256$10000000000$$",
            "pbkdf2_sha1$99999999999999999999999999$$",
            "bcrypt$$2b$18$",
            "bcrypt$$2b$31$",
            "scrypt$4194304$$8$1$",
            "scrypt$1048576$$8$5$",
            "scrypt$2$$4294967295$4294967295$",
            "scrypt$1152921504606846976$$8$1$",
        ] {
            assert_eq!(Scheme::of(text), Err(Malformed::TooCostly), "{text}");
        }
    }

    #[test]
    fn the_heaviest_advice_in_print_is_within_the_ceilings() {
        for text in [
            "argon2$argon2id$v=19$m=2097152,t=1,p=4$$", // RFC 9106, first choice
            "argon2$argon2id$v=19$m=1048576,t=4,p=1$$", // libsodium, "sensitive"
            "scrypt$1048576$$8$1$",                     // scrypt paper, file encryption
            "bcrypt$$2b$16$",
        ] {
            assert!(Scheme::of(text).is_ok(), "{text}");
        }
    }
}
