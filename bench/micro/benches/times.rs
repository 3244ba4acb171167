//! How long the parts of a request take. `cargo bench -p micro --bench times`
//!
//! Times of one thread on one machine: compare within one run. `raw` beside `first` is the row of
//! bench/README.md about a token that is seen for the first time.

#![expect(clippy::unwrap_used, reason = "a measuring tool: what fails shall be seen")]

use divan::{Bencher, black_box};
use mimalloc::MiMalloc;

// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    divan::main();
}

mod verifier {
    use micro::{revocations, tokens::Key};

    use super::{Bencher, black_box};

    /// One Ed25519 verification by the bare library.
    #[divan::bench]
    fn raw(bencher: Bencher<'_, '_>) {
        let key = Key::default();
        let check = key.raw_check(&key.token());
        bencher.bench_local(|| check.run());
    }

    /// A token that was not seen before.
    #[divan::bench]
    fn first(bencher: Bencher<'_, '_>) {
        let key = Key::default();
        let verifier = key.verifier(0, revocations::list(0));
        let token = key.token();
        bencher.bench_local(|| verifier.decode_now(black_box(&token)).unwrap());
    }

    /// A token seen before, while so much is revoked.
    #[divan::bench(args = [0, 1_000_000])]
    fn again(bencher: Bencher<'_, '_>, revoked: usize) {
        let key = Key::default();
        let verifier = key.verifier(10_000, revocations::list(revoked));
        let token = key.token();
        bencher.bench_local(|| verifier.decode_now(black_box(&token)).unwrap());
    }

    /// 10,000 tokens seen before, in turn, while so much is revoked.
    #[divan::bench(args = [0, 1_000_000])]
    fn again_in_turn(bencher: Bencher<'_, '_>, revoked: usize) {
        let key = Key::default();
        let verifier = key.verifier(10_000, revocations::list(revoked));
        let tokens = key.tokens(10_000);
        for token in &tokens {
            verifier.decode_now(token).unwrap();
        }
        let mut turn = tokens.iter().cycle();
        bencher.bench_local(|| verifier.decode_now(turn.next().unwrap()).unwrap());
    }
}

mod revocation {
    use std::sync::Arc;

    use micro::{revocations, tokens::Key};
    use shared::Claims;

    use super::{Bencher, black_box};

    fn claims() -> Arc<Claims> {
        let key = Key::default();
        key.verifier(0, revocations::list(0)).decode_now(&key.token()).unwrap()
    }

    /// Whether a token is revoked, among so many.
    #[divan::bench(args = [0, 1_000, 1_000_000])]
    fn asked(bencher: Bencher<'_, '_>, revoked: usize) {
        let (list, claims) = (revocations::list(revoked), claims());
        bencher.bench_local(|| list.check(black_box(&claims), None).unwrap());
    }

    /// One more entry of the feed.
    #[divan::bench]
    fn received(bencher: Bencher<'_, '_>) {
        let list = revocations::list(0);
        let mut seq = 0;
        let entry = || {
            seq += 1;
            revocations::entry(seq)
        };
        bencher.with_inputs(entry).bench_local_values(|entry| list.receive(Ok(entry)));
    }
}

mod claims {
    use micro::tokens::{Key, access_claims, scoped_claims};
    use serde_json::{Map, Value};

    use super::{Bencher, black_box};

    fn signed(bencher: Bencher<'_, '_>, claims: &Map<String, Value>) {
        let key = Key::default();
        bencher.bench_local(|| key.signing.sign(black_box(claims)).unwrap());
    }

    /// An access token written and signed.
    #[divan::bench]
    fn access(bencher: Bencher<'_, '_>) {
        signed(bencher, &access_claims());
    }

    /// One that speaks for an organization with as many permissions as fit.
    #[divan::bench]
    fn scoped(bencher: Bencher<'_, '_>) {
        signed(bencher, &scoped_claims(40));
    }
}

mod permission {
    use micro::policies;

    use super::{Bencher, black_box};

    /// Whether a role of so many permissions permits the last of them.
    #[divan::bench(args = [10, 40, 1_000])]
    fn asked(bencher: Bencher<'_, '_>, permissions: usize) {
        let standing = policies::standing(permissions);
        let last = policies::permission(permissions - 1);
        bencher.bench_local(|| standing.right(black_box(&last)).unwrap());
    }

    /// A role of so many permissions made of what is stored.
    #[divan::bench(args = [10, 40, 1_000])]
    fn read(bencher: Bencher<'_, '_>, permissions: usize) {
        let (policy, stored) = (policies::policy(permissions), policies::stored(permissions));
        bencher.bench_local(|| policy.role("clerk", Some(black_box(&stored))));
    }
}

mod password {
    use auth_service::password::{Argon2Params, hash};
    use micro::passwords::Pool;

    use super::Bencher;

    /// To the pool and back, with nothing done there.
    #[divan::bench]
    fn pool(bencher: Bencher<'_, '_>) {
        let pool = Pool::default();
        bencher.bench_local(|| pool.run(|| ()));
    }

    /// Argon2id as new passwords are hashed, without the pool.
    #[divan::bench(sample_count = 20)]
    fn argon2id(bencher: Bencher<'_, '_>) {
        let params = Argon2Params::default();
        bencher.bench_local(|| hash("correct horse battery staple", &params).unwrap());
    }

    /// The same through the pool.
    #[divan::bench(sample_count = 20)]
    fn argon2id_in_the_pool(bencher: Bencher<'_, '_>) {
        let pool = Pool::default();
        bencher.bench_local(|| {
            pool.run(|| hash("correct horse battery staple", &Argon2Params::default()).unwrap())
        });
    }
}
