//! One cookie at every service, each checking by itself.

use e2e::{Actor, Server};
use protected_service::Cli;
use reqwest::Method;
use serde_json::json;
use shared::{Clock, config::Variables};

use crate::browser::{Browser, ME, ORGANIZATIONS, check_forgery, server};

#[tokio::test]
async fn the_organization_service_takes_the_cookie_and_checks_unsafe_requests_itself() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    for page in [Browser::local(&server), Browser::secure(&server)] {
        let mut page = page;
        page.log_in().await?;
        let name = json!({"name": format!("Acme at {}", page.origin)});
        let created = page.post(ORGANIZATIONS, &name).await?;
        assert_eq!(created.status, 201, "{}", created.text);
        let path = format!("{ORGANIZATIONS}{}/", created.json["data"]["id"].as_str().unwrap_or_default());
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let unproven = page.request(method.clone(), &path).header("Origin", &page.origin).json(&name);
            check_forgery(method.as_str(), &page.actor.send(unproven).await?, "CSRF token missing.");
        }
        let shown = page.get(&path).await?;
        assert_eq!((shown.status, shown.header("vary")), (200, "Cookie"));
        let deleted = page.script(Method::DELETE, &path);
        assert_eq!(page.actor.send(deleted).await?.status, 204);
    }
    Ok(())
}

fn variables((name, value): (&str, &str)) -> Variables {
    Variables::from_pairs([(name.to_owned(), value.to_owned())])
}

#[tokio::test]
async fn a_third_service_takes_the_cookie() -> anyhow::Result<()> {
    let secret = ("SERVICE_SECRET", "a secret that all services of this test share");
    let server = Server::with(&[secret], Clock::System).await?;
    server.user("ada").await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let cli = Cli { issuer: server.management.parse()?, listen: ([127, 0, 0, 1], 0).into() };
    let (addresses, third) = protected_service::bind(cli, &variables(secret), Clock::System).await?;
    tokio::spawn(third);
    let mut page = page.elsewhere(&format!("http://{}", addresses[0]));
    assert_eq!(page.get("/protected").await?.status, 200);
    let nobody = Actor::new(&format!("http://{}", addresses[0])).get("/protected").await?;
    assert_eq!(nobody.status, 401);
    Ok(())
}

#[tokio::test]
async fn only_a_trusted_proxy_says_that_a_request_came_over_https() -> anyhow::Result<()> {
    let server = server(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await?;
    let mut page = Browser::secure(&server);
    let form = page.get("/api/v1/user/session/").await?;
    assert_eq!((form.status, form.code()), (403, "insecure_transport"));
    Ok(())
}

#[tokio::test]
async fn the_hosts_own_origin_is_the_one_that_the_trusted_proxy_names() -> anyhow::Result<()> {
    let server = server(&[]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    let csrf = page.csrf().unwrap_or_default();
    let change = |origin: &str| {
        let request = page.actor.request(Method::PATCH, ME).header("Host", "inner:8000");
        let request =
            request.header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "App.example:443");
        let request = request.header("Cookie", page.cookie_header(ME).unwrap_or_default());
        page.actor.send(request.header("Origin", origin).header("X-CSRFToken", csrf).json(&json!({})))
    };
    assert_eq!(change("https://app.example").await?.status, 200);
    for other in ["https://inner:8000", "http://app.example", "https://app.example:443"] {
        assert_eq!(change(other).await?.status, 403, "{other}");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_whose_user_is_asked_for_ends_with_the_user() -> anyhow::Result<()> {
    let server = server(&[("ORG_USER_STATE", "ask")]).await?;
    let mut page = Browser::secure(&server);
    page.log_in().await?;
    assert_eq!(page.get(ORGANIZATIONS).await?.status, 200);
    let unproven = page.request(Method::POST, ORGANIZATIONS).header("Origin", &page.origin);
    check_forgery("asked", &page.actor.send(unproven).await?, "CSRF token missing.");
    let auth = &server.stack.auth;
    auth.accounts().set_active("ada", false).await?;
    let answer = page.get(ORGANIZATIONS).await?;
    assert_eq!((answer.status, answer.detail()), (401, "Authentication credentials were not provided."));
    Ok(())
}
