//! The session of a page: cookies, and the proof that a request comes from the page.

use e2e::{Browser, Site, unique};
use reqwest::Method;
use serde_json::json;

use crate::{LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSION, path_of};

/// Opens the login form. Over plain HTTP cookies count on one's own machine only; anywhere else there is
/// no form, and that is the end of the story.
async fn opens(site: &Site, page: &mut Browser) -> anyhow::Result<bool> {
    let is_loopback =
        ["http://127.0.0.1", "http://localhost"].iter().any(|start| site.base().starts_with(start));
    let form = page.get(SESSION).await?;
    let expected = if is_loopback { (200, "") } else { (403, "insecure_transport") };
    assert_eq!((form.status, form.code()), expected, "{form:?}");
    Ok(is_loopback)
}

#[tokio::test]
async fn a_page_logs_in_works_refreshes_and_logs_out_by_cookie() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, mut page) = (site.user().await?, site.browser());
    if !opens(&site, &mut page).await? {
        return Ok(());
    }
    assert!(page.who().await?.is_null());
    page.log_in_as(&person.name, &person.password).await?;
    let mut names: Vec<_> = page.cookies.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access", "csrf", "refresh"], "plain names without TLS");
    assert!(page.who().await?.is_string());
    assert_eq!(page.get(ME).await?.json["username"].as_str(), Some(&*person.name));

    let made = page.post(ORGANIZATIONS, &json!({"name": unique("By cookie")})).await?;
    assert_eq!(made.status, 201, "{made:?}");
    let deleted = page.script(Method::DELETE, &path_of(&made)?);
    assert_eq!(page.send(deleted).await?.status, 204);

    let before = page.value("refresh").map(str::to_owned);
    let renewed = page.poke(REFRESH).await?;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_ne!(page.value("refresh").map(str::to_owned), before);
    assert!(page.who().await?.is_string());

    let mut stolen = page.clone();
    assert_eq!(page.poke(LOGOUT).await?.status, 200);
    assert_eq!(page.cookies.len(), 0, "{:?}", page.cookies);
    let refresh = stolen.poke(REFRESH).await?;
    assert_eq!((refresh.status, refresh.detail()), (401, "Token is blacklisted"));
    let access = stolen.value("access").unwrap_or_default().to_owned();
    site.anonymous().bearing(&access).refused_soon(&crate::BOTH).await
}

#[tokio::test]
async fn a_request_that_the_page_did_not_send_changes_nothing() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let (person, mut page) = (site.user().await?, site.browser());
    if !opens(&site, &mut page).await? {
        return Ok(());
    }
    page.log_in_as(&person.name, &person.password).await?;
    let csrf = page.csrf().unwrap_or_default().to_owned();
    let name = unique("Forged");
    let forged = |request: reqwest::RequestBuilder| {
        let actor = page.actor.clone();
        let request = request.json(&json!({ "name": name }));
        async move { actor.send(request).await }
    };
    let post = || page.request(Method::POST, ORGANIZATIONS);
    for (what, request) in [
        ("no token", post().header("Origin", site.base())),
        ("another token", post().header("Origin", site.base()).header("X-CSRFToken", "x".repeat(csrf.len()))),
        ("another origin", post().header("Origin", "https://evil.example").header("X-CSRFToken", &csrf)),
        ("the null origin", post().header("Origin", "null").header("X-CSRFToken", &csrf)),
    ] {
        let answer = forged(request).await?;
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
        assert!(answer.detail().starts_with("CSRF Failed: "), "{what}: {answer:?}");
    }
    let found = page.get(&format!("{ORGANIZATIONS}?name={name}")).await?;
    assert_eq!((found.status, &found.json["count"]), (200, &json!(0)));
    Ok(())
}
