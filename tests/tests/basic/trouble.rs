//! An auth service that does not decide: never the client's fault, so never a 401.

use std::time::Duration;

use e2e::PASSWORD;
use org_service::Config;
use shared::config::Variables;

use crate::{
    lines,
    proxy::Instead,
    world::{CLASSES, World, clock, undecided},
};

#[tokio::test]
async fn an_issuer_that_is_away_makes_the_service_unavailable_once_nothing_is_held() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::start(&clock).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    world.proxy.go_away().await;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200, "the token is held");
    undecided(&world.list("ada", "wrong").await?, "1");
    clock.advance(Duration::from_secs(60));
    undecided(&world.list("ada", PASSWORD).await?, "1");
    Ok(())
}

#[tokio::test]
async fn no_answer_but_a_decision_is_taken_for_one() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    for status in [201, 204, 302, 400, 401, 404, 500, 502] {
        world.proxy.answer(Some(Instead(status, None)));
        undecided(&world.list("ada", PASSWORD).await?, "1");
    }
    world.proxy.answer(None);
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200, "no failure is held");
    Ok(())
}

#[tokio::test]
async fn a_busy_issuer_and_a_throttled_client_are_passed_on() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    world.proxy.answer(Some(Instead(503, Some(7))));
    undecided(&world.list("ada", PASSWORD).await?, "7");
    world.proxy.answer(Some(Instead(429, Some(30))));
    let throttled = world.list("ada", PASSWORD).await?;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, "30"));
    assert_eq!(throttled.detail(), "Request was throttled. Expected available in 30 seconds.");
    Ok(())
}

#[tokio::test]
async fn a_wrong_service_secret_is_unavailable_and_logged_without_what_was_presented() -> anyhow::Result<()> {
    lines::begin();
    let clock = clock();
    let wrong = [("SERVICE_SECRET", "another secret than the auth service has")];
    let world = World::with(&[], &wrong, [&clock, &clock]).await?;
    for password in [PASSWORD, "wrong"] {
        undecided(&world.list("ada-of-the-log", password).await?, "1");
    }
    assert_eq!(world.proxy.asked(), 2);
    let lines = lines::all();
    let told = |line: &&String| line.starts_with("ERROR") && line.contains("does not accept SERVICE_SECRET");
    assert_eq!(lines.iter().filter(told).count(), 2, "{lines:?}");
    for secret in [PASSWORD, "ada-of-the-log", "YWRhLW9mLXRoZS1sb2c", wrong[0].1] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_refused_here_from_the_start_is_nobodys_wrong_password() -> anyhow::Result<()> {
    let (auth, org) = (clock(), clock());
    org.advance(Duration::from_secs(61));
    let world = World::with(&[], &[], [&auth, &org]).await?;
    undecided(&world.list("ada", PASSWORD).await?, "1");
    assert_eq!(world.proxy.asked(), 2, "once, and once anew");
    Ok(())
}

#[tokio::test]
async fn a_service_that_could_ask_nobody_does_not_start() {
    let base = [("ORG_DATABASE_URL", "sqlite:///tmp/none.db"), ("ORG_AUTH_URL", "http://localhost"), CLASSES];
    let pairs = base.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let refused = Config::read(&Variables::from_pairs(pairs)).map(|config| config.http_issuer().err());
    let complaint = refused.ok().flatten().map(|error| error.to_string()).unwrap_or_default();
    assert!(complaint.starts_with("SERVICE_SECRET: "), "{complaint}");
}
