//! What verifying a token costs on this machine, for `bench/protected.sh`: one raw Ed25519 verification,
//! a token seen for the first time, and tokens seen before, one of them and 10,000 in turn, without and
//! with a million live revocations. Prints medians in microseconds of one thread.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool: its output is its purpose"
)]

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Duration, time::Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use shared::{
    Clock, Verifier,
    clock::monotonic_micros,
    config::{Variables, process::RevocationPolicy},
    issuer::KeySource,
    keys::{Alg, KeySet, SigningKey},
    random,
    revocation::{Entry, Kind, Revocations},
    verifier::{DEFAULT_ISSUER, VerifierSettings},
};

const TOKENS: usize = 10_000;
const REVOCATIONS: usize = 1_000_000;
const RUNS: usize = 31;

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

/// Microseconds per call of `calls` calls.
fn time_us(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    (0..calls).for_each(&mut call);
    began.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(calls).unwrap())
}

fn mint(key: &SigningKey) -> String {
    let now = Clock::System.now().as_secs();
    let user = random::uuid_v7(Clock::System.now()).to_string();
    let claims = json!({
        "token_type": "access", "exp": now + 36_000, "iat": now, "jti": random::hex32(), "user_id": user,
        "iss": DEFAULT_ISSUER, "sub": user, "sid": random::uuid_v7(Clock::System.now()).to_string(),
    });
    key.sign(claims.as_object().unwrap()).unwrap()
}

fn verifier(key: &SigningKey, revocations: &Revocations) -> Verifier {
    let rules = VerifierSettings::read(&Variables::default()).unwrap().rules().unwrap();
    let keys = HashMap::from([(key.kid().unwrap().to_owned(), key.verifying().unwrap())]);
    let keys = KeySource::Local(Arc::new(ArcSwap::from_pointee(KeySet::Published(keys))));
    Verifier::new(keys, revocations.clone(), Arc::new(rules), Clock::System)
}

/// A feed that has just spoken and will not be missed for an hour.
fn revocations() -> Revocations {
    let policy = RevocationPolicy { max_staleness: Duration::from_secs(3600), ..RevocationPolicy::default() };
    let revocations = Revocations::new(policy, Clock::System);
    revocations.complete(0, monotonic_micros());
    revocations
}

fn raw(pair: &Ed25519KeyPair, token: &str) -> impl Fn() + use<> {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (message, signature) = (message.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap());
    let key = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());
    move || key.verify(message.as_bytes(), &signature).unwrap()
}

fn main() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    let key = SigningKey::from_der(Alg::EDDSA, der.as_ref()).unwrap();
    let tokens: Vec<String> = (0..TOKENS).map(|_| mint(&key)).collect();
    let (raw, revocations) = (raw(&pair, &tokens[0]), revocations());

    // Both sides in each run, so that whatever else the machine does concerns both.
    let (mut raws, mut firsts, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let fresh = verifier(&key, &revocations);
        let some = &tokens[run * 300..(run + 1) * 300];
        raws.push(time_us(300, |_| raw()));
        firsts.push(time_us(300, |turn| drop(black_box(fresh.decode_now(&some[turn]).unwrap()))));
        ratios.push(firsts[run] / raws[run]);
    }
    let (raw, first, ratio) = (median(raws), median(firsts), median(ratios));
    println!("raw_verify_us={raw:.2} first_seen_us={first:.2} ratio={ratio:.3}");

    let warm = verifier(&key, &revocations);
    for count in [0, REVOCATIONS] {
        for seq in 0..count {
            let now = Clock::System.now();
            let session = random::uuid_v7(now).to_string();
            let expires_at = now.after(Duration::from_secs(36_000));
            let entry = Entry {
                seq: i64::try_from(seq).unwrap(),
                kind: Kind::Session,
                key: session,
                bound: None,
                expires_at,
            };
            revocations.receive(Ok(entry));
        }
        let ask = |token: &str| drop(black_box(warm.decode_now(token).unwrap()));
        for token in &tokens {
            ask(token);
        }
        let one = median((0..RUNS).map(|_| time_us(TOKENS, |_| ask(&tokens[0]))).collect());
        let turn = median((0..RUNS).map(|_| time_us(TOKENS, |turn| ask(&tokens[turn]))).collect());
        println!("revocations={count} one_token_us={one:.3} in_turn_us={turn:.3}");
    }
}
