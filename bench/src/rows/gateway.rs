//! One organization through the gateway, beside the same directly.

use e2e::wire;

use super::organizations::{PATH, World};
use crate::{
    composed::ratio,
    contest::{Contender, contest},
    gateway,
    row::{Row, Spec, Target, Unit},
    stage::Stage,
    wrk::in_turn,
};

const CONNECTIONS: usize = 16;

const SPEC: Spec = Spec {
    name: "gateway",
    what: "one organization through the gateway (HAProxy)",
    against: "directly",
    target: Target::AtLeast(0.6),
    unit: Unit::Times,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let world = World::new(stage, &[]).await?;
    let gateway = gateway::start(stage, &world.auth, &world.org).await?;
    let request = in_turn([wire::get(&format!("{PATH}{}/", world.org_id), world.token())]);
    let wrk = stage.turns(CONNECTIONS);
    let sides = [&gateway, &world.org];
    let sides = sides.map(|node| Contender::new(|length| wrk.run(node, (&request, length))));
    let [through, directly] = contest(&stage.plan, sides).await?;
    let measured = ratio(("through the gateway", &through), ("directly", &directly));
    Ok(vec![SPEC.measured(measured.noting("CPU time is the gateway's own, and the service's"))])
}
