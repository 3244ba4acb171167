//! When the auth service is asked, and what it is told.

use std::time::Duration;

use auth_service::{schema::sessions, store::sessions::Session};
use diesel::{QueryDsl, RunQueryDsl, SelectableHelper};
use e2e::{PASSWORD, Server};
use futures_util::future::join_all;
use serde_json::json;
use shared::{Clock, DbConnection};

use crate::world::{ORGANIZATIONS, World, clock, list};

async fn rows(server: &Server) -> anyhow::Result<Vec<Session>> {
    let all = |conn: &mut DbConnection| sessions::table.select(Session::as_select()).load(conn);
    Ok(server.stack.auth.db().read(all).await?)
}

#[tokio::test]
async fn fifty_requests_at_once_cost_one_exchange() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    world.proxy.close();
    let requests = join_all((0..50).map(|_| world.list("ada", PASSWORD)));
    let opening = async {
        world.proxy.arrival().await?;
        world.proxy.open();
        anyhow::Ok(())
    };
    let (answers, opened) = tokio::join!(requests, opening);
    opened?;
    for answer in answers {
        assert_eq!(answer?.status, 200);
    }
    assert_eq!(world.proxy.asked(), 1);
    assert_eq!(rows(&world.server).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_take_the_exchange_with_it() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    world.proxy.close();
    let first = tokio::spawn(list(&world.anonymous, "ada", PASSWORD).send());
    world.proxy.arrival().await?;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    let second = world.list("ada", PASSWORD);
    let (second, ()) = tokio::join!(second, async { world.proxy.open() });
    assert_eq!(second?.status, 200);
    assert_eq!(world.proxy.asked(), 1);
    Ok(())
}

#[tokio::test]
async fn a_token_is_held_for_a_minute_and_never_past_its_end() -> anyhow::Result<()> {
    for (lifetime, held) in [("5m", 60), ("10s", 10)] {
        let clock = clock();
        let settings = [("AUTH_ACCESS_TOKEN_LIFETIME", lifetime)];
        let world = World::with(&settings, &[], [&clock, &clock]).await?;
        for exchanges in 1..=3 {
            assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
            clock.advance(Duration::from_millis(held * 1000 - 1));
            assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
            assert_eq!(world.proxy.asked(), exchanges, "{lifetime}");
            clock.advance(Duration::from_millis(1));
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_pair_of_credentials_has_its_own_caller() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    world.server.user("eve").await?;
    let create = world.anonymous.request(reqwest::Method::POST, ORGANIZATIONS);
    let create = create.basic_auth("ada", Some(PASSWORD)).json(&json!({"name": "Ada's"}));
    assert_eq!(world.anonymous.send(create).await?.status, 201);
    assert_eq!(world.list("ada", PASSWORD).await?.json["count"], 1);
    assert_eq!(world.list("eve", PASSWORD).await?.json["count"], 0);
    assert_eq!(world.proxy.asked(), 2);
    Ok(())
}

#[tokio::test]
async fn the_clients_address_is_forwarded_and_kept() -> anyhow::Result<()> {
    let world = World::start(&clock()).await?;
    let request = list(&world.anonymous, "ada", PASSWORD)
        .header("X-Forwarded-For", "6.6.6.6, 198.51.100.7")
        .header("User-Agent", "curl/8");
    assert_eq!(world.anonymous.send(request).await?.status, 200);
    let told = world.proxy.last();
    assert_eq!((&told["address"], &told["user_agent"]), (&json!("198.51.100.7"), &json!("curl/8")));
    let row = rows(&world.server).await?.remove(0);
    assert_eq!((row.address.as_str(), row.user_agent.as_str()), ("198.51.100.7", "curl/8"));
    Ok(())
}

#[tokio::test]
async fn a_stranger_cannot_choose_the_address_that_is_forwarded() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::with(&[], &[("TRUSTED_PROXIES", "none")], [&clock, &clock]).await?;
    let request = list(&world.anonymous, "ada", PASSWORD).header("X-Forwarded-For", "198.51.100.7");
    assert_eq!(world.anonymous.send(request).await?.status, 200);
    assert_eq!(world.proxy.last()["address"], "127.0.0.1");
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_for_ever_leaves_a_row_or_two() -> anyhow::Result<()> {
    let clock = clock();
    let world = World::start(&clock).await?;
    for _ in 0..10 {
        assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
        clock.advance(Duration::from_secs(61));
    }
    assert_eq!(world.proxy.asked(), 10);
    let rows = rows(&world.server).await?;
    assert!((1..=2).contains(&rows.len()), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_session_of_basic_credentials_ends_with_its_token_and_is_no_login() -> anyhow::Result<()> {
    let clock = clock();
    let settings = [("AUTH_UPDATE_LAST_LOGIN", "true"), ("AUTH_LEEWAY", "5s")];
    let world = World::with(&settings, &[], [&clock, &clock]).await?;
    assert_eq!(world.list("ada", PASSWORD).await?.status, 200);
    let row = rows(&world.server).await?.remove(0);
    assert_eq!(row.expires_at, clock.now().after(Duration::from_secs(60)));
    assert_eq!(row.absolute_expires_at, clock.now().after(Duration::from_secs(65)));
    let find = |conn: &mut DbConnection| auth_service::store::users::find_by_username(conn, "ada");
    let ada = world.server.stack.auth.db().read(find).await?;
    assert!(ada.is_some_and(|ada| ada.last_login.is_none()));
    Ok(())
}

#[tokio::test]
async fn a_bearer_token_still_costs_no_exchange() -> anyhow::Result<()> {
    let world = World::start(&Clock::System).await?;
    let ada = world.server.login("ada").await?;
    let bearer = world.anonymous.bearing(ada.access.as_deref().unwrap_or_default());
    assert_eq!(bearer.get(ORGANIZATIONS).await?.status, 200);
    assert_eq!(world.proxy.asked(), 0);
    Ok(())
}
