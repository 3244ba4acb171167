//! What the raw cryptography of a refresh costs on this machine, for `bench/refresh.sh`: one Ed25519
//! signature, and one HMAC-SHA256 over a token's length. Prints medians in microseconds.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool: its output is its purpose"
)]

use std::{hint::black_box, time::Instant};

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};

/// The median of 31 runs of 1,000 calls, per call, in microseconds.
fn median_us<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut runs: Vec<f64> = (0..31)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..1000 {
                black_box(call());
            }
            began.elapsed().as_secs_f64() * 1e6 / 1000.0
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn main() {
    let message = [b'x'; 512];
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let sign = median_us(|| pair.sign(black_box(&message)));
    let mac = median_us(|| hmac::sign(&key, black_box(&message)));
    println!("ed25519_sign_us={sign:.2} hmac_sha256_us={mac:.2}");
}
