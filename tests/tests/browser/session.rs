//! One tab from login to logout.

use std::time::Duration;

use serde_json::json;
use shared::Clock;

use crate::{
    site::Site,
    world::{Kept, ME, ORGANIZATIONS, REFRESH, SESSION, Way, World, in_a_world, with},
};

/// Longer than an access token lives.
const EXPIRED: u64 = 301;

#[tokio::test]
async fn a_login_by_the_form_leaves_scripts_the_csrf_cookie_alone() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        assert_eq!(tab.shown().await?, "");
        let before = world.cookies().await?;
        assert_eq!(before.keys().collect::<Vec<_>>(), ["csrf"], "the form's own");

        let told = tab.log_in("ada").await?;
        assert_eq!(told.status, 200, "{}", told.json);
        assert_eq!(tab.shown().await?, world.ada.subject);
        let kept = world.cookies().await?;
        let shapes: Vec<_> = kept.values().map(Kept::shape).collect();
        assert_eq!(
            shapes,
            [
                "access localhost/ Lax HttpOnly",
                "csrf localhost/ Lax",
                "refresh localhost/api/v1/user/token/ Strict HttpOnly",
            ]
        );
        assert_ne!(kept["csrf"].value, before["csrf"].value, "a login changes it");
        assert_eq!(tab.run("return document.cookie").await?, format!("csrf={}", kept["csrf"].value));
        for name in ["access", "refresh"] {
            assert!(!told.json.to_string().contains(&kept[name].value), "{name} is in the answer's body");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_page_calls_both_services_by_cookie_and_changes_need_the_header() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        assert_eq!(tab.status("send('GET', 'organization/')").await?, 401, "nobody is logged in");
        tab.log_in("ada").await?;
        world.site.forget();
        assert_eq!(tab.app("send('GET', 'user/me/')").await?.json["username"], "ada");
        assert_eq!(tab.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);
        assert_eq!(tab.app("send('GET', 'organization/')").await?.json["count"], 1);
        let seen = world.site.answered("POST", ORGANIZATIONS).await?;
        assert_eq!((seen.origin, seen.cookies), (world.origin(), vec!["access".into(), "csrf".into()]));
        assert_eq!(world.site.answered("GET", ME).await?.cookies, ["access", "csrf"], "and no refresh token");

        tab.run("app.csrf = () => ''").await?;
        let bare = tab.app("send('POST', 'organization/', {name: 'Bare'})").await?;
        let words = "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.";
        assert_eq!((bare.status, bare.json["detail"].as_str()), (403, Some(words)));
        assert_eq!(world.organizations().await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_expired_access_token_costs_one_refresh_and_a_reload_finds_the_session_again() -> anyhow::Result<()>
{
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        let first = world.cookies().await?;
        world.advance(EXPIRED);
        assert_eq!(tab.status("send('GET', 'organization/')").await?, 401);
        assert_eq!(tab.status("call('POST', 'organization/', {name: 'Acme'})").await?, 201);
        let second = world.cookies().await?;
        for name in ["access", "refresh"] {
            assert_ne!(first[name].value, second[name].value, "{name}");
            assert_eq!(first[name].shape(), second[name].shape());
        }
        assert_eq!(first["csrf"], second["csrf"]);

        world.advance(EXPIRED);
        let reloaded = world.tab().await?;
        assert_eq!(reloaded.shown().await?, world.ada.subject);
        assert_eq!(world.sessions().await?, [(world.ada.subject.clone(), 2, None)]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_browser_drops_the_access_cookie_with_its_token_and_keeps_the_refresh_cookie() -> anyhow::Result<()>
{
    let settings = [("AUTH_ACCESS_TOKEN_LIFETIME", "2s")];
    with(Way::Local, &settings, Clock::System, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        until_dropped(world, "access").await?;
        assert!(world.cookies().await?.contains_key("refresh"));
        world.site.forget();
        assert_eq!(tab.status("call('GET', 'user/me/')").await?, 200);
        let seen: Vec<_> = world.site.seen().into_iter().map(|seen| (seen.path, seen.status)).collect();
        assert_eq!(seen, [(ME.into(), 401), (REFRESH.into(), 200), (ME.into(), 200)]);
        let refresh = world.site.answered("POST", REFRESH).await?;
        assert_eq!(refresh.cookies, ["csrf", "refresh"]);
        Ok(())
    })
    .await
}

/// Waits until the browser has dropped a cookie by its own clock.
async fn until_dropped(world: &World, name: &str) -> anyhow::Result<()> {
    let dropped = async {
        while world.cookies().await?.contains_key(name) {}
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), dropped).await?
}

#[tokio::test]
async fn a_page_whose_access_token_has_expired_logs_out_by_its_refresh_cookie() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        world.advance(EXPIRED);
        assert_eq!(tab.status("logOut()").await?, 200);
        assert_eq!(world.cookies().await?.len(), 0);
        assert_eq!(tab.shown().await?, "");
        let ended = (world.ada.subject.clone(), 0, Some("logged_out".to_owned()));
        assert_eq!(world.sessions().await?, [ended]);
        let reloaded = world.tab().await?;
        assert_eq!(reloaded.shown().await?, "");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_link_from_another_site_leads_to_a_page_that_is_logged_in() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        let elsewhere = Site::start(false, "<a href='#'>there</a>", None).await?;
        let visitor = world.blank().await?;
        visitor.go(&elsewhere.at("127.0.0.1")).await?;
        world.site.forget();
        let script = "const link = document.querySelector('a'); link.href = arguments[0]; link.click()";
        visitor.run_with(script, [json!(world.origin())]).await?;
        assert_eq!(world.site.answered("GET", "/").await?.cookies, ["access", "csrf"], "they are Lax");
        assert_eq!(world.site.answered("GET", SESSION).await?.status, 200);
        visitor.run("return app.ready").await?;
        assert_eq!(visitor.shown().await?, world.ada.subject);
        assert_eq!(visitor.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);
        Ok(())
    })
    .await
}
