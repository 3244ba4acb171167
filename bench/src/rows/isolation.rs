//! Whether logins slow others down: authenticated requests at 30 % of capacity, while passwords are hashed
//! as fast as can be and while they are not.

use std::time::Duration;

use e2e::{Node, PASSWORD, wire};
use serde_json::json;

use super::login;
use crate::{
    open_loop::{Asks, Pace, offer},
    row::{Measured, Row, Run, Side, Spec, Target, Unit},
    stage::Stage,
    tokens::{USER, access_tokens},
};

/// Connections, for capacity and under load.
const CONNECTIONS: usize = 16;
/// Logins at any time.
const LOGINS: usize = 8;
const PART: f64 = 0.3;
/// An authenticated request to the service that hashes.
const PATH: &str = "/api/v1/user/me/";

const SPEC: Spec = Spec {
    name: "isolation",
    what: "p99 of authenticated requests at 30 % of capacity while the hash pool is saturated",
    against: "without logins",
    target: Target::AtMost(2.0),
    unit: Unit::Times,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cluster = stage.cluster(&[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let token = access_tokens(&cluster, &auth, 1).await?.concat();
    let ask = Asks::Same(wire::get(PATH, &token).into());
    let body = json!({"username": USER, "password": PASSWORD}).to_string();
    let login = Asks::Same(wire::post(login::PATH, &body, None).into());
    let clients = || vec![ask.clone(); CONNECTIONS];
    let (full, _) = offer(&auth.base, clients(), Pace::Closed, stage.plan.turn).await;
    full.demand_good()?;
    let pace = Pace::PerSecond(full.goodput() * PART);
    let length = stage.plan.long_turn;

    let (mut calm, mut busy, mut logins) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..stage.plan.rounds {
        let mut order = [false, true];
        order.rotate_left(round % 2);
        for saturated in order {
            let others = if saturated { vec![login.clone(); LOGINS] } else { Vec::new() };
            let others = offer(&auth.base, others, Pace::Closed, length);
            let (asked, (others, _)) = tokio::join!(one(&auth, clients(), (pace, length)), others);
            if saturated {
                logins.push(Run { rate: others.goodput(), ..Run::default() });
                busy.push(asked?);
            } else {
                calm.push(asked?);
            }
        }
    }
    let p99 = |run: &Run| run.p99_ms.unwrap_or(f64::NAN);
    let figures = busy.iter().zip(&calm).map(|(busy, calm)| p99(busy) / p99(calm)).collect();
    let sides = [("beside logins", &busy), ("without", &calm), ("the logins", &logins)];
    let measured = Measured::of(figures, sides.map(|(name, runs)| Side::of(name, runs)).into());
    Ok(vec![SPEC.measured(measured.noting(format!("capacity {:.0}/s", full.goodput())))])
}

async fn one(auth: &Node, clients: Vec<Asks>, (pace, length): (Pace, Duration)) -> anyhow::Result<Run> {
    let (shots, _) = offer(&auth.base, clients, pace, length).await;
    shots.demand_good()?;
    Ok(shots.run())
}
