//! What is refused, and that a refusal costs nothing.

use auth_service::{
    schema::sessions,
    store::sessions::{Reason, revoke},
};
use diesel::prelude::*;
use e2e::{Actor, PASSWORD, session_of};
use serde_json::{Value, json};
use shared::{Clock, DbConnection};

use crate::world::{ACME, OBTAIN, REFRESH, SWITCH, World};

async fn sessions(world: &World) -> anyhow::Result<i64> {
    let count = |conn: &mut DbConnection| sessions::table.count().get_result(conn);
    Ok(world.cluster.auth_db.db.read(count).await?)
}

/// The three requests for this organization.
fn ways(ada: &Actor, organization: &Value) -> [(&'static str, Value); 3] {
    [
        (OBTAIN, json!({"username": "ada", "password": PASSWORD, "organization": organization})),
        (REFRESH, json!({"refresh": ada.refresh, "organization": organization})),
        (SWITCH, json!({"organization": organization})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_organization_and_somebody_elses_look_alike_and_cost_nothing() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let eves = crate::world::reader(ACME, 5);
    world.organizations.admit(&["eves"], "somebody else", &eves);
    let mut answers = Vec::new();
    for organization in ["eves", "nobodys", "01890a5d-ac96-774b-bcce-b302099a8059"] {
        for (path, body) in ways(&ada, &json!(organization)) {
            let answer = ada.post(path, &body).await?;
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}: {answer:?}");
            answers.push(answer.text);
        }
    }
    answers.dedup();
    assert_eq!(answers, [r#"{"detail":"No Organization matches the given query.","code":"not_found"}"#]);
    let refresh = ada.refresh.as_deref().unwrap_or_default();
    assert_eq!((world.row(refresh).await?.generation, sessions(&world).await?), (0, 1));
    assert_eq!(ada.refresh_with(refresh).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_none_is_the_clients_fault() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    for organization in
        [json!(""), json!("  "), json!(null), json!(["acme"]), json!("x".repeat(256)), json!("a\0b")]
    {
        for (path, body) in ways(&ada, &organization) {
            let answer = ada.post(path, &body).await?;
            assert_eq!(answer.status, 400, "{organization} {path}: {answer:?}");
            assert!(answer.json["organization"].is_array(), "{answer:?}");
        }
    }
    let missing = ada.post(SWITCH, &json!({})).await?;
    assert_eq!(missing.json, json!({"organization": ["This field is required."]}));
    assert_eq!((world.organizations.asked(), sessions(&world).await?), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_on_behalf_of_whom_the_password_or_the_token_does_not_prove() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let wrong = json!({"username": "ada", "password": "wrong", "organization": "acme"});
    assert_eq!(ada.post(OBTAIN, &wrong).await?.status, 401);
    let access = ada.access.as_deref().unwrap_or_default();
    let wrong = json!({"refresh": access, "organization": "acme"});
    assert_eq!(ada.post(REFRESH, &wrong).await?.status, 401);
    let refresh = ada.refresh.as_deref().unwrap_or_default();
    assert_eq!(ada.bearing(refresh).post(SWITCH, &json!({"organization": "acme"})).await?.status, 401);
    assert_eq!(world.organizations.asked(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_gives_no_token_even_before_the_feed_says_so() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let id = session_of(ada.access.as_deref().unwrap_or_default())?;
    let now = Clock::System.now();
    let end = move |conn: &mut DbConnection| revoke(conn, id, Reason::LoggedOut, now);
    assert!(world.cluster.auth_db.db.write(end).await?);
    let answer = ada.post(SWITCH, &json!({"organization": "acme"})).await?;
    let told = (answer.status, answer.detail(), answer.code());
    assert_eq!(told, (401, "Token is blacklisted", "token_not_valid"), "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_ends_the_tokens_for_every_organization() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let tokens = [world.switch(&ada, "acme").await?, world.switch(&ada, "globex").await?];
    let out = ada.bearing(&tokens[0]).post("/api/v1/user/logout/", &json!({})).await?;
    assert_eq!(out.status, 200, "{out:?}");
    for token in &tokens {
        world.becomes(token, 401).await?;
        let again = ada.bearing(token).post(SWITCH, &json!({"organization": "acme"})).await?;
        assert_eq!(again.status, 401, "{again:?}");
    }
    Ok(())
}
