//! One function over four libraries: password and salt in, digest out.

use std::num::NonZeroU32;

use argon2::{Argon2, Params};
use aws_lc_rs::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::scheme::{Prf, Scheme};

/// Bytes of a password that bcrypt looks at; Django lets it cut the rest off silently.
const BCRYPT_PASSWORD_LEN: usize = 72;

/// The digest cannot be computed: no memory, or salt and scheme do not fit together.
#[derive(Debug)]
pub(super) struct Underivable;

/// Fills `out` with the digest of `password` under `scheme`, in the scheme's time.
pub(super) fn derive(
    scheme: &Scheme,
    password: &str,
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), Underivable> {
    match *scheme {
        Scheme::Argon2 { algorithm, version, params } => {
            let params = Params::new(params.memory_kib(), params.passes(), params.lanes(), Some(out.len()))
                .or(Err(Underivable))?;
            let argon2 = Argon2::new(algorithm, version, params);
            argon2.hash_password_into(password.as_bytes(), salt, out).or(Err(Underivable))
        }
        Scheme::Pbkdf2 { prf, rounds } => {
            let algorithm = match prf {
                Prf::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
                Prf::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            };
            let rounds = NonZeroU32::new(rounds).ok_or(Underivable)?;
            pbkdf2::derive(algorithm, rounds, salt, password.as_bytes(), out);
            Ok(())
        }
        Scheme::Bcrypt { prehashed: false, cost } => bcrypt(cost, password.as_bytes(), salt, out),
        Scheme::Bcrypt { prehashed: true, cost } => {
            let digest = digest::digest(&digest::SHA256, password.as_bytes());
            let hex = Zeroizing::new(hex::encode(digest));
            bcrypt(cost, hex.as_bytes(), salt, out)
        }
        Scheme::Scrypt { log_n, block_size, parallelism } => {
            let params = scrypt::Params::new(log_n, block_size, parallelism).or(Err(Underivable))?;
            scrypt::scrypt(password.as_bytes(), salt, &params, out).or(Err(Underivable))
        }
    }
}

/// bcrypt proper, of the password and its terminating zero, cut off at 72 bytes; the last byte of the
/// result is dropped, as in every stored form.
fn bcrypt(cost: u32, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), Underivable> {
    let salt = salt.try_into().or(Err(Underivable))?;
    let key: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_PASSWORD_LEN).collect();
    let key = Zeroizing::new(key);
    let digest = Zeroizing::new(bcrypt::bcrypt(cost, salt, &key));
    out.copy_from_slice(digest.get(..out.len()).ok_or(Underivable)?);
    Ok(())
}
