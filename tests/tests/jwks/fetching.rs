//! When keys are fetched: before the first request, once at a time, and never at a client's pace.

use std::{sync::Arc, time::Duration};

use e2e::Actor;
use futures_util::future::join_all;
use protected_service::Cli;
use shared::{
    Verifier, config::Variables, issuer::KeySource, random, revocation::Revocations, token::Refusal,
    verifier::VerifierSettings,
};

use crate::fake::{COOLDOWN, FIRST, FakeIssuer, SECOND, clock, jwks, key, token, token_of_nobody};

#[tokio::test]
async fn ten_thousand_random_ids_cost_one_fetch_per_cooldown() -> anyhow::Result<()> {
    let first = key(FIRST)?;
    let (issuer, clock) = (FakeIssuer::start(jwks(&[&first]))?, clock());
    let client = issuer.client(&clock)?;
    assert!(client.refresh().await);
    let rules = Arc::new(VerifierSettings::read(&Variables::default())?.rules()?);
    let verifier =
        Verifier::new(KeySource::Http(Arc::clone(&client)), Revocations::off(), rules, clock.clone());
    for round in 0..3 {
        assert_eq!(client.fetches(), 1 + round, "the first fetch and one a cooldown");
        clock.advance(COOLDOWN);
        for _ in 0..10_000 {
            let refused = verifier.decode(&token_of_nobody(&clock)?).await;
            assert!(matches!(refused, Err(Refusal::UnknownKey(_))), "{refused:?}");
        }
    }
    assert_eq!(client.fetches(), 4);
    assert_eq!(issuer.asked(), 4);
    assert!(verifier.decode(&token(&first, &clock)?).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn unknown_ids_at_once_share_one_fetch() -> anyhow::Result<()> {
    let (first, second) = (key(FIRST)?, key(SECOND)?);
    let (issuer, clock) = (FakeIssuer::start(jwks(&[&first]))?, clock());
    let client = issuer.client(&clock)?;
    client.refresh().await;
    issuer.arrival().await?;
    clock.advance(COOLDOWN);
    issuer.replies(jwks(&[&first, &second]));
    issuer.close();
    let kid = second.kid().unwrap_or_default().to_owned();
    let kids = (0..100).map(|i| if i % 2 == 0 { kid.clone() } else { random::hex32() });
    let waiting: Vec<_> = kids
        .map(|kid| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.look_for(&kid).await })
        })
        .collect();
    issuer.arrival().await?;
    assert!(waiting.iter().all(|asked| !asked.is_finished()), "nobody is answered before the issuer is");
    issuer.open();
    let known = join_all(waiting).await.into_iter().filter(|known| matches!(known, Ok(true))).count();
    assert_eq!((known, client.fetches(), issuer.asked()), (50, 2, 2));
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_known_after_the_cooldown_and_not_before() -> anyhow::Result<()> {
    let (first, second) = (key(FIRST)?, key(SECOND)?);
    let (issuer, clock) = (FakeIssuer::start(jwks(&[&first]))?, clock());
    let client = issuer.client(&clock)?;
    client.refresh().await;
    issuer.replies(jwks(&[&second]));
    let kid = second.kid().unwrap_or_default();
    clock.advance(COOLDOWN.saturating_sub(Duration::from_micros(1)));
    assert!(!client.look_for(kid).await);
    clock.advance(Duration::from_micros(1));
    assert!(client.look_for(kid).await);
    assert_eq!(client.fetches(), 2);
    // What is no longer published is no longer trusted.
    assert!(!client.look_for(first.kid().unwrap_or_default()).await);
    Ok(())
}

#[tokio::test]
async fn keys_are_known_before_the_first_request_is_served() -> anyhow::Result<()> {
    let (first, clock) = (key(FIRST)?, clock());
    let issuer = FakeIssuer::start(jwks(&[&first]))?;
    issuer.close();
    let cli = Cli { issuer: issuer.url.clone(), listen: ([127, 0, 0, 1], 0).into() };
    let theirs = clock.clone();
    // The fake issuer has keys and no feed.
    let alone = Variables::from_pairs([("REVOCATION".to_owned(), "off".to_owned())]);
    let starting = tokio::spawn(async move { protected_service::bind(cli, &alone, theirs).await });
    issuer.arrival().await?;
    assert!(!starting.is_finished(), "the service is bound although no keys have come");
    issuer.open();
    let (addresses, server) = starting.await??;
    let running = server.handle();
    tokio::spawn(server);
    let address = addresses.first().copied().unwrap_or(([127, 0, 0, 1], 0).into());
    let anonymous = Actor::new(&format!("http://{address}"));
    let alice = anonymous.bearing(&token(&first, &clock)?);
    assert_eq!(alice.get("/protected").await?.status, 200);
    assert_eq!(anonymous.get("/protected").await?.status, 401);
    // Ids at a client's pace: not one more fetch, for the cooldown has only begun.
    let strangers = join_all((0..200).map(|_| async {
        let answer = alice.bearing(&token_of_nobody(&clock)?).get("/protected").await?;
        anyhow::Ok(answer.status)
    }));
    assert!(strangers.await.into_iter().all(|status| matches!(status, Ok(401))));
    assert_eq!(issuer.asked(), 1);
    running.stop(false).await;
    Ok(())
}
