//! Stored password texts, taken apart into scheme, salt and digest.
//!
//! Django's forms: `argon2$argon2id$v=19$m=…,t=…,p=…$salt$digest`, `pbkdf2_sha256$rounds$salt$digest`
//! (and `pbkdf2_sha1`), `bcrypt$$2b$12$…` (and `bcrypt_sha256`), `scrypt$N$salt$r$p$digest`; besides,
//! the plain PHC string `$argon2id$…`. The text of a hash is never logged and never shown.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD, STANDARD_NO_PAD};

use super::scheme::{Malformed, Scheme};

/// Longest text looked at, in bytes. Django's column has 128 characters, PHC strings may have more.
const MAX_TEXT_LEN: usize = 1024;
/// Characters of a bcrypt salt; the digest follows without a separator.
const BCRYPT_SALT_LEN: usize = 22;
/// Bounds of an Argon2 digest and the least length of its salt, in bytes: those of RFC 9106.
const MIN_ARGON2_DIGEST_LEN: usize = 4;
const MIN_ARGON2_SALT_LEN: usize = 8;

const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);

/// The text of a password hash as a database holds it. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(String);

impl StoredPassword {
    /// Wraps a text without looking at it: a malformed one exists, and never verifies.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The scheme and its cost, or why the text can never verify.
    pub fn scheme(&self) -> Result<Scheme, Malformed> {
        parse(&self.0).map(|parsed| parsed.scheme)
    }

    /// The text, for the database and for verification.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, moved out.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<String> for StoredPassword {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(..)")
    }
}

/// A stored text taken apart. A value that exists can be derived and compared.
pub(super) struct Parsed {
    pub(super) scheme: Scheme,
    /// The bytes that go into the function: decoded for Argon2 and bcrypt, text for the others.
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
    /// False for a plain PHC string, which Django cannot read.
    pub(super) is_django_form: bool,
}

/// Takes a whole stored text apart.
pub(super) fn parse(text: &str) -> Result<Parsed, Malformed> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Malformed::TooLong);
    }
    let scheme = Scheme::of(text)?;
    let fields: Vec<&str> = text.split('$').collect();
    let (salt, digest) = match (scheme, fields.as_slice()) {
        (Scheme::Argon2 { .. }, [_, _, costs, salt, digest] | [_, _, _, costs, salt, digest])
            if costs.starts_with("m=") =>
        {
            (argon2_salt(salt)?, decode(&STANDARD_NO_PAD, digest)?)
        }
        (Scheme::Pbkdf2 { .. }, [_, _, salt, digest])
        | (Scheme::Scrypt { .. }, [_, _, salt, _, _, digest]) => {
            (text_salt(salt)?, decode(&STANDARD, digest)?)
        }
        (Scheme::Bcrypt { .. }, [_, _, _, _, both]) => {
            let (salt, digest) = both.split_at_checked(BCRYPT_SALT_LEN).ok_or(Malformed::Salt)?;
            let salt = BCRYPT_BASE64.decode(salt).map_err(|_| Malformed::Salt)?;
            (salt, decode(&BCRYPT_BASE64, digest)?)
        }
        _ => return Err(Malformed::Fields),
    };
    let is_right_length = match scheme.digest_len() {
        Some(len) => digest.len() == len,
        None => digest.len() >= MIN_ARGON2_DIGEST_LEN,
    };
    if !is_right_length {
        return Err(Malformed::Digest);
    }
    Ok(Parsed { scheme, salt, digest, is_django_form: !text.starts_with('$') })
}

fn decode(encoding: &GeneralPurpose, digest: &str) -> Result<Vec<u8>, Malformed> {
    encoding.decode(digest).map_err(|_| Malformed::Digest)
}

fn argon2_salt(text: &str) -> Result<Vec<u8>, Malformed> {
    let salt = STANDARD_NO_PAD.decode(text).map_err(|_| Malformed::Salt)?;
    if salt.len() < MIN_ARGON2_SALT_LEN { Err(Malformed::Salt) } else { Ok(salt) }
}

