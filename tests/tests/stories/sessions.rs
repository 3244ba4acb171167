//! Where somebody is logged in, and how that ends.

use e2e::{Actor, Site, session_of};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{BOTH, LOGOUT, LOGOUT_ALL, ME, ORGANIZATIONS, SESSIONS, TOKEN, accepted, refresh, refused};

fn id(actor: &Actor) -> anyhow::Result<String> {
    Ok(session_of(actor.access.as_deref().unwrap_or_default())?.to_string())
}

fn path(id: &str) -> String {
    format!("{SESSIONS}{id}/")
}

#[tokio::test]
async fn a_user_sees_every_session_and_ends_one_of_them() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    let laptop = site.login(&person).await?;
    let client = site.anonymous();
    let login = client.request(Method::POST, TOKEN).header("User-Agent", "Phone/2.0");
    let login = login.json(&json!({"username": person.name, "password": person.password}));
    let pair = client.send(login).await?;
    let phone = Actor::with_pair(site.base(), pair.text_of("access")?, pair.text_of("refresh")?);
    let shown = laptop.get(SESSIONS).await?;
    let seen: Vec<_> = shown.json.as_array().into_iter().flatten().collect();
    let seen: Vec<_> = seen.iter().map(|one| (&one["id"], &one["device"], &one["current"])).collect();
    let (first, second) = (json!(id(&laptop)?), json!(id(&phone)?));
    assert_eq!(
        seen,
        [(&second, &json!("Phone/2.0"), &json!(false)), (&first, &json!(""), &json!(true))],
        "the latest first: {shown:?}"
    );
    assert_eq!(laptop.delete(&path(&id(&phone)?)).await?.status, 204);
    phone.refused_soon(&BOTH).await?;
    refused(&refresh(&phone).await?, "Token is blacklisted");
    accepted(&laptop).await?;
    assert_eq!(laptop.get(SESSIONS).await?.json.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn only_ones_own_live_sessions_can_be_ended() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    let (ada, second, eve) = (site.login(&person).await?, site.login(&person).await?, site.member().await?);
    let unknown = Uuid::nil().to_string();
    let malformed = ["1", "x", "..", "0197f3a0-0000-7000-8000-00000000000g", "%00", "{}"];
    for id in [id(&eve)?, unknown].iter().map(String::as_str).chain(malformed) {
        let answer = ada.delete(&path(id)).await?;
        assert_eq!(answer.status, 404, "{id}: {answer:?}");
    }
    accepted(&eve).await?;
    let anonymous = site.anonymous();
    for answer in [
        anonymous.get(SESSIONS).await?,
        anonymous.delete(&path(&id(&ada)?)).await?,
        anonymous.post(LOGOUT_ALL, &json!({})).await?,
    ] {
        refused(&answer, "Authentication credentials were not provided.");
    }
    assert_eq!(ada.delete(&path(&id(&second)?)).await?.status, 204);
    second.refused_soon(&BOTH).await?;
    assert_eq!(ada.delete(&path(&id(&second)?)).await?.status, 404, "it is no session any more");
    assert_eq!(ada.delete(&path(&id(&ada)?)).await?.status, 204, "one's own too");
    ada.refused_soon(&BOTH).await
}

#[tokio::test]
async fn a_logout_ends_the_session_at_both_services_and_no_other() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    for path in [LOGOUT, "/api/v1/user/token/logout/"] {
        let (one, other) = (site.login(&person).await?, site.login(&person).await?);
        accepted(&one).await?;
        let answer = one.send(one.request(Method::POST, path)).await?;
        assert_eq!((answer.status, answer.text.as_str()), (200, "{}"), "{path}");
        one.refused_soon(&BOTH).await?;
        refused(&refresh(&one).await?, "Token is blacklisted");
        accepted(&other).await?;
    }
    Ok(())
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_of_the_user_alone() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    let (one, two, eve) = (site.login(&person).await?, site.login(&person).await?, site.member().await?);
    let answer = one.post(LOGOUT_ALL, &json!({})).await?;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    for actor in [&one, &two] {
        actor.refused_soon(&[ME, SESSIONS, ORGANIZATIONS]).await?;
        refused(&refresh(actor).await?, "Token is blacklisted");
    }
    accepted(&eve).await?;
    let again = site.login(&person).await?;
    assert_eq!(again.get(SESSIONS).await?.json.as_array().map(Vec::len), Some(1), "and may come back");
    Ok(())
}
