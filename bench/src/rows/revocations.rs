//! A million live revocations: the memory that they take of a validator, and how long it takes until one
//! that starts has them all.

use std::time::{Duration, Instant};

use e2e::{Cluster, Node};

use crate::{
    feed,
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
    stats::float,
    tokens::USER,
};

const MEMORY: Spec = Spec {
    name: "revocations/memory",
    what: "memory of 10⁶ live revocations in a validator",
    against: "–",
    target: Target::AtMost(100.0),
    unit: Unit::Megabytes,
};
const SNAPSHOT: Spec = Spec {
    name: "revocations/snapshot",
    what: "until a validator that starts has them all",
    against: "–",
    target: Target::AtMost(2.0),
    unit: Unit::Seconds,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cluster = stage.cluster(&[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let empty = start(&cluster, &auth).await?;
    drop(auth);
    feed::fill(&cluster, stage.plan.revocations).await?;
    let auth = cluster.auth().await?;
    // Once for the database's caches, as a validator that starts beside others finds them.
    start(&cluster, &auth).await?;
    let (mut memory, mut snapshot) = (Vec::new(), Vec::new());
    for _ in 0..stage.plan.rounds {
        let laden = start(&cluster, &auth).await?;
        memory.push(float(laden.resident.saturating_sub(empty.resident)) / 1e6);
        snapshot.push(laden.ready.saturating_sub(empty.ready).as_secs_f64());
    }
    let note = format!("{} entries; with none {:.1} MB", stage.plan.revocations, float(empty.resident) / 1e6);
    Ok(vec![
        MEMORY.measured(Measured::of(memory, Vec::new()).noting(note)),
        SNAPSHOT.measured(Measured::of(snapshot, Vec::new())),
    ])
}

struct Started {
    ready: Duration,
    resident: u64,
}

/// Starts a validator, which serves once it knows what is revoked, and ends it again.
async fn start(cluster: &Cluster, auth: &Node) -> anyhow::Result<Started> {
    let began = Instant::now();
    let node = cluster.org(auth).await?;
    let ready = began.elapsed();
    Ok(Started { ready, resident: node.usage()?.resident })
}
