//! What lists and look-ups cost among many rows, against what they cost among a thousand.
//!
//! The default size finds a query that looks at rows which it does not show, and takes seconds.
//! `ORG_SCALE=10000000` measures: run it with `--release --nocapture`, on PostgreSQL with room for the rows in its
//! memory, on a machine that does nothing else, and with both on one processor, for to wake another one takes
//! longer than the statements:
//!
//!     ORG_SCALE=10000000 PG_SETTINGS='-c shared_buffers=6GB' taskset -c 0 \
//!         .ci/postgres with cargo test --release -p org-service --lib scale -- --nocapture
//!
//! There the bound is the one that was promised; elsewhere it leaves room for neighbours.

mod filling;
mod plans;
mod world;

use std::time::{Duration, Instant};

use shared::config::Variables;
use world::World;

/// What everything is compared with.
const FEW: i64 = 1000;
/// Rows by default.
const MANY: i64 = 50_000;

struct Size {
    rows: i64,
    rounds: u32,
    /// How much longer anything may take than among [`FEW`] rows.
    bound: f64,
}

fn size() -> Size {
    match Variables::from_env().get("ORG_SCALE") {
        Some(rows) => Size { rows: rows.parse().unwrap(), rounds: 1000, bound: 1.3 },
        None => Size { rows: MANY, rounds: 100, bound: 5.0 },
    }
}

/// The statements of a request, for the `n`th time.
type Operation = (&'static str, fn(&mut World, u32));

const OPERATIONS: [Operation; 12] = [
    ("first page of all organizations", |world, _| world.numbered()),
    ("first page of all organizations by cursor", |world, _| world.organizations("first", "")),
    ("page 1,000 of all organizations by cursor", |world, _| world.organizations("deep", "")),
    ("page 1,000 of all organizations by name, backwards", |world, _| world.organizations("deep", "-name")),
    ("organizations found by a prefix", World::search),
    ("first page of one's own organizations", World::own),
    ("first page of members", |world, _| world.numbered_members()),
    ("first page of members by cursor", |world, _| world.members("first", "")),
    ("page 1,000 of members by cursor", |world, _| world.members("deep", "")),
    ("page 1,000 of members by role", |world, _| world.members("deep", "role")),
    ("an organization looked up", World::look_up),
    ("a membership checked", World::check),
];

fn timed(world: &mut World, run: fn(&mut World, u32), round: u32) -> Duration {
    let started = Instant::now();
    run(world, round);
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn what_a_request_costs_does_not_grow_with_the_rows() {
    let size = size();
    let (mut few, mut many) = (World::new(FEW).await, World::new(size.rows).await);
    let mut slow = Vec::new();
    println!("{} rows against {FEW}", size.rows);
    for (name, run) in OPERATIONS {
        let (mut among_few, mut among_many) = (Vec::new(), Vec::new());
        // What is read for the first time comes from the disk.
        for round in 0..size.rounds {
            timed(&mut many, run, round);
        }
        // In turn, so that what else the machine does falls on both.
        for round in 0..size.rounds {
            among_few.push(timed(&mut few, run, round));
            among_many.push(timed(&mut many, run, round));
        }
        let (few, many) = (median(among_few), median(among_many));
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("{ratio:5.2}  {few:>9.1?} {many:>9.1?}  {name}");
        if ratio > size.bound {
            slow.push((name, ratio));
        }
    }
    assert!(slow.is_empty(), "more than {} times as long: {slow:?}", size.bound);
    many.demand_indexes();
}
