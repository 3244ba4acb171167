//! Password hashes: verifies what Django stored, writes Argon2id in Django's own form.
//!
//! Users arrive from Django with whatever hasher their project used, so every stock hasher but the
//! broken MD5 and SHA-1 ones verifies as it is, and a database can move back, since new hashes are
//! readable by Django. A successful login tells the caller whether to hash anew ([`Verdict`]).
//!
//! **Timing.** A login must not tell by its duration whether a user exists or how old a hash is.
//! [`verify_levelled`] therefore spends, for every answer alike, the time of the costliest scheme
//! still in the database; see [`cost`] for how, and for what it cannot promise.
//!
//! **Work bounds.** Stored parameters come from a database and are not believed: above the ceilings
//! in [`scheme`] a hash counts as [`Verdict::Unusable`] instead of holding a thread for minutes.
//!
//! Everything here blocks for tens of milliseconds on purpose. Call it through [`HashPool`], never
//! on a thread that serves requests. Passwords are hashed as their UTF-8 bytes, not normalized, as
//! Django does.

use std::hint::black_box;

use argon2::{Algorithm, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use self::derive::{Underivable, derive};
use self::stored::Parsed;

pub mod cost;
mod derive;
pub mod pool;
mod price;
pub mod scheme;
pub mod stored;
#[cfg(test)]
mod vectors;

pub use self::cost::Costliest;
pub use self::pool::{HashPool, PoolError};
pub use self::price::CostTable;
pub use self::scheme::{Argon2Params, Malformed, Prf, Scheme};
pub use self::stored::StoredPassword;

/// Bytes of an Argon2 digest; argon2-cffi, which Django uses, has the same.
const ARGON2_DIGEST_LEN: usize = 32;
/// Bytes of salt in a new hash, once encoded as text. Django wants 128 bits out of an alphabet of 62
/// characters, which takes 22 of them; a shorter salt makes it hash anew.
const SALT_TEXT_LEN: usize = 22;

/// What came of comparing a password with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right. With `rehash`, the stored text should be replaced by [`hash()`]'s.
    Match {
        /// The scheme is not Argon2id, or not with the wanted parameters, or not in Django's form.
        rehash: bool,
    },
    /// The password is wrong.
    Mismatch,
    /// Nothing could be compared: no user, a password marked unusable (`!…`), a text that is
    /// malformed or above the ceilings, or no memory for the hash. Refuse the login as for
    /// [`Verdict::Mismatch`], with the same answer.
    Unusable,
}

impl Verdict {
    /// Whether the login may go on.
    #[must_use]
    pub fn is_match(self) -> bool {
        matches!(self, Self::Match { .. })
    }
}

/// Why a password could not be hashed. Either way the fault is the machine's, not the password's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashFailed {
    /// The random generator gave no salt.
    #[error("no randomness for a password salt")]
    Randomness,
    /// The memory Argon2 asks for could not be had.
    #[error("no memory for a password hash")]
    Memory,
}

/// Hashes `password` with Argon2id (RFC 9106) and a fresh salt, in Django's form:
/// `argon2$argon2id$v=19$m=…,t=…,p=…$salt$digest`, 111 characters with the default parameters, so
/// that it fits Django's column of 128.
///
/// The caller has validated the password; an empty one is hashed like any other.
pub fn hash(password: &str, params: &Argon2Params) -> Result<String, HashFailed> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| HashFailed::Randomness)?;
    hash_with_salt(password, params, salt)
}

/// [`hash()`] with the caller's salt, which must be random and used once.
///
/// The salt's text, not its bytes, goes into Argon2: Django reads salts as text.
pub fn hash_with_salt(password: &str, params: &Argon2Params, salt: [u8; 16]) -> Result<String, HashFailed> {
    let salt = URL_SAFE_NO_PAD.encode(salt);
    let scheme = Scheme::argon2id(*params);
    let mut digest = [0; ARGON2_DIGEST_LEN];
    derive(&scheme, password, salt.as_bytes(), &mut digest).map_err(|Underivable| HashFailed::Memory)?;
    let [salt, digest] = [salt.as_bytes(), &digest].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("{}{salt}${digest}", scheme.head()))
}

/// Compares `password` with the text `stored`, in as much time as its own scheme takes.
///
/// For logins use [`verify_levelled`]; this is for places where the user is known already, such as
/// confirming the old password before a change. Digests are compared in constant time.
#[must_use]
pub fn verify(password: &str, stored: &str, wanted: &Argon2Params) -> Verdict {
    match stored::parse(stored) {
        Ok(parsed) => compare(password, &parsed, wanted),
        Err(_) => Verdict::Unusable,
    }
}

