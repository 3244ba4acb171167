//! Somebody has copied the browser's cookies, and knows how to write a request.

use std::collections::BTreeMap;

use e2e::{Actor, Answer};
use reqwest::Method;

use crate::world::{Kept, ORGANIZATIONS, REFRESH, Way, World, in_a_world};

/// Longer than a spent refresh token is forgiven.
const AFTER_THE_GRACE: u64 = 11;

/// A request by copied cookies that lacks nothing.
async fn steal(
    world: &World,
    method: Method,
    path: &str,
    cookies: &BTreeMap<String, Kept>,
) -> anyhow::Result<Answer> {
    let thief = Actor::new(&world.site.at("127.0.0.1"));
    let pairs: Vec<_> = cookies.values().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let host = world.origin().replace("http://", "");
    let request = thief.request(method, path).header("Host", host).header("Origin", world.origin());
    let request = request.header("Cookie", pairs.join("; ")).header("X-CSRFToken", &cookies["csrf"].value);
    thief.send(request).await
}

#[tokio::test]
async fn a_copied_refresh_cookie_that_is_used_late_ends_the_session() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        let copied = world.cookies().await?;
        assert_eq!(tab.status("refresh()").await?, 200);
        world.advance(AFTER_THE_GRACE);
        let answer = steal(world, Method::POST, REFRESH, &copied).await?;
        assert_eq!((answer.status, answer.detail()), (401, "Token is blacklisted"));
        let ended = (world.ada.subject.clone(), 1, Some("reuse".to_owned()));
        assert_eq!(world.sessions().await?, [ended]);
        for call in ["send('GET', 'organization/')", "send('GET', 'user/me/')", "refresh()"] {
            assert_eq!(tab.status(call).await?, 401, "{call}: the page's own tokens are dead too");
        }
        assert_eq!(tab.run("return app.who()").await?, serde_json::Value::Null);

        let again = tab.status(&format!("logIn('ada', '{}')", e2e::PASSWORD)).await?;
        assert_eq!(again, 200, "and a new login is all it takes");
        assert_eq!(tab.status("send('GET', 'organization/')").await?, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_thief_who_refreshes_first_is_out_with_the_pages_next_refresh() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let tab = world.tab().await?;
        tab.log_in("ada").await?;
        let mut copied = world.cookies().await?;
        let taken = steal(world, Method::POST, REFRESH, &copied).await?;
        assert_eq!(taken.status, 200, "nothing tells the thief from the page yet");
        for line in taken.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str()?.split_once('=').unwrap_or_default();
            let (value, _) = rest.split_once(';').unwrap_or_default();
            copied.get_mut(name).unwrap().value = value.to_owned();
        }
        assert_eq!(steal(world, Method::GET, ORGANIZATIONS, &copied).await?.status, 200);

        world.advance(AFTER_THE_GRACE);
        assert_eq!(tab.status("refresh()").await?, 401, "the page's own was spent by the thief");
        assert_eq!(steal(world, Method::GET, ORGANIZATIONS, &copied).await?.status, 401);
        assert_eq!(steal(world, Method::POST, REFRESH, &copied).await?.status, 401);
        let ended = (world.ada.subject.clone(), 1, Some("reuse".to_owned()));
        assert_eq!(world.sessions().await?, [ended]);
        Ok(())
    })
    .await
}
