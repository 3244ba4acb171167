//! Revocation lag: from the answer to a logout to the first refusal, at three organization services
//! that work at half of their capacity.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Actor, Cluster, Eyes, Load, Node, Pace, Report, Revoked, Sample, Watch};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::db::testing::TestDb;

use crate::{MACHINE, NODE, ORGANIZATIONS, Size, size::setting};

/// Validators, each a process with a database of its own.
const VALIDATORS: usize = 3;
/// Clients that saturate them.
const CLIENTS: usize = 12;
/// Requests before counting begins.
const WARM: usize = 150;
/// How long capacity is measured.
const CAPACITY: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_is_known_everywhere_at_once() -> anyhow::Result<()> {
    let _machine = MACHINE.write().await;
    measure(1).await
}

/// The validators follow one replica, and the logouts go to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_another_replica_is_known_everywhere_at_once() -> anyhow::Result<()> {
    let _machine = MACHINE.write().await;
    measure(2).await
}

async fn measure(replicas: usize) -> anyhow::Result<()> {
    let size = Size::chosen()?;
    // Far longer than the test: what is refused was revoked, and did not expire.
    let cluster = Cluster::with(NODE, &[("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "warn")])?;
    let mut auth = Vec::new();
    for _ in 0..replicas {
        auth.push(cluster.auth().await?);
    }
    let (Some(followed), Some(asked)) = (auth.first(), auth.last()) else { anyhow::bail!("no replica") };
    let mut databases = Vec::new();
    let mut validators = Vec::new();
    for _ in 0..VALIDATORS {
        let database = TestDb::empty()?;
        let url = database.url.secret_text();
        validators.push(cluster.org_with(followed, &[("ORG_DATABASE_URL", &url)]).await?);
        databases.push(database);
    }
    cluster.user("ada").await?;
    let sessions = log_in(&cluster, asked, size.revocations + 1).await?;
    let Some((bystander, sessions)) = sessions.split_first() else { anyhow::bail!("no session") };
    let token = bystander.access.as_deref().unwrap_or_default();
    let targets: Vec<_> = validators.iter().map(|node| node.anonymous().bearing(token)).collect();
    let load = Load::new(&targets, ORGANIZATIONS);
    let capacity = load.capacity(CLIENTS, CAPACITY).await?;

    let running = load.start(Pace::PerSecond(capacity / 2));
    running.done(WARM).await;
    let addresses: Vec<_> = validators.iter().map(|node| node.base.clone()).collect();
    let (mut eyes, watch) = (Eyes::on(&addresses).await?, Watch::over(&addresses).await?);
    let mut revoked = Vec::new();
    for session in sessions {
        revoked.push(eyes.revoke(session).await?);
        watch.add(session)?;
    }
    let refusals = watch.finish().await?;
    let load = running.finish().await;
    report(&revoked, &load, &Found { replicas, capacity, refusals }, &size)
}

async fn log_in(cluster: &Cluster, auth: &Node, count: usize) -> anyhow::Result<Vec<Actor>> {
    // Two at a time: hashing is slow on purpose.
    stream::iter((0..count).map(|_| cluster.login(auth, "ada"))).buffered(2).try_collect().await
}

/// Whether all answers accepted the token. So many in a hundred requests may have got none: a service
/// that has waited for a processor for seconds closes kept connections while they are being used again.
fn accepted(report: &Report, unanswered_percent: u32) -> bool {
    let refused = report.only(|sample| sample.status.is_some_and(|status| status != 200));
    let unanswered = report.only(|sample| sample.status.is_none()).samples.len();
    let most = report.samples.len() * unanswered_percent as usize / 100;
    refused.samples.is_empty() && unanswered <= most && report.samples.len() > unanswered
}

struct Found {
    replicas: usize,
    capacity: u32,
    refusals: usize,
}

fn report(revoked: &[Revoked], load: &Report, found: &Found, size: &Size) -> anyhow::Result<()> {
    let times = |of: fn(&Revoked) -> Duration| Report {
        samples: revoked
            .iter()
            .map(|it| Sample { target: 0, due: it.answered, took: of(it), status: Some(401) })
            .collect(),
    };
    let (lag, logout) = (times(|it| it.lag), times(|it| it.logout));
    println!(
        "revocation lag ({}, {} auth, {VALIDATORS} organization services, {} revocations at half of {}/s):\n  \
         refused everywhere after p50 {:.1?}, p99 {:.1?}, max {:.1?} (bounds {:?} and {:?})\n  \
         the logout itself p50 {:.1?}, p99 {:.1?}; other requests p50 {:.1?}, p99 {:.1?}, max {:.1?}, {:?}\n  \
         {} later refusals of refused tokens, no acceptance",
        setting()?,
        found.replicas,
        revoked.len(),
        found.capacity,
        lag.p50(),
        lag.p99(),
        lag.max(),
        size.lag_p99,
        size.lag_max,
        logout.p50(),
        logout.p99(),
        load.p50(),
        load.p99(),
        load.max(),
        load.statuses(),
        found.refusals,
    );
    let [p99, max] = [size.lag_p99 + load.p99() * size.crowded, size.lag_max + load.max() * size.crowded];
    ensure!(accepted(load, size.crowded), "tokens that were not revoked: {:?}", load.statuses());
    ensure!(lag.p99() <= p99, "p99 {:?} > {p99:?}", lag.p99());
    ensure!(lag.max() <= max, "max {:?} > {max:?}", lag.max());
    Ok(())
}
