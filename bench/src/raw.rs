//! Cryptography alone, on all cores: what no implementation of a request could avoid.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use auth_service::password::Argon2Params;
use aws_lc_rs::{
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use e2e::Usage;

use crate::{row::Run, stats::float};

/// About the length of a token's signed part, in bytes.
const MESSAGE: [u8; 512] = [b'x'; 512];

/// One signature for the access token, one HMAC to check the refresh token and one to make the next.
pub(crate) fn refresh(length: Duration) -> anyhow::Result<Run> {
    let pair = Ed25519KeyPair::generate()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    on_all_cores(length, || {
        black_box(pair.sign(black_box(&MESSAGE)));
        black_box(hmac::sign(&key, black_box(&MESSAGE)));
        black_box(hmac::sign(&key, black_box(&MESSAGE)));
    })
}

/// One Ed25519 verification.
pub(crate) fn verification(length: Duration) -> anyhow::Result<Run> {
    let pair = Ed25519KeyPair::generate()?;
    let signature = pair.sign(&MESSAGE);
    let key = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());
    key.verify(&MESSAGE, signature.as_ref())?;
    on_all_cores(length, || {
        black_box(key.verify(black_box(&MESSAGE), signature.as_ref()).is_ok());
    })
}

/// One password hash with the parameters of new hashes.
pub(crate) fn argon2(length: Duration) -> anyhow::Result<Run> {
    let ours = Argon2Params::default();
    let params = Params::new(ours.memory_kib(), ours.passes(), ours.lanes(), Some(32));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(anyhow::Error::msg)?);
    let hash = || argon2.hash_password_into(black_box(b"correct-Pa55word"), &[7; 16], &mut [0; 32]);
    hash().map_err(anyhow::Error::msg)?;
    on_all_cores(length, || {
        black_box(hash().is_ok());
    })
}

/// Calls per second of all cores together, each of which calls over and over for so long.
fn on_all_cores(length: Duration, call: impl Fn() + Sync) -> anyhow::Result<Run> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (began, before, calls) = (Instant::now(), Usage::own()?.cpu, AtomicU64::new(0));
    let work = || {
        while began.elapsed() < length {
            call();
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let work = || {
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(work);
            }
        });
    };
    tokio::task::block_in_place(work);
    let (calls, took) = (float(calls.into_inner()), began.elapsed().as_secs_f64());
    // Of the processor and not of the clock, as it is counted of the services.
    let spent = Usage::own()?.cpu.saturating_sub(before).as_secs_f64();
    Ok(Run { rate: calls / took, cpu_us: Some(spent * 1e6 / calls), ..Run::default() })
}
