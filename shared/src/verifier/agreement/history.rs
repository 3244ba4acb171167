//! Random histories: what an issuer, its feed, the clock and whoever sends tokens can do.

use proptest::{collection::vec, prelude::*};

use crate::revocation::Kind;

/// One history and the verifier that lives through it.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// Whether keys are fetched, and so can grow too old; else they come from the same process.
    pub(super) fetched: bool,
    /// The cache's size.
    pub(super) capacity: usize,
    /// Leeway on `exp`, in seconds.
    pub(super) leeway: u64,
    pub(super) steps: Vec<Step>,
}

/// A step; numbers choose among what there is, times are seconds.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Issue(Issue),
    /// Sends an issued token with another beginning, middle or end.
    Forge(usize, usize),
    /// Moves the clock, also back.
    Clock(i64),
    /// Withdraws a key.
    Withdraw(usize),
    /// Publishes a key; the last number says which one of those that share its id.
    Publish(usize, usize),
    /// Revokes something of an issued token; the bound is relative to the token's own.
    Revoke(Kind, usize, i64),
    /// The feed says that nothing is missing.
    Hear,
    /// The feed speaks of what nobody understands.
    Mystery,
    /// The revocation set drops what has ended.
    Sweep,
}

/// A token to be issued.
#[derive(Debug, Clone)]
pub(super) struct Issue {
    pub(super) key: usize,
    pub(super) version: usize,
    pub(super) age: i64,
    pub(super) lifetime: i64,
    pub(super) not_before: Option<i64>,
    pub(super) session: Option<usize>,
    pub(super) user: usize,
    pub(super) organization: Option<usize>,
}

pub(super) const KEYS: usize = 3;
/// So many different keys go by one id.
pub(super) const VERSIONS: usize = 3;

fn issue() -> impl Strategy<Value = Issue> {
    let key = (0..KEYS, prop_oneof![8 => Just(0), 1 => 0..VERSIONS]);
    let times = (-15..60_i64, 30..300_i64, proptest::option::weighted(0.2, -20..40_i64));
    let whose = (proptest::option::weighted(0.7, 0..3_usize), 0..3_usize, proptest::option::of(0..2_usize));
    (key, times, whose).prop_map(
        |((key, version), (age, lifetime, not_before), (session, user, organization))| Issue {
            key,
            version,
            age,
            lifetime,
            not_before,
            session,
            user,
            organization,
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    // One of everybody's tokens ends most histories, so it comes seldom.
    let specific = [
        Kind::Session,
        Kind::Jti,
        Kind::Key,
        Kind::Client,
        Kind::User,
        Kind::Member,
        Kind::Organization,
        Kind::Role,
    ];
    prop_oneof![12 => proptest::sample::select(specific.to_vec()), 1 => Just(Kind::All)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => issue().prop_map(Step::Issue),
        1 => (any::<usize>(), 0..3_usize).prop_map(|(token, part)| Step::Forge(token, part)),
        4 => prop_oneof![3 => -40..40_i64, 1 => -1000..1000_i64, 1 => 3500..4000_i64].prop_map(Step::Clock),
        1 => (0..KEYS).prop_map(Step::Withdraw),
        2 => (0..KEYS, prop_oneof![3 => Just(0), 1 => 0..VERSIONS]).prop_map(|(key, version)| Step::Publish(key, version)),
        4 => (kind(), any::<usize>(), -2..3_i64).prop_map(|(kind, token, bound)| Step::Revoke(kind, token, bound)),
        2 => Just(Step::Hear),
        1 => Just(Step::Sweep),
    ]
}

/// Most end well, some in a mystery, after which nothing is accepted.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let begin = prop_oneof![1 => Just(vec![]), 8 => Just(vec![Step::Hear])];
    let end = prop_oneof![5 => Just(vec![]), 1 => Just(vec![Step::Mystery, Step::Hear])];
    (begin, vec(step(), 1..30), end).prop_map(|(begin, steps, end)| [begin, steps, end].concat())
}

pub(super) fn histories() -> impl Strategy<Value = History> {
    let capacity = prop_oneof![Just(1_usize), Just(3), Just(1000)];
    (proptest::bool::weighted(0.3), capacity, prop_oneof![Just(0_u64), Just(20)], steps())
        .prop_map(|(fetched, capacity, leeway, steps)| History { fetched, capacity, leeway, steps })
}
