//! Refresh with rotation, beside its composed limit.

use std::time::Duration;

use e2e::{Actor, Cluster, Node};

use crate::{
    bare,
    composed::beside,
    contest::{Contender, contest},
    pgbench,
    postgres::Durability,
    raw,
    row::{Row, Run, Spec, Target, Unit},
    stage::Stage,
    tokens::{USER, sessions},
    wrk::{CHAIN, Wrk},
};

/// Connections, and chains of refreshes.
const CONNECTIONS: usize = 16;
pub(crate) const PATH: &str = "/api/v1/user/token/refresh/";

const DURABLE: Spec = Spec {
    name: "refresh",
    what: "refresh with rotation, PostgreSQL as delivered",
    against: "limit: bare handler of bodies as large, the same UPDATE, cryptography",
    target: Target::AtLeast(0.65),
    unit: Unit::Times,
};
const RELAXED: Spec =
    Spec { name: "refresh/memory", what: "the same where nothing waits for the disk", ..DURABLE };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(vec![one(stage, Durability::Full, &DURABLE).await?, one(stage, Durability::None, &RELAXED).await?])
}

async fn one(stage: &Stage, durability: Durability, spec: &Spec) -> anyhow::Result<Row> {
    let cluster = stage.cluster_on(durability, &[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let bare = stage.bare().await?;
    let tokens = || (0..CONNECTIONS).map(|number| format!("{number:0>540}")).collect();
    let script = include_str!("../../sql/refresh.sql");
    let variables = [("generation", "-1"), ("id", "none")];
    let statement = |length| {
        let work = (CONNECTIONS, length);
        pgbench::run((script, stage.folder()), &cluster.auth_db.url, &variables, work)
    };
    let [refreshes, bare, statement, crypto] = contest(
        &stage.plan,
        [
            Contender::new(|length| ours(stage, (&cluster, &auth), length)),
            Contender::new(|length| chain(stage, (bare, bare::CHAIN), tokens(), length)),
            Contender::new(statement),
            Contender::new(|length| std::future::ready(raw::refresh(length / 4))),
        ],
    )
    .await?;
    let parts = [
        ("bare handler", bare.as_slice()),
        ("UPDATE … RETURNING", &statement),
        ("1 Ed25519 signature, 2 HMAC", &crypto),
    ];
    Ok(spec.measured(beside("refresh", &refreshes, &parts)))
}

/// A chain of refreshes on each connection, each of a new session.
async fn ours(stage: &Stage, (cluster, auth): (&Cluster, &Node), length: Duration) -> anyhow::Result<Run> {
    chains(stage, auth, sessions(cluster, auth, CONNECTIONS).await?, length).await
}

/// A chain of refreshes on a connection for each of these sessions.
pub(super) async fn chains(
    stage: &Stage,
    node: &Node,
    sessions: Vec<Actor>,
    length: Duration,
) -> anyhow::Result<Run> {
    let tokens = sessions.into_iter().filter_map(|session| session.refresh).collect();
    chain(stage, (node, PATH), tokens, length).await
}

/// The same for each of these tokens, of whoever answers at this path.
async fn chain(
    stage: &Stage,
    (node, path): (&Node, &str),
    tokens: Vec<String>,
    length: Duration,
) -> anyhow::Result<Run> {
    // A thread has one connection, or the chains would mix.
    let (threads, connections) = (tokens.len(), tokens.len());
    let variables = [("REFRESH_PATH", path)];
    let wrk = Wrk { folder: stage.folder(), threads, connections, script: CHAIN, variables: &variables };
    wrk.run(node, (tokens.join("\n").as_bytes(), length)).await
}