/// Compares `password` with the text `stored`, in as much time as the costliest scheme takes.
///
/// `None` stands for an unknown user and costs one full verification, as does an unusable or
/// malformed text; a cheaper scheme is verified and then topped up, whatever the verdict. A text that
/// is costlier than `costliest` takes its own time: feed new schemes to [`Costliest::observe`].
#[must_use]
pub fn verify_levelled(password: &str, stored: Option<&str>, costliest: &Costliest) -> Verdict {
    let parsed = stored.and_then(|text| stored::parse(text).ok());
    let verdict =
        parsed.as_ref().map_or(Verdict::Unusable, |parsed| compare(password, parsed, costliest.wanted()));
    for scheme in costliest.top_up(parsed.as_ref().map(|parsed| &parsed.scheme)) {
        burn(password, &scheme);
    }
    verdict
}

/// Spends the time of one verification under `scheme` and throws the result away.
pub fn burn(password: &str, scheme: &Scheme) {
    let mut digest = Zeroizing::new(vec![0; scheme.digest_len().unwrap_or(ARGON2_DIGEST_LEN)]);
    let outcome = derive(scheme, password, b"no salt: burning", &mut digest);
    let _ = black_box((outcome.is_ok(), digest));
}

fn compare(password: &str, parsed: &Parsed, wanted: &Argon2Params) -> Verdict {
    let mut digest = Zeroizing::new(vec![0; parsed.digest.len()]);
    if derive(&parsed.scheme, password, &parsed.salt, &mut digest).is_err() {
        return Verdict::Unusable;
    }
    match verify_slices_are_equal(&digest, &parsed.digest) {
        Ok(()) => Verdict::Match { rehash: is_outdated(parsed, wanted) },
        Err(_) => Verdict::Mismatch,
    }
}

/// Whether a hash differs in anything from what [`hash()`] would write now.
fn is_outdated(parsed: &Parsed, wanted: &Argon2Params) -> bool {
    let current = Scheme::Argon2 { algorithm: Algorithm::Argon2id, version: Version::V0x13, params: *wanted };
    parsed.scheme != current
        || !parsed.is_django_form
        || parsed.digest.len() != ARGON2_DIGEST_LEN
        || parsed.salt.len() < SALT_TEXT_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light() -> Argon2Params {
        Argon2Params::new(64, 1, 1).unwrap()
    }

    #[test]
    fn a_new_hash_verifies_and_needs_no_rehash() {
        let text = hash("пароль", &light()).unwrap();
        assert!(text.starts_with("argon2$argon2id$v=19$m=64,t=1,p=1$"), "{text}");
        assert_eq!(verify("пароль", &text, &light()), Verdict::Match { rehash: false });
        assert_eq!(verify("парол", &text, &light()), Verdict::Mismatch);
    }

    #[test]
    fn a_new_hash_with_owasp_parameters_fits_the_column_of_django() {
        let text = hash_with_salt("secret", &Argon2Params::default(), [7; 16]).unwrap();
        assert!(text.starts_with("argon2$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_eq!(text.len(), 111);
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        assert_ne!(hash("secret", &light()).unwrap(), hash("secret", &light()).unwrap());
    }

    #[test]
    fn each_departure_from_the_wanted_hash_asks_for_a_rehash() {
        let text = hash("secret", &light()).unwrap();
        let plain = text.strip_prefix("argon2").unwrap();
        assert_eq!(verify("secret", plain, &light()), Verdict::Match { rehash: true });
        for (memory, passes, lanes) in [(65, 1, 1), (64, 2, 1), (64, 1, 2)] {
            let other = Argon2Params::new(memory, passes, lanes).unwrap();
            assert_eq!(verify("secret", &text, &other), Verdict::Match { rehash: true });
        }
    }

    #[test]
    fn a_levelled_verification_gives_the_verdict_of_a_plain_one() {
        let heavier = "pbkdf2_sha256$9000$$";
        let costliest = Costliest::new(CostTable::documented(), light()).with([heavier]);
        let text = hash("secret", &light()).unwrap();
        let verdict = |password, stored| verify_levelled(password, stored, &costliest);
        assert_eq!(verdict("secret", Some(&text)), Verdict::Match { rehash: false });
        assert_eq!(verdict("Secret", Some(&text)), Verdict::Mismatch);
        assert_eq!(verdict("secret", Some("!x")), Verdict::Unusable);
        assert_eq!(verdict("secret", None), Verdict::Unusable);
    }

    #[test]
    fn every_scheme_can_be_burned() {
        for label in [
            "argon2$argon2i$v=16$m=64,t=1,p=1$$",
            "pbkdf2_sha256$10$$",
            "pbkdf2_sha1$10$$",
            "bcrypt$$2b$04$",
            "bcrypt_sha256$$2b$04$",
            "scrypt$16$$8$1$",
        ] {
            burn("secret", &Scheme::of(label).unwrap());
        }
    }
}
