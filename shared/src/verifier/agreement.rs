//! A verifier with a cache never disagrees with one without: both live through the same random
//! histories and are asked about every token after every step.

mod history;
mod world;

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use history::History;
use world::World;

use super::Verifier;
use crate::{Claims, token::Refusal};

/// The seed of the histories, so that a failure can be had again. `PROPTEST_RNG_SEED` replaces it and
/// `PROPTEST_CASES` asks for more histories, for whoever wants to search.
const SEED: u64 = 20_261_123;
const LEAST: u32 = 400;

/// What was answered, by the refusal's name, with how often.
type Answers = BTreeMap<String, usize>;

/// A question gives the claims, and what is known of their key.
type Question = fn(&Verifier, &str) -> Result<(Arc<Claims>, Option<String>), Refusal>;

/// With revocation, without, and with it afterwards.
const QUESTIONS: [Question; 3] = [
    |verifier, token| verifier.decode_now(token).map(|claims| (claims, None)),
    |verifier, token| verifier.authenticate_now(token).map(|authentic| (authentic.claims, authentic.kid)),
    |verifier, token| {
        let authentic = verifier.authenticate_now(token)?;
        verifier.check_revoked(&authentic)?;
        Ok((authentic.claims, authentic.kid))
    },
];

fn live_through(history: &History, answers: &RefCell<Answers>) -> Result<(), TestCaseError> {
    let mut world = World::new(history);
    for (number, step) in history.steps.iter().enumerate() {
        world.take(step);
        // Each may be the first to know a token.
        let mut questions = QUESTIONS;
        questions.rotate_left(number % QUESTIONS.len());
        // Twice, so that what the first question left behind answers the second.
        for token in world.tokens.iter().chain(&world.tokens) {
            for ask in questions {
                let answer = agreed(&world, ask, token)
                    .map_err(|text| TestCaseError::fail(format!("after step {number}, {step:?}: {text}")))?;
                *answers.borrow_mut().entry(answer).or_default() += 1;
            }
        }
    }
    Ok(())
}

/// The name of the answer that both verifiers give.
fn agreed(world: &World, ask: Question, token: &str) -> Result<String, String> {
    let (cached, plain) = (ask(&world.cached, token), ask(&world.plain, token));
    if cached != plain {
        return Err(format!("cached {cached:?}, uncached {plain:?}"));
    }
    Ok(plain.map_or_else(|refusal| name(&format!("{refusal:?}")), |_| "Ok".to_owned()))
}

/// `Revoked(Session)`, `Expired`: a refusal without what it says of this token.
fn name(debug: &str) -> String {
    if debug.starts_with("Revoked") {
        return debug.to_owned();
    }
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

#[test]
fn a_cache_never_changes_an_answer() {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = config.cases.max(LEAST);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let seed = config.rng_seed;
    let answers = RefCell::new(Answers::new());
    let lived =
        TestRunner::new(config).run(&history::histories(), |history| live_through(&history, &answers));
    if let Err(TestError::Fail(why, history)) = lived {
        panic!("PROPTEST_RNG_SEED={seed}: {why}\n{history:#?}");
    }
    // The histories lead everywhere.
    let answers = answers.into_inner();
    for reason in [
        "Ok",
        "Expired",
        "NotYetValid",
        "UnknownKey",
        "Signature",
        "Algorithm",
        "KeysUnavailable",
        "RevocationUnknown",
        "Revoked(Session)",
        "Revoked(Jti)",
        "Revoked(Key)",
        "Revoked(Client)",
        "Revoked(User)",
        "Revoked(All)",
        "Revoked(Member)",
        "Revoked(Organization)",
        "Revoked(Role)",
    ] {
        assert!(answers.get(reason).is_some_and(|times| *times >= 10), "{reason} in {answers:#?}");
    }
}
