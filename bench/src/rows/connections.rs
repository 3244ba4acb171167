//! Ten thousand kept connections that do nothing: the memory that they take, and the throughput that is
//! left, beside a bare actix server.

use anyhow::Context as _;
use e2e::{
    Node,
    wire::{self, Wire},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    composed::ratio,
    contest::{Contender, contest},
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
    stats::float,
    wrk::in_turn,
};

/// What the throughput is compared with.
const FEW: usize = 100;
const CONNECTIONS: usize = 16;
const PATH: &str = "/.well-known/jwks.json";

const MEMORY: Spec = Spec {
    name: "connections/memory",
    what: "memory of 10,000 idle kept connections, auth service",
    against: "limit: a bare actix server",
    target: Target::AtMost(1.25),
    unit: Unit::Times,
};
const THROUGHPUT: Spec = Spec {
    name: "connections/throughput",
    what: "throughput beside 10,000 idle connections",
    against: "beside 100",
    target: Target::AtLeast(0.8),
    unit: Unit::Times,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let bare = crate::bare::start().await?;
    let cluster = stage.cluster(&[]).await?;
    let (laden, other) = (cluster.auth().await?, cluster.auth().await?);
    let _few = open(&other, FEW).await?;
    // One side's after the other's: not every machine lets a program have both at once.
    let theirs = grown(&bare, stage).await?.each();
    let ours = grown(&laden, stage).await?;
    let note = format!("{:.1} kB each beside {:.1} kB", ours.each() / 1e3, theirs / 1e3);
    let memory = Measured::once(ours.each() / theirs).noting(note);

    let request = in_turn([wire::get(PATH, "none")]);
    let wrk = stage.turns(CONNECTIONS);
    let [laden, other] =
        [&laden, &other].map(|node| Contender::new(|length| wrk.run(node, (&request, length))));
    let [laden, other] = contest(&stage.plan, [laden, other]).await?;
    drop(ours);
    let throughput = ratio(("beside 10,000", &laden), ("beside 100", &other));
    Ok(vec![MEMORY.measured(memory), THROUGHPUT.measured(throughput)])
}

/// Open connections, and the memory that they took.
struct Grown {
    wires: Vec<Wire>,
    bytes: u64,
}

impl Grown {
    fn each(&self) -> f64 {
        float(self.bytes) / float(self.wires.len() as u64)
    }
}

async fn grown(node: &Node, stage: &Stage) -> anyhow::Result<Grown> {
    // Whatever a first request makes, it makes once.
    drop(open(node, FEW).await?);
    let before = node.usage()?.resident;
    let wires = open(node, stage.plan.idle).await?;
    let bytes = node.usage()?.resident.checked_sub(before).context("it takes less memory than before")?;
    Ok(Grown { wires, bytes })
}

/// Connections, each of which has been answered once.
async fn open(node: &Node, count: usize) -> anyhow::Result<Vec<Wire>> {
    let request = wire::get(PATH, "none");
    let one = async || {
        let mut wire = Wire::connect(&node.base).await?;
        anyhow::ensure!(wire.ask(&request).await? == 200, "it is refused");
        Ok(wire)
    };
    stream::iter(0..count).map(|_| one()).buffered(CONNECTIONS).try_collect().await
}
