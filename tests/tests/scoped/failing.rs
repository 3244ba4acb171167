//! The organization service fails: nobody gets a token for an organization, and nobody loses anything.

use std::time::Duration;

use auth_service::schema::sessions;
use diesel::prelude::*;
use e2e::{Actor, Answer, Cluster, PASSWORD};
use serde_json::json;
use shared::DbConnection;

use crate::{
    NODE,
    fake::Trouble,
    world::{ACME, OBTAIN, REFRESH, SWITCH, World, reader, speaks_for},
};

async fn sessions(cluster: &Cluster) -> anyhow::Result<i64> {
    let count = |conn: &mut DbConnection| sessions::table.count().get_result(conn);
    Ok(cluster.auth_db.db.read(count).await?)
}

/// Asks in all three ways at once.
async fn ask(ada: &Actor) -> anyhow::Result<[Answer; 3]> {
    let login = json!({"username": "ada", "password": PASSWORD, "organization": "acme"});
    let refresh = json!({"refresh": ada.refresh, "organization": "acme"});
    let switch = json!({"organization": "acme"});
    let (login, refresh, switch) =
        tokio::try_join!(ada.post(OBTAIN, &login), ada.post(REFRESH, &refresh), ada.post(SWITCH, &switch))?;
    Ok([login, refresh, switch])
}

/// Demands that all three are told to come again, and that nothing was spent.
async fn costs_nothing(cluster: &Cluster, ada: &Actor, what: &str) -> anyhow::Result<()> {
    let before = sessions(cluster).await?;
    for answer in ask(ada).await? {
        assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{what}: {answer:?}");
        assert_eq!(answer.header("retry-after"), "1", "{what}: {answer:?}");
    }
    let id = e2e::session_of(ada.refresh.as_deref().unwrap_or_default())?;
    assert_eq!(cluster.session(id).await?.generation, 0, "{what}");
    assert_eq!(sessions(cluster).await?, before, "{what}: a login began a session");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_organization_service_answers_instead_costs_the_client_nothing() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let no_uuid = r#"{"membership": {"org_id": "acme", "role": "r", "permissions": [], "version": 1}}"#;
    let no_version = r#"{"membership": {"org_id": "01890a5d-ac96-774b-bcce-b302099a8057", "role": "r",
        "permissions": [], "version": 0}}"#;
    for trouble in [
        Trouble::Status(500),
        Trouble::Status(503),
        Trouble::Status(404),
        Trouble::Status(204),
        Trouble::Status(302),
        Trouble::Body(""),
        Trouble::Body("{}"),
        Trouble::Body("[]"),
        Trouble::Body("null"),
        Trouble::Body(r#"{"membership": {}}"#),
        Trouble::Body(no_uuid),
        Trouble::Body(no_version),
        Trouble::Broken,
        Trouble::Late(Duration::from_secs(20)),
    ] {
        world.organizations.trouble(Some(trouble));
        costs_nothing(&world.cluster, &ada, &format!("{trouble:?}")).await?;
    }
    world.organizations.trouble(None);
    for answer in ask(&ada).await? {
        assert_eq!(answer.status, 200, "{answer:?}");
        speaks_for(&answer.text_of("access")?, &reader(ACME, 5))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_service_that_is_gone_takes_nothing_with_it() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    world.organizations.stop().await;
    costs_nothing(&world.cluster, &ada, "gone").await?;
    let refresh = ada.refresh.as_deref().unwrap_or_default();
    assert_eq!(ada.refresh_with(refresh).await?.status, 200, "what needs no organization goes on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_organization_service_the_log_says_so_once() -> anyhow::Result<()> {
    let cluster = Cluster::new(NODE)?;
    let mut auth = cluster.auth().await?;
    cluster.user("ada").await?;
    let ada = cluster.login(&auth, "ada").await?;
    costs_nothing(&cluster, &ada, "none").await?;
    costs_nothing(&cluster, &ada, "none, again").await?;
    auth.terminate().await?;
    let told = auth.log().matches("tokens for an organization cannot be had").count();
    assert_eq!(told, 1, "{}", auth.log());
    Ok(())
}