/// Django takes the salt of PBKDF2 and scrypt as text, and refuses an empty one.
fn text_salt(text: &str) -> Result<Vec<u8>, Malformed> {
    if text.is_empty() { Err(Malformed::Salt) } else { Ok(text.as_bytes().to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::Malformed::{Digest, Fields, Parameter, Salt, TooCostly, TooLong, UnknownScheme, Unusable};
    use super::*;
    use crate::password::{Argon2Params, Verdict, verify};

    const SHA256_DIGEST: &str = "JYab6IJN4xMTDbk3Gzx7oaJZ6N2IfTta5IJ6UaqlX9M=";
    const BCRYPT_TAIL: &str = "llQxqbL82OBqN.P53UcrtOyJFoss0MHWmug7hx32SCIy0wmYAT9LC";

    #[test]
    fn debug_hides_the_text() {
        let stored = StoredPassword::new(format!("pbkdf2_sha256$1000$salt${SHA256_DIGEST}"));
        assert_eq!(format!("{stored:?}"), "StoredPassword(..)");
    }

    #[test]
    fn a_stored_text_tells_its_scheme() {
        let stored = StoredPassword::from(format!("pbkdf2_sha256$1000$salt${SHA256_DIGEST}"));
        assert_eq!(stored.scheme().unwrap().label(), "pbkdf2_sha256$1000$$");
    }

    /// Each text is refused for the reason beside it, by the parser and by `verify`.
    fn assert_malformed<const N: usize>(cases: [(&str, Malformed); N]) {
        for (text, reason) in cases {
            assert_eq!(parse(text).err(), Some(reason), "{text}");
            assert_eq!(verify("secret", text, &Argon2Params::default()), Verdict::Unusable, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_hash_is_malformed() {
        let long = "a".repeat(2000);
        assert_malformed([
            ("", Unusable),
            ("!", Unusable),
            ("!k203o16FS1huLOQB12x5yrKeM9XmuKaPa0X1EFaI", Unusable),
            (&long, TooLong),
            ("plain text", UnknownScheme),
            ("$", UnknownScheme),
            ("$$$$$$$", UnknownScheme),
            ("🔑$🔑$🔑", UnknownScheme),
            ("md5$salt$0cc175b9c0f1b6a831c399e269772661", UnknownScheme),
            ("PBKDF2_SHA256$1000$salt$AAAA", UnknownScheme),
        ]);
    }

    #[test]
    fn a_malformed_pbkdf2_or_scrypt_hash_never_verifies() {
        assert_malformed([
            (&format!("pbkdf2_sha256$1000$salt${SHA256_DIGEST}$"), Fields),
            (&format!("pbkdf2_sha256$1000$${SHA256_DIGEST}"), Salt),
            (&format!("pbkdf2_sha256$0$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$-1$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$+1000$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$01000$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$1_000$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$١٠$salt${SHA256_DIGEST}"), Parameter),
            (&format!("pbkdf2_sha256$10000000000$salt${SHA256_DIGEST}"), TooCostly),
            ("pbkdf2_sha256$1000$salt$", Digest),
            ("pbkdf2_sha256$1000$salt$AAAA", Digest),
            ("pbkdf2_sha256$1000$salt$????", Digest),
            (&format!("pbkdf2_sha1$1000$salt${SHA256_DIGEST}"), Digest),
            ("scrypt$1000$salt$8$1$AAAA", Parameter),
            ("scrypt$1$salt$8$1$AAAA", Parameter),
            ("scrypt$1024$salt$0$1$AAAA", Parameter),
            ("scrypt$1024$salt$8$0$AAAA", Parameter),
            ("scrypt$1073741824$salt$8$1$AAAA", TooCostly),
            ("scrypt$1024$salt$8$1$AAAA", Digest),
            ("scrypt$1024$salt$8$1$AAAA$", Fields),
            ("scrypt$1024$salt", Fields),
        ]);
    }

    #[test]
    fn a_malformed_bcrypt_hash_never_verifies() {
        assert_malformed([
            (&format!("bcrypt$$2b$31${BCRYPT_TAIL}"), TooCostly),
            (&format!("bcrypt$$2b$03${BCRYPT_TAIL}"), Parameter),
            (&format!("bcrypt$$2b$4${BCRYPT_TAIL}"), Parameter),
            (&format!("bcrypt$$2b$+4${BCRYPT_TAIL}"), Parameter),
            (&format!("bcrypt$$2c$04${BCRYPT_TAIL}"), UnknownScheme),
            (&format!("bcrypt$2b$04${BCRYPT_TAIL}"), Fields),
            (&format!("bcrypt$$2b$04${BCRYPT_TAIL}C"), Digest),
            ("bcrypt$$2b$04$llQxqbL82OBqN.P53Ucrt", Salt),
            ("bcrypt$$2b$04$llQxqbL82OBqN.P53Ucré.", Salt),
            ("bcrypt$$2b$04$llQxqbL82OBqN.P53UcrtP", Salt),
            ("bcrypt$$2b$04$", Salt),
        ]);
    }

    #[test]
    fn a_malformed_argon2_hash_never_verifies() {
        let argon2 = "argon2$argon2id$v=19$m=8,t=1,p=1";
        assert_malformed([
            (&format!("{argon2}$c29tZXNhbHQ$"), Digest),
            (&format!("{argon2}$c29tZXNhbHQ$AAA"), Digest),
            (&format!("{argon2}$c29tZXNhbHQ=$AAAAAA"), Salt),
            (&format!("{argon2}$c2FsdA$AAAAAA"), Salt),
            (&format!("{argon2}$c29tZXNhbHQ"), Fields),
            (&format!("{argon2}$c29tZXNhbHQ$AAAAAA$AAAAAA"), Fields),
            ("argon2$argon2id$v=18$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$t=1,m=8,p=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$m=8,t=1,p=1,x=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2id$v=19$m=8,t=1$c29tZXNhbHQ$AAAAAA", Parameter),
            ("argon2$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAA", UnknownScheme),
            ("argon2$argon2id$v=19$m=2147483648,t=1,p=1$c29tZXNhbHQ$AAAAAA", TooCostly),
        ]);
    }
}
