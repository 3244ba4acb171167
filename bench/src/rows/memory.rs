//! Memory under mixed load: it may not grow.

use std::time::Duration;

use e2e::{PASSWORD, wire};
use serde_json::json;

use super::{
    login,
    organizations::{PATH, World},
};
use crate::{
    open_loop::{Asks, Pace, offer},
    row::{Measured, Row, Run, Side, Spec, Target, Unit},
    stage::Stage,
    stats::{float, size},
    tokens::{USER, sessions},
};

/// How many windows the watch is cut into: in the full size each is a minute.
const WINDOWS: usize = 5;
/// Chains of refreshes.
const CHAINS: usize = 4;
const EVERY: Duration = Duration::from_millis(500);

const AUTH: Spec = Spec {
    name: "memory/auth",
    what: "memory of the auth service under mixed load, last minute of five",
    against: "the first minute",
    target: Target::AtMost(1.05),
    unit: Unit::Times,
};
const ORG: Spec = Spec { name: "memory/org", what: "the same of the organization service", ..AUTH };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let world = World::new(stage, &[]).await?;
    let tokens = sessions(&world.cluster, &world.auth, CHAINS).await?;
    let chains: Vec<_> = tokens.into_iter().filter_map(|session| session.refresh).map(Asks::Chain).collect();
    let same = |request: Vec<u8>| Asks::Same(request.into());
    let login = json!({"username": USER, "password": PASSWORD}).to_string();
    let verify = json!({"token": world.token()}).to_string();
    let auth = [
        chains,
        vec![
            same(wire::post(login::PATH, &login, None)),
            same(wire::post("/api/v1/user/token/verify/", &verify, None)),
            same(wire::get("/api/v1/user/me/", world.token())),
        ],
    ];
    let org = vec![
        same(wire::get(PATH, world.token())),
        same(wire::get(&format!("{PATH}{}/", world.org_id), world.token())),
        same(wire::get(&format!("{PATH}{}/members/", world.org_id), world.token())),
    ];
    // The first seconds fill caches.
    let warm = stage.plan.watch / 10;
    let length = warm + stage.plan.watch;
    let ((auth, _), (org, _), samples) = tokio::join!(
        offer(&world.auth.base, auth.concat(), Pace::Closed, length),
        offer(&world.org.base, org, Pace::Closed, length),
        watch(&world, warm, stage.plan.watch),
    );
    auth.demand_good()?;
    org.demand_good()?;
    let samples = samples?;
    let row = |spec: &Spec, name: &str, rate: f64, of: fn(&Sample) -> u64| {
        let bytes: Vec<u64> = samples.iter().map(of).collect();
        let [first, last] = ends(&bytes);
        let side = Side::of(name, &[Run { rate, ..Run::default() }]);
        let note = format!("{:.1} MB, then {:.1} MB", first / 1e6, last / 1e6);
        spec.measured(Measured::of(vec![last / first], vec![side]).noting(note))
    };
    Ok(vec![
        row(&AUTH, "requests to the auth service", auth.goodput(), |sample| sample.auth),
        row(&ORG, "requests to the organization service", org.goodput(), |sample| sample.org),
    ])
}

/// Resident memory at one moment, in bytes.
struct Sample {
    auth: u64,
    org: u64,
}

async fn watch(world: &World, warm: Duration, length: Duration) -> anyhow::Result<Vec<Sample>> {
    tokio::time::sleep(warm).await;
    let mut ticks = tokio::time::interval(EVERY);
    let mut samples = Vec::new();
    for _ in 0..length.as_millis() / EVERY.as_millis() {
        ticks.tick().await;
        samples.push(Sample { auth: world.auth.usage()?.resident, org: world.org.usage()?.resident });
    }
    Ok(samples)
}

/// The means of the first window and of the last.
fn ends(bytes: &[u64]) -> [f64; 2] {
    let window = (bytes.len() / WINDOWS).max(1);
    let mean = |part: &[u64]| float(part.iter().sum()) / size(part.len());
    let last = bytes.len().saturating_sub(window);
    [bytes.get(..window), bytes.get(last..)].map(|part| mean(part.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_a_fifth_each() {
        let [first, last] = ends(&[10, 20, 1, 1, 1, 1, 1, 1, 30, 50]);
        assert!((first - 15.0).abs() < 1e-9 && (last - 40.0).abs() < 1e-9);
    }
}
