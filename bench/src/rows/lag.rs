//! From the answer to a logout to the first refusal of its token, at three organization services that work
//! at half of their capacity.

use anyhow::{Context as _, ensure};
use e2e::{Cluster, Eyes, Load, Node, Pace, Watch};
use shared::db::testing::TestDb;

use super::organizations::PATH;
use crate::{
    postgres::Durability,
    row::{Measured, Row, Spec, Target, Unit},
    stage::Stage,
    stats::percentile,
    tokens::{USER, sessions},
};

const VALIDATORS: usize = 3;
/// Clients that saturate them.
const CLIENTS: usize = 12;
/// Requests before counting begins.
const WARM: usize = 150;

const P99: Spec = Spec {
    name: "lag/p99",
    what: "logout answered → refused by three services at half of capacity, 99 of 100",
    against: "–",
    target: Target::AtMost(50.0),
    unit: Unit::Milliseconds,
};
const MAX: Spec =
    Spec { name: "lag/max", what: "the same, the longest", target: Target::AtMost(500.0), ..P99 };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cluster = stage.cluster(&[("LOG", "warn")]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let (validators, _databases) = validators(stage, &cluster, &auth).await?;
    let mut sessions = sessions(&cluster, &auth, stage.plan.logouts + 1).await?;
    let bystander = sessions.pop().and_then(|session| session.access).context("a token")?;
    let targets: Vec<_> = validators.iter().map(|node| node.anonymous().bearing(&bystander)).collect();
    let load = Load::new(&targets, PATH);
    let capacity = load.capacity(CLIENTS, stage.plan.turn).await?;

    let running = load.start(Pace::PerSecond(capacity / 2));
    running.done(WARM).await;
    let addresses: Vec<_> = validators.iter().map(|node| node.base.clone()).collect();
    let (mut eyes, watch) = (Eyes::on(&addresses).await?, Watch::over(&addresses).await?);
    let mut lags = Vec::new();
    for session in &sessions {
        lags.push(eyes.revoke(session).await?.lag);
        watch.add(session)?;
    }
    let refusals = watch.finish().await?;
    let others = running.finish().await;
    let refused = others.only(|sample| sample.status != Some(200)).samples.len();
    ensure!(refused == 0, "tokens that were not revoked: {:?}", others.statuses());
    let ms = |percent| percentile(lags.clone(), percent).as_secs_f64() * 1e3;
    let note = format!(
        "{} logouts at {}/s, p50 {:.2} ms; {refusals} later refusals, no acceptance",
        lags.len(),
        capacity / 2,
        ms(50)
    );
    Ok(vec![
        P99.measured(Measured::once(ms(99)).noting(note)),
        MAX.measured(Measured::once(lags.iter().max().map_or(0.0, |longest| longest.as_secs_f64() * 1e3))),
    ])
}

/// Organization services, each with a database of its own.
async fn validators(
    stage: &Stage,
    cluster: &Cluster,
    auth: &Node,
) -> anyhow::Result<(Vec<Node>, Vec<TestDb>)> {
    let server = stage.postgres(Durability::Full).await?;
    let (mut nodes, mut databases) = (Vec::new(), Vec::new());
    for _ in 0..VALIDATORS {
        let database = TestDb::empty_on(Some(server.clone()))?;
        let url = database.url.secret_text();
        nodes.push(cluster.org_with(auth, &[("ORG_DATABASE_URL", &url)]).await?);
        databases.push(database);
    }
    Ok((nodes, databases))
}
