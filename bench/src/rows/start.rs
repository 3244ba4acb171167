//! One service that does nothing: its memory, and how soon after its start it serves.

use std::time::{Duration, Instant};

use e2e::{Cluster, Node};

use crate::{
    postgres::Durability,
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
    stats::float,
};

/// Enough, for each takes more than a second.
const ROUNDS: usize = 5;
/// When what the start needed has been given back.
const SETTLED: Duration = Duration::from_secs(1);

const MEMORY: Spec = Spec {
    name: "idle/auth-memory",
    what: "auth service, idle, resident",
    against: "–",
    target: Target::AtMost(25.0),
    unit: Unit::Megabytes,
};
const READY: Spec = Spec {
    name: "idle/auth-ready",
    what: "auth service, from exec until it serves",
    against: "–",
    target: Target::AtMost(100.0),
    unit: Unit::Milliseconds,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let postgres = stage.cluster_on(Durability::Full, &[]).await?;
    let sqlite = Cluster::shipped(&stage.programs, None, &[])?;
    let mut auth = Figures::default();
    let mut org = Figures::default();
    for cluster in [&postgres, &sqlite] {
        // The first start makes the tables.
        let first = cluster.auth().await?;
        drop(cluster.org(&first).await?);
        for _ in 0..stage.plan.rounds.min(ROUNDS) {
            let node = auth.take(cluster.auth()).await?;
            drop(org.take(cluster.org(&node)).await?);
        }
    }
    let [org_memory, org_ready] = [
        Spec { name: "idle/org-memory", what: "organization service, idle, resident", ..MEMORY },
        Spec { name: "idle/org-ready", what: "organization service, from exec until it serves", ..READY },
    ];
    Ok([auth.rows(&MEMORY, &READY), org.rows(&org_memory, &org_ready)].concat())
}

#[derive(Default)]
struct Figures {
    memory: Vec<f64>,
    ready: Vec<f64>,
}

impl Figures {
    async fn take(&mut self, start: impl Future<Output = anyhow::Result<Node>>) -> anyhow::Result<Node> {
        let began = Instant::now();
        let node = start.await?;
        self.ready.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(SETTLED).await;
        self.memory.push(float(node.usage()?.resident) / 1e6);
        Ok(node)
    }

    fn rows(self, memory: &Spec, ready: &Spec) -> Vec<Row> {
        let note = "on PostgreSQL, then on SQLite; tables were there";
        vec![
            memory.measured(Measured::of(self.memory, Vec::new()).noting(note)),
            ready.measured(Measured::of(self.ready, Vec::new())),
        ]
    }
}
