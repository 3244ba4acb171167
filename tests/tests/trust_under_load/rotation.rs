//! Keys that change every two seconds while clients log in, refresh and show tokens all the time:
//! nobody notices.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::{Actor, Cluster, Node};
use futures_util::future::try_join_all;

use crate::{
    MACHINE, NODE, Size,
    size::{is_postgres, setting},
    traffic::{Client, Met},
};

/// How long a key signs.
const PERIOD: Duration = Duration::from_secs(2);
/// Clients at a time.
const CLIENTS: usize = 4;
/// Sessions that rest from the beginning to the end, while the key of their refresh token retires.
const RESTING: usize = 4;
/// The lives are short enough that no more than a hundred keys verify at once.
const SETTINGS: e2e::Settings<'_> = &[
    ("AUTH_KEY_ROTATION", "2s"),
    ("AUTH_ACCESS_TOKEN_LIFETIME", "5s"),
    ("AUTH_SLIDING_TOKEN_LIFETIME", "5s"),
    ("AUTH_REFRESH_TOKEN_LIFETIME", "2m"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_rotate_all_the_time_are_noticed_by_nobody() -> anyhow::Result<()> {
    let _machine = MACHINE.read().await;
    rotate(1).await
}

/// Only PostgreSQL is shared by replicas.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_rotate_between_replicas_are_noticed_by_nobody() -> anyhow::Result<()> {
    if !is_postgres()? {
        return Ok(());
    }
    let _machine = MACHINE.read().await;
    rotate(2).await
}

async fn rotate(replicas: usize) -> anyhow::Result<()> {
    let size = Size::chosen()?;
    let ahead = ("AUTH_KEY_PUBLISH_AHEAD", size.publish_ahead);
    let cluster = Cluster::with(NODE, &[SETTINGS, &[ahead]].concat())?;
    let mut auth = Vec::new();
    for _ in 0..replicas {
        auth.push(cluster.auth().await?);
    }
    let (Some(first), Some(last)) = (auth.first(), auth.last()) else { anyhow::bail!("no replica") };
    let orgs = [cluster.org(first).await?, cluster.org(last).await?];
    cluster.user("ada").await?;
    let actors = |nodes: &[Node]| nodes.iter().map(Node::anonymous).collect::<Vec<Actor>>();
    let client = |first| Client::new(&actors(&auth), &actors(&orgs), first);

    let (mut sleeper, mut met) = (client(0), Met::default());
    let mut resting = Vec::new();
    for _ in 0..RESTING {
        resting.push(sleeper.log_in(&mut met).await?.context("a login")?);
    }
    let end = Instant::now() + size.rotation;
    let clients = (0..CLIENTS).map(|first| tokio::spawn(client(first).live(end)));
    for each in try_join_all(clients).await? {
        met = met.and(each?);
    }
    for pair in &resting {
        sleeper.refresh(pair, &mut met).await?;
    }
    report(&met, replicas, &size)
}

fn report(met: &Met, replicas: usize, size: &Size) -> anyhow::Result<()> {
    println!(
        "keys that rotate every {PERIOD:?}, known {} ahead, for {:?} ({}, {replicas} auth, 2 organization services):\n  \
         {} signing and {} refresh keys; {} logins, {} refreshes, {} tokens shown, {} verified; {} refused",
        size.publish_ahead,
        size.rotation,
        setting()?,
        met.signing.len(),
        met.refresh.len(),
        met.logins,
        met.refreshes,
        met.shown,
        met.verified,
        met.failures.len(),
    );
    let refused = met.failures.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    ensure!(met.failures.is_empty(), "{} good tokens were refused:\n{refused}", met.failures.len());
    // A schedule that stands still would pass all the rest.
    let least = usize::try_from(size.rotation.as_secs() / PERIOD.as_secs())? * 2 / 3;
    for keys in [&met.signing, &met.refresh] {
        ensure!(keys.len() >= least, "{} keys in {:?}: the schedule fell behind", keys.len(), size.rotation);
    }
    Ok(())
}
