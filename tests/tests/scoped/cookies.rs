//! Sessions in cookies: the same fields and the same endpoint, guarded as everything else is.

use e2e::{Browser, claims, session_of};
use reqwest::Method;
use serde_json::json;

use crate::world::{ACME, GLOBEX, REFRESH, SWITCH, World, reader, speaks_for, speaks_for_none};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_refreshes_for_an_organization_and_back() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let mut page = Browser::at(&world.auth.base, &world.auth.base);
    page.log_in().await?;
    let access = |page: &Browser| page.value("access").unwrap_or_default().to_owned();
    speaks_for_none(&access(&page))?;
    let answer = page.post(REFRESH, &json!({"organization": "acme"})).await?;
    assert_eq!((answer.status, &answer.json["user_id"]), (200, &json!(world.ada)), "{answer:?}");
    assert!(!answer.text.contains("ey"), "a page sees no token: {answer:?}");
    speaks_for(&access(&page), &reader(ACME, 5))?;
    assert!(claims(&access(&page))?["csrf"].is_string());
    let nowhere = page.post(REFRESH, &json!({"organization": "nowhere"})).await?;
    assert_eq!(nowhere.status, 404, "{nowhere:?}");
    speaks_for(&access(&page), &reader(ACME, 5))?;
    assert_eq!(page.poke(REFRESH).await?.status, 200);
    speaks_for_none(&access(&page))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_asks_for_a_token_and_a_forged_request_does_not_get_one() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let mut page = Browser::at(&world.auth.base, &world.auth.base);
    page.log_in().await?;
    let answer = page.post(SWITCH, &json!({"organization": "globex"})).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text_of("access")?;
    speaks_for(&token, &reader(GLOBEX, 7))?;
    assert_eq!(session_of(&token)?, session_of(page.value("access").unwrap_or_default())?);
    assert_eq!(world.status(&token).await?, 200);
    speaks_for_none(page.value("access").unwrap_or_default())?;
    let forged = page.request(Method::POST, SWITCH).header("Origin", "https://evil.example");
    let forged = page.send(forged.json(&json!({"organization": "globex"}))).await?;
    assert_eq!(forged.status, 403, "{forged:?}");
    Ok(())
}
