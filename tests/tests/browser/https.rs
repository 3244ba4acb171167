//! The same over HTTPS to a host with a name, where the cookies' names have their prefixes: what these
//! forbid, the browser forbids.

use serde_json::json;

use crate::{
    forgery::{Attacker, changes_nothing, refused_with_cookies, refused_without_cookies},
    site::Site,
    tabs::refresh_at_once,
    world::{Kept, REFRESH, Tab, Way, in_a_world},
};

const ATTACK: &str = include_str!("attack.html");

#[tokio::test]
async fn over_https_a_session_lives_in_cookies_with_prefixes_from_login_to_logout() -> anyhow::Result<()> {
    in_a_world(Way::Secure, async |world| {
        let (one, two) = (world.tab().await?, world.tab().await?);
        assert_eq!(one.log_in("ada").await?.status, 200);
        let kept = world.cookies().await?;
        assert_eq!(
            kept.values().map(Kept::shape).collect::<Vec<_>>(),
            [
                "__Host-access app.example/ Lax HttpOnly Secure",
                "__Host-csrf app.example/ Lax Secure",
                "__Secure-refresh app.example/api/v1/user/token/ Strict HttpOnly Secure",
            ]
        );
        let readable = format!("__Host-csrf={}", kept["__Host-csrf"].value);
        assert_eq!(one.run("return document.cookie").await?, readable);
        assert_eq!(two.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);

        world.advance(301);
        refresh_at_once(world, [&one, &two]).await?;
        assert_eq!(world.sessions().await?, [(world.ada.subject.clone(), 1, None)]);
        assert_eq!(two.app("send('GET', 'organization/')").await?.json["count"], 1);
        assert_eq!(one.status("logOut()").await?, 200);
        assert_eq!(two.status("call('GET', 'organization/')").await?, 401);
        assert_eq!(world.cookies().await?.len(), 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn over_https_pages_of_other_sites_and_of_sibling_hosts_change_nothing() -> anyhow::Result<()> {
    in_a_world(Way::Secure, async |world| {
        let (secure, plain) =
            (Site::start(true, ATTACK, None).await?, Site::start(false, ATTACK, None).await?);
        changes_nothing(world, async || {
            let other = Attacker::at(world, &secure, "evil.example").await?;
            other.attack(refused_without_cookies).await?;
            other.needs_leave().await?;
            // The same host over plain HTTP is another site: whoever sits in the network can be it.
            let downgraded = Attacker::at(world, &plain, "app.example").await?;
            downgraded.attack(refused_without_cookies).await?;
            // A sibling is the same site. Its requests differ in nothing but their origin.
            let sibling = Attacker::at(world, &secure, "evil.app.example").await?;
            sibling.attack(refused_with_cookies(world.way)).await?;
            sibling.needs_leave().await
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_sibling_host_or_a_plain_page_can_neither_read_nor_replace_what_proves_a_session()
-> anyhow::Result<()> {
    in_a_world(Way::Secure, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        let before = world.cookies().await?;
        let (secure, plain) =
            (Site::start(true, ATTACK, None).await?, Site::start(false, ATTACK, None).await?);
        let stranger = world.blank().await?;
        for (site, host) in
            [(&secure, "evil.app.example"), (&plain, "evil.app.example"), (&plain, "app.example")]
        {
            stranger.go(&site.at(host)).await?;
            let readable = stranger.run("return document.cookie").await?.to_string();
            assert!(!readable.contains(&before["__Host-csrf"].value), "{host}: {readable}");
            plant(&stranger, &["__Host-access", "__Host-csrf", "access", "csrf"], "/").await?;
        }
        for name in ["__Host-access", "__Host-csrf"] {
            assert_eq!(world.cookies().await?.get(name), before.get(name));
        }
        assert!(world.cookies().await?.contains_key("csrf"), "a plain name is anybody's to plant");
        assert_eq!(tab.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);
        assert_eq!(tab.status("refresh()").await?, 200);

        // A cookie for some paths only cannot have the strictest prefix, so a sibling can plant it too. It
        // is in the way of the next refresh, and of nothing else.
        stranger.go(&secure.at("evil.app.example")).await?;
        plant(&stranger, &["__Secure-refresh"], "/api/v1/user/").await?;
        world.site.forget();
        assert_eq!(tab.status("refresh()").await?, 400);
        let sent = world.site.answered("POST", REFRESH).await?.cookies;
        assert_eq!(sent.iter().filter(|name| *name == "__Secure-refresh").count(), 2);
        assert_eq!(world.sessions().await?, [(world.ada.subject.clone(), 1, None)]);
        assert_eq!(tab.run("return app.who()").await?, json!(world.ada.subject));
        for seen in plain.seen() {
            assert!(!seen.cookies.iter().any(|name| world.way.names().contains(&name.as_str())), "{seen:?}");
        }
        Ok(())
    })
    .await
}

/// Tries to set cookies for the whole domain and for the page's own host, in every way there is.
async fn plant(tab: &Tab, names: &[&str], path: &str) -> anyhow::Result<()> {
    let everywhere = ["", "; Secure", "; Domain=app.example", "; Domain=app.example; Secure"];
    for (name, attributes) in names.iter().flat_map(|name| everywhere.map(|attributes| (name, attributes))) {
        let cookie = format!("{name}=0123456789abcdef0123456789abcdef; Path={path}{attributes}");
        tab.run_with("document.cookie = arguments[0]", [json!(cookie)]).await?;
    }
    Ok(())
}
