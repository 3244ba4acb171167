//! One login, many refreshes: the successor, a retry, a reuse.

use anyhow::Context as _;
use e2e::{Actor, Answer, Site, claims, unique};
use serde_json::json;

use crate::{BLACKLIST, BOTH, ORGANIZATIONS, VERIFY, accepted, refresh, refused};

const ENDED: &str = "Token is blacklisted";

/// Somebody who has refreshed once, the first refresh token and the answer.
async fn rotated(site: &Site) -> anyhow::Result<(Actor, String, Answer)> {
    let ada = site.member().await?;
    let first = ada.refresh.clone().context("a refresh token")?;
    let answer = ada.refresh_with(&first).await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok((ada, first, answer))
}

#[tokio::test]
async fn a_refresh_rotates_and_the_successor_refreshes() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, first, answer) = rotated(&site).await?;
    let (second, access) = (answer.text_of("refresh")?, answer.text_of("access")?);
    assert_ne!(first, second);
    let session = &claims(&first)?["sid"];
    assert!(session.is_string());
    assert_eq!((&claims(&second)?["sid"], &claims(&access)?["sid"]), (session, session));
    assert_eq!(answer.header("cache-control"), "no-store");
    accepted(&ada.bearing(&access)).await?;
    assert_eq!(ada.refresh_with(&second).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_retry_of_a_refresh_gets_the_same_pair() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, first, answer) = rotated(&site).await?;
    let again = ada.refresh_with(&first).await?;
    assert_eq!((again.status, &again.text), (200, &answer.text));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_refreshes_of_one_token_take_one_step() -> anyhow::Result<()> {
    let site = Site::open().await?;
    for racers in [2, 8, 32] {
        let ada = site.member().await?;
        let token = ada.refresh.clone().context("a refresh token")?;
        let answer = ada.refresh_at_once(&token, racers).await?;
        assert_eq!(claims(&answer.text_of("refresh")?)?["gen"], 1);
    }
    Ok(())
}

#[tokio::test]
async fn an_old_token_that_is_used_again_ends_the_session_at_both_services() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, first, answer) = rotated(&site).await?;
    let second = answer.text_of("refresh")?;
    let third = ada.refresh_with(&second).await?;
    let last = ada.bearing(&third.text_of("access")?);
    accepted(&last).await?;
    // A grandparent is no retry, however soon it comes.
    refused(&ada.refresh_with(&first).await?, ENDED);
    refused(&ada.refresh_with(&third.text_of("refresh")?).await?, ENDED);
    refused(&ada.refresh_with(&second).await?, ENDED);
    last.refused_soon(&BOTH).await?;
    ada.refused_soon(&BOTH).await?;
    let made = last.post(ORGANIZATIONS, &json!({"name": unique("Too late")})).await?;
    assert_eq!(made.status, 401, "{made:?}");
    Ok(())
}

#[tokio::test]
async fn blacklisting_any_token_of_a_session_ends_it() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (ada, first, answer) = rotated(&site).await?;
    let body = json!({ "refresh": first });
    let blacklisted = ada.post(BLACKLIST, &body).await?;
    assert_eq!((blacklisted.status, blacklisted.text.as_str()), (200, "{}"));
    refused(&ada.refresh_with(&answer.text_of("refresh")?).await?, ENDED);
    refused(&ada.post(BLACKLIST, &body).await?, ENDED);
    refused(&ada.post(VERIFY, &json!({"token": ada.access})).await?, ENDED);
    ada.refused_soon(&BOTH).await?;
    refused(&refresh(&ada).await?, ENDED);
    Ok(())
}
