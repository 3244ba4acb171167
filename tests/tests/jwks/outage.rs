//! An issuer that is away: known keys are trusted up to a ceiling, and past it nothing is.

use std::{sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use e2e::Actor;
use shared::{
    Authenticator, Caller, Clock, Issuer, Verifier, auth::AuthenticationClasses, config::Variables,
    issuer::KeySource, jwks::JwksClient, revocation::Revocations, token::Refusal, verifier::VerifierSettings,
};

use crate::fake::{COOLDOWN, FIRST, FakeIssuer, MAX_STALE, Reply, SECOND, clock, jwks, key, token};

async fn protected(_: Caller) -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// A service whose fetches the test makes itself, so that it decides when they happen.
fn service(issuer: &FakeIssuer, client: &Arc<JwksClient>, clock: &Clock) -> anyhow::Result<Actor> {
    let rules = Arc::new(VerifierSettings::read(&Variables::default())?.rules()?);
    let verifier =
        Verifier::new(KeySource::Http(Arc::clone(client)), Revocations::off(), rules, clock.clone());
    let issuer = Issuer::http(issuer.url.clone(), None)?;
    let data = web::Data::new(Authenticator::new(verifier, issuer, AuthenticationClasses::default()));
    let server =
        HttpServer::new(move || App::new().app_data(data.clone()).route("/", web::get().to(protected)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")?;
    let address = server.addrs().first().copied().context("an address")?;
    tokio::spawn(server.run());
    Ok(Actor::new(&format!("http://{address}")))
}

#[tokio::test]
async fn known_keys_outlive_an_outage_up_to_the_ceiling() -> anyhow::Result<()> {
    let (first, second) = (key(FIRST)?, key(SECOND)?);
    let (issuer, clock) = (FakeIssuer::start(jwks(&[&first]))?, clock());
    let client = issuer.client(&clock)?;
    let keys = KeySource::Http(Arc::clone(&client));
    client.refresh().await;
    let anonymous = service(&issuer, &client, &clock)?;
    let (alice, stranger) =
        (anonymous.bearing(&token(&first, &clock)?), anonymous.bearing(&token(&second, &clock)?));

    issuer.replies(Reply::status(503));
    clock.advance(MAX_STALE);
    assert!(client.refresh().await, "the keys are as old as they may be");
    assert_eq!(alice.get("/").await?.status, 200);
    assert_eq!(stranger.get("/").await?.status, 401);
    assert!(keys.is_ready());

    clock.advance(Duration::from_micros(1));
    for actor in [&alice, &stranger] {
        let answer = actor.get("/").await?;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text);
        assert_eq!(answer.code(), "unavailable");
    }
    assert_eq!(anonymous.get("/").await?.status, 401, "who sends no token needs no key");
    assert!(!keys.is_ready());

    issuer.replies(jwks(&[&first]));
    assert!(client.refresh().await);
    assert_eq!(alice.get("/").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_fails_is_asked_no_more_often() -> anyhow::Result<()> {
    let first = key(FIRST)?;
    let (issuer, clock) = (FakeIssuer::start(jwks(&[&first]))?, clock());
    let client = issuer.client(&clock)?;
    client.refresh().await;
    for failure in
        [Reply::status(500), Reply::status(404), Reply { body: b"<html>".to_vec(), ..Reply::status(200) }]
    {
        issuer.replies(failure);
        clock.advance(COOLDOWN);
        let before = client.fetches();
        for _ in 0..100 {
            assert!(!client.look_for("unknown").await);
        }
        assert_eq!(client.fetches(), before + 1);
        assert!(client.look_for(first.kid().unwrap_or_default()).await, "the known key stays known");
    }
    Ok(())
}

#[tokio::test]
async fn without_any_keys_a_token_is_neither_good_nor_bad() -> anyhow::Result<()> {
    let (issuer, clock) = (FakeIssuer::start(Reply::status(500))?, clock());
    let client = issuer.client(&clock)?;
    assert!(!client.refresh().await);
    let rules = Arc::new(VerifierSettings::read(&Variables::default())?.rules()?);
    let verifier = Verifier::new(KeySource::Http(client), Revocations::off(), rules, clock.clone());
    let decoded = verifier.decode(&token(&key(FIRST)?, &clock)?).await;
    assert_eq!(decoded, Err(Refusal::KeysUnavailable));
    Ok(())
}
