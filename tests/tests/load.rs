//! The load generator of the harness: other tests rely on what it counts.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use e2e::{Cluster, Load, Pace, Server};

const ME: &str = "/api/v1/user/me/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_asks_every_target_in_turn_and_counts_the_answers() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.user("ada").await?;
    let targets = [server.login("ada").await?, server.anonymous().bearing("nonsense")];
    let running = Load::new(&targets, ME).start(Pace::Closed(3));
    running.done(60).await;
    let report = running.finish().await;
    let by_target = |wanted| report.only(|sample| sample.target == wanted);
    let [good, bad] = [by_target(0), by_target(1)];
    assert_eq!(good.statuses().keys().collect::<Vec<_>>(), [&Some(200)]);
    assert_eq!(bad.statuses().keys().collect::<Vec<_>>(), [&Some(401)]);
    let (good, bad) = (good.samples.len(), bad.samples.len());
    assert!(good + bad >= 60 && good.abs_diff(bad) <= 3, "{good} and {bad}");
    assert!(report.p50() > Duration::ZERO && report.p50() <= report.p99() && report.p99() <= report.max());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_rate_does_not_hide_that_the_server_stood_still() -> anyhow::Result<()> {
    const STALL: Duration = Duration::from_millis(300);
    let cluster = Cluster::new(env!("CARGO_BIN_EXE_node"))?;
    let auth = cluster.auth().await?;
    let running = Load::new(&[auth.anonymous()], "/.well-known/jwks.json").start(Pace::PerSecond(200));
    running.done(20).await;
    auth.stop()?;
    tokio::time::sleep(STALL).await;
    auth.resume()?;
    running.done(120).await;
    let report = running.finish().await;
    assert_eq!(report.statuses(), BTreeMap::from([(Some(200), report.samples.len())]));
    // All that were due in its first third waited for the other two.
    let slow = report.only(|sample| sample.took >= STALL * 2 / 3).samples.len();
    assert!(report.max() >= STALL.mul_f32(0.9) && slow >= 15, "{slow} were slow, {:?} at most", report.max());
    let due: Vec<_> = report.samples.iter().map(|sample| sample.due).collect();
    let (first, last) = (due.iter().min(), due.iter().max());
    let (Some(first), Some(last)) = (first, last) else { anyhow::bail!("nothing was asked") };
    let gaps = u32::try_from(due.len() - 1)?;
    assert_eq!(*last - *first, Duration::from_millis(5) * gaps, "200 per second were due throughout");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gets_no_answer_counts_as_such() -> anyhow::Result<()> {
    let cluster = Cluster::new(env!("CARGO_BIN_EXE_node"))?;
    let mut auth = cluster.auth().await?;
    let running = Load::new(&[auth.anonymous()], "/.well-known/jwks.json").start(Pace::Closed(2));
    running.done(10).await;
    auth.kill().await?;
    let killed = Instant::now();
    running.done(running.so_far() + 4).await;
    let report = running.finish().await;
    let late = report.only(|sample| sample.due > killed);
    assert!(late.samples.iter().all(|sample| sample.status.is_none()), "{:?}", late.statuses());
    let statuses = report.statuses();
    assert!(statuses.get(&None).is_some_and(|failed| *failed > 0), "{statuses:?}");
    assert!(statuses.get(&Some(200)).is_some_and(|answered| *answered >= 10), "{statuses:?}");
    Ok(())
}
