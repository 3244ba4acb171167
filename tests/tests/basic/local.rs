//! The single-process stack, and the endpoint itself.

use e2e::{Actor, Answer, PASSWORD, Server};
use reqwest::Method;
use serde_json::json;
use shared::{
    Clock, Secret,
    issuer::{EXCHANGE_PATH, SERVICE_SECRET_HEADER},
};

use crate::world::{CLASSES, ORGANIZATIONS, SECRET, WRONG, refused};

const ME: &str = "/api/v1/user/me/";

async fn stack() -> anyhow::Result<Server> {
    let server = Server::with(&[CLASSES, ("SERVICE_SECRET", SECRET)], Clock::System).await?;
    server.user("ada").await?;
    Ok(server)
}

async fn get(server: &Server, path: &str, password: &str) -> anyhow::Result<Answer> {
    let anonymous = server.anonymous();
    anonymous.send(anonymous.request(Method::GET, path).basic_auth("ada", Some(password))).await
}

#[tokio::test]
async fn both_services_of_a_stack_take_basic_credentials() -> anyhow::Result<()> {
    let server = stack().await?;
    for _ in 0..2 {
        let me = get(&server, ME, PASSWORD).await?;
        assert_eq!((me.status, &me.json["username"]), (200, &json!("ada")), "{me:?}");
        assert_eq!(get(&server, ORGANIZATIONS, PASSWORD).await?.status, 200);
    }
    for path in [ME, ORGANIZATIONS] {
        refused(&get(&server, path, "wrong").await?, WRONG);
    }
    Ok(())
}

#[tokio::test]
async fn the_auth_service_itself_takes_no_old_password() -> anyhow::Result<()> {
    let server = stack().await?;
    assert_eq!(get(&server, ME, PASSWORD).await?.status, 200);
    let auth = &server.stack.auth;
    let password = Secret::new("another-Pa55word".to_owned());
    auth.accounts().set_password(auth.hashing(), "ada", password).await?;
    assert_eq!(get(&server, ME, PASSWORD).await?.status, 401);
    assert_eq!(get(&server, ME, "another-Pa55word").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_changed_password_ends_what_was_held_for_the_old_one_at_once() -> anyhow::Result<()> {
    let server = stack().await?;
    assert_eq!(get(&server, ORGANIZATIONS, PASSWORD).await?.status, 200);
    let auth = &server.stack.auth;
    let password = Secret::new("another-Pa55word".to_owned());
    auth.accounts().set_password(auth.hashing(), "ada", password).await?;
    auth.feed().passed_on().await;
    refused(&get(&server, ORGANIZATIONS, PASSWORD).await?, WRONG);
    assert_eq!(get(&server, ORGANIZATIONS, "another-Pa55word").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn only_services_may_exchange_and_only_on_the_management_port() -> anyhow::Result<()> {
    let server = stack().await?;
    let body = json!({"username": "ada", "password": PASSWORD, "address": null, "user_agent": ""});
    let inside = Actor::new(&server.management);
    let with = |secret: &'static str| {
        let request = inside.request(Method::POST, EXCHANGE_PATH).header(SERVICE_SECRET_HEADER, secret);
        inside.send(request.json(&body))
    };
    assert_eq!(inside.post(EXCHANGE_PATH, &body).await?.status, 403);
    assert_eq!(with("").await?.status, 403);
    assert_eq!(with("another secret than the auth service has").await?.status, 403);
    let given = with(SECRET).await?;
    assert_eq!((given.status, given.header("cache-control")), (200, "no-store"), "{given:?}");
    assert!(given.json["token"]["access"].is_string() && given.json["token"]["expires_in"].is_u64());
    let outside = server.anonymous();
    let request = outside.request(Method::POST, EXCHANGE_PATH).header(SERVICE_SECRET_HEADER, SECRET);
    assert_eq!(outside.send(request.json(&body)).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn without_a_service_secret_nobody_may_exchange() -> anyhow::Result<()> {
    let server = Server::with(&[CLASSES], Clock::System).await?;
    server.user("ada").await?;
    let body = json!({"username": "ada", "password": PASSWORD, "address": null, "user_agent": ""});
    let inside = Actor::new(&server.management);
    for secret in ["", SECRET] {
        let request = inside.request(Method::POST, EXCHANGE_PATH).header(SERVICE_SECRET_HEADER, secret);
        assert_eq!(inside.send(request.json(&body)).await?.status, 403);
    }
    assert_eq!(get(&server, ME, PASSWORD).await?.status, 200, "within the process none is needed");
    Ok(())
}

#[tokio::test]
async fn an_exchange_that_cannot_be_read_is_a_bad_request() -> anyhow::Result<()> {
    let server = stack().await?;
    let inside = Actor::new(&server.management);
    for body in
        [json!({}), json!([]), json!({"username": 1, "password": "x", "address": null, "user_agent": ""})]
    {
        let request = inside.request(Method::POST, EXCHANGE_PATH).header(SERVICE_SECRET_HEADER, SECRET);
        assert_eq!(inside.send(request.json(&body)).await?.status, 400, "{body}");
    }
    Ok(())
}
