//! Three ways to a token for an organization, and what it says.

use e2e::{Actor, PASSWORD, claims};
use serde_json::json;

use crate::world::{ACME, GLOBEX, OBTAIN, REFRESH, SWITCH, World, reader, speaks_for, speaks_for_none};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_asked_for_at_login_at_a_refresh_and_in_between() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let credentials = json!({"username": "ada", "password": PASSWORD, "organization": "acme"});
    let login = world.auth.anonymous().post(OBTAIN, &credentials).await?;
    assert_eq!(login.status, 200, "{login:?}");
    let (access, first) = (login.text_of("access")?, login.text_of("refresh")?);
    speaks_for(&access, &reader(ACME, 5))?;
    speaks_for_none(&first)?;
    let ada = Actor::with_pair(&world.auth.base, access.clone(), first.clone());

    let other = world.switch(&ada, GLOBEX).await?;
    speaks_for(&other, &reader(GLOBEX, 7))?;
    assert_eq!(claims(&other)?["sid"], claims(&access)?["sid"]);
    assert_eq!(world.row(&access).await?.generation, 0, "a token for an organization is no step");
    for token in [&access, &other] {
        let shown = world.invoices(token).await?;
        assert_eq!(
            (shown.status, &shown.json["organization"]),
            (200, &claims(token)?["org_id"]),
            "{shown:?}"
        );
    }

    let plain = ada.refresh_with(&first).await?;
    speaks_for_none(&plain.text_of("access")?)?;
    let body = json!({"refresh": plain.text_of("refresh")?, "organization": "globex"});
    let scoped = ada.post(REFRESH, &body).await?;
    speaks_for(&scoped.text_of("access")?, &reader(GLOBEX, 7))?;
    speaks_for_none(&scoped.text_of("refresh")?)?;
    assert_eq!(world.row(&access).await?.generation, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_refreshing_gives_tokens_for_organizations() -> anyhow::Result<()> {
    for settings in [
        [("AUTH_ROTATE_REFRESH_TOKENS", "false"), ("AUTH_BLACKLIST_AFTER_ROTATION", "false")],
        [("AUTH_ROTATE_REFRESH_TOKENS", "true"), ("AUTH_BLACKLIST_AFTER_ROTATION", "false")],
    ] {
        let world = World::start(&settings).await?;
        let ada = world.login().await?;
        let body = json!({"refresh": ada.refresh, "organization": "acme"});
        let answer = ada.post(REFRESH, &body).await?;
        speaks_for(&answer.text_of("access")?, &reader(ACME, 5))?;
        let again = ada.post(REFRESH, &json!({"refresh": ada.refresh})).await?;
        speaks_for_none(&again.text_of("access")?)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_third_service_wants_an_organization_and_a_permission() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let plain = world.invoices(ada.access.as_deref().unwrap_or_default()).await?;
    assert_eq!((plain.status, plain.code()), (403, "organization_required"), "{plain:?}");
    let nothing = shared::organizations::Membership { permissions: Some(Vec::new()), ..reader(ACME, 5) };
    world.admit(&["acme"], &nothing);
    let refused = world.invoices(&world.switch(&ada, "acme").await?).await?;
    assert_eq!((refused.status, refused.code()), (403, "permission_denied"), "{refused:?}");
    assert_eq!(refused.detail(), "You do not have permission to perform this action.");
    let anonymous = world.validator.anonymous().get("/invoices").await?;
    assert_eq!(anonymous.status, 401, "{anonymous:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_an_organization_ends_with_its_session_at_the_latest() -> anyhow::Result<()> {
    let world = World::start(&[("AUTH_SESSION_LIFETIME", "60s")]).await?;
    let ada = world.login().await?;
    let token = world.switch(&ada, "acme").await?;
    let row = world.row(&token).await?;
    assert_eq!(claims(&token)?["exp"], row.absolute_expires_at.as_secs());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_says_what_it_is_to_those_who_may_use_it() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let options = async |actor: &Actor| actor.send(actor.request(reqwest::Method::OPTIONS, SWITCH)).await;
    let told = options(&ada).await?;
    assert_eq!((told.status, told.header("allow")), (200, "POST, OPTIONS"), "{told:?}");
    assert!(told.json["actions"]["POST"]["organization"].is_object(), "{told:?}");
    let anonymous = world.auth.anonymous();
    assert_eq!(options(&anonymous).await?.status, 401);
    assert_eq!(ada.get(SWITCH).await?.status, 405);
    assert_eq!(anonymous.post(SWITCH, &json!({"organization": "acme"})).await?.status, 401);
    Ok(())
}
