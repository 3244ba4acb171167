//! A validator that itself stands still, or starts while the auth service cannot be reached.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use e2e::{Actor, Mode, until};

use crate::{
    PATIENCE,
    faults::{STALENESS, Scene, put_off},
    watch::{Shown, Validator, refused},
};

/// How long a refusal may take.
const SILENCE: Duration = Duration::from_secs(1);

/// Demands that connections are refused, so that a gateway asks another replica at once.
pub(crate) async fn silent(validator: &Validator, shown: &Shown) -> anyhow::Result<()> {
    let answer =
        tokio::time::timeout(SILENCE, validator.ask(shown)).await.context("it makes clients wait")?;
    match answer {
        Ok(answer) => anyhow::bail!("it answers before it knows what is revoked: {answer:?}"),
        Err(error) if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_starts_during_an_outage_serves_nobody_before_it_knows() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let mut site = scene.site(&[]).await?;
    scene.before(&[&site]).await?;
    site.node.kill().await?;
    site.proxy.set(Mode::Cut);
    scene.revoke().await?;
    let listen = site.node.base.trim_start_matches("http://").to_owned();
    let restarted = scene.cluster.org_at(&site.address, &[STALENESS, ("ORG_LISTEN", &listen)], 1).await?;
    let management = Actor::new(&restarted.management);
    let [validator] = &site.validator;
    for shown in [&scene.good, scene.victim(), &Shown::Bearer("garbage".to_owned())] {
        silent(validator, shown).await?;
        let ready = management.get("/readyz").await?;
        assert_eq!(ready.status, 503, "{ready:?}");
    }
    site.proxy.set(Mode::Pass);
    site.node = restarted;
    scene.check_back(&site).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_stood_still_asks_before_it_believes_what_it_knew() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let site = scene.site(&[]).await?;
    scene.before(&[&site]).await?;
    let watches = scene.watch(&site);
    let [validator] = &site.validator;
    // The proxy keeps what comes meanwhile, so that nothing waits for it when it goes on.
    site.node.stop()?;
    site.proxy.set(Mode::Swallow);
    scene.revoke().await?;
    let since = Instant::now();
    let asked = [scene.victim().clone(), scene.good.clone()].map(|shown| {
        let validator = validator.clone();
        tokio::spawn(async move { validator.ask(&shown).await })
    });
    until("longer than it may be out of touch", PATIENCE, async || {
        Ok(since.elapsed() > Duration::from_millis(2500))
    })
    .await?;
    site.node.resume()?;
    for answer in asked {
        put_off(&answer.await??)?;
    }
    let never = scene.check_cut_off(&site).await?;
    site.proxy.set(Mode::Pass);
    scene.check_back(&site).await?;

    // And the same with the feed waiting in its socket.
    let again = scene.cluster.login(&scene.auth, "victim").await?;
    let token = Shown::Bearer(again.access.clone().unwrap_or_default());
    validator.answers(&token, 200, PATIENCE).await?;
    site.node.stop()?;
    again.post("/api/v1/user/logout/", &serde_json::json!({})).await?;
    let asked = tokio::spawn({
        let (validator, token) = (validator.clone(), token.clone());
        async move { validator.ask(&token).await }
    });
    let since = Instant::now();
    until("longer than it may be out of touch", PATIENCE, async || {
        Ok(since.elapsed() > Duration::from_millis(2500))
    })
    .await?;
    site.node.resume()?;
    let answer = asked.await??;
    assert!(matches!(answer.status, 401 | 503), "{answer:?}");
    refused(&site.validator, &token, PATIENCE).await?;
    scene.check_back(&site).await?;
    for watch in watches.into_iter().chain([never]) {
        watch.finish().await?;
    }
    Ok(())
}
