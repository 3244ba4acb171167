//! How many instructions the hot path takes, counted by callgrind: the same on a busy machine as on a
//! quiet one. `bash bench/micro/instructions.sh` compares them with those on record.

#![expect(clippy::unwrap_used, missing_docs, reason = "a measuring tool: what fails shall be seen")]

use std::{hint::black_box, sync::Arc};

use gungraun::{library_benchmark, library_benchmark_group, main};
use micro::{
    policies, revocations,
    tokens::{Key, RawCheck, access_claims, scoped_claims},
};
use mimalloc::MiMalloc;
use org_service::policy::{Policy, Right, Role, Standing};
use serde_json::{Map, Value};
use shared::{Claims, Verifier, revocation::Revocations};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn raw() -> RawCheck {
    let key = Key::default();
    key.raw_check(&key.token())
}

/// A verifier and a token, which it has seen already if it remembers any.
fn verifier(remembered: usize) -> (Verifier, String) {
    let key = Key::default();
    let (verifier, token) = (key.verifier(remembered, revocations::list(1000)), key.token());
    // What is made once, on first use, is no part of a request; a token not remembered is verified again.
    verifier.decode_now(&token).unwrap();
    (verifier, token)
}

fn list() -> (Revocations, Arc<Claims>) {
    let (verifier, token) = verifier(0);
    (revocations::list(1000), verifier.decode_now(&token).unwrap())
}

fn signer(claims: Map<String, Value>) -> (Key, Map<String, Value>) {
    let key = Key::default();
    key.signing.sign(&claims).unwrap();
    (key, claims)
}

#[library_benchmark]
#[bench::one(raw())]
fn raw_check(check: RawCheck) {
    black_box(check).run();
}

#[library_benchmark]
#[bench::first(verifier(0))]
#[bench::again(verifier(100))]
fn verify((verifier, token): (Verifier, String)) -> Arc<Claims> {
    black_box(&verifier).decode_now(black_box(&token)).unwrap()
}

#[library_benchmark]
#[bench::one(list())]
fn check_revoked((list, claims): (Revocations, Arc<Claims>)) {
    black_box(&list).check(black_box(&claims), None).unwrap();
}

#[library_benchmark]
#[bench::access(signer(access_claims()))]
#[bench::scoped(signer(scoped_claims(40)))]
fn sign((key, claims): (Key, Map<String, Value>)) -> String {
    black_box(&key).signing.sign(black_box(&claims)).unwrap()
}

#[library_benchmark]
#[bench::forty((policies::standing(40), policies::permission(39)))]
fn permit((standing, permission): (Standing, String)) -> Right {
    black_box(&standing).right(black_box(&permission)).unwrap()
}

#[library_benchmark]
#[bench::forty((policies::policy(40), policies::stored(40)))]
fn read_role((policy, stored): (Policy, String)) -> Role {
    black_box(&policy).role("clerk", Some(black_box(&stored)))
}

library_benchmark_group!(
    name = hot_path,
    benchmarks = [raw_check, verify, check_revoked, sign, permit, read_role]
);
main!(library_benchmark_groups = hot_path);
