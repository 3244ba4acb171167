//! Tabs of one browser share their cookies, and know nothing of each other.

use crate::world::{LOGOUT, ORGANIZATIONS, REFRESH, Tab, Way, World, in_a_world};

/// Neither tab is answered before both have sent the one cookie that they share.
pub(crate) async fn refresh_at_once(world: &World, tabs: [&Tab; 2]) -> anyhow::Result<()> {
    world.site.pair(REFRESH);
    for tab in tabs {
        tab.run("app.refreshing = app.refresh()").await?;
    }
    for tab in tabs {
        assert_eq!(tab.status("refreshing").await?, 200);
    }
    world.site.part();
    Ok(())
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_go_on_and_it_is_one_step() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let (one, two) = (world.tab().await?, world.tab().await?);
        one.log_in("ada").await?;
        for step in 1..=3 {
            world.advance(301);
            world.site.forget();
            refresh_at_once(world, [&one, &two]).await?;
            assert_eq!(world.sessions().await?, [(world.ada.subject.clone(), step, None)]);
            assert_eq!(one.status("send('GET', 'organization/')").await?, 200);
            assert_eq!(two.app("send('PATCH', 'user/me/', {})").await?.json["username"], "ada");
            let refreshes: Vec<_> =
                world.site.seen().into_iter().filter(|seen| seen.path == REFRESH).collect();
            assert_eq!(refreshes.len(), 2);
            assert_eq!(refreshes[0], refreshes[1], "both were told the same");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_logout_in_one_tab_ends_the_other_even_with_a_copy_of_its_cookies() -> anyhow::Result<()> {
    in_a_world(Way::Local, async |world| {
        let (one, two) = (world.tab().await?, world.tab().await?);
        one.log_in("ada").await?;
        assert_eq!(two.status("send('POST', 'organization/', {name: 'Acme'})").await?, 201);
        let copies = world.cookies().await?;
        assert_eq!(one.status("send('POST', 'user/logout/')").await?, 200);
        assert_eq!(world.site.answered("POST", LOGOUT).await?.sets, 3);
        assert_eq!(world.cookies().await?.len(), 0);
        assert_eq!(two.status("call('GET', 'organization/')").await?, 401);

        for copy in copies.values() {
            world.plant(copy).await?;
        }
        assert_eq!(world.cookies().await?.len(), 3);
        world.site.forget();
        assert_eq!(two.status("send('GET', 'organization/')").await?, 401);
        assert_eq!(world.site.answered("GET", ORGANIZATIONS).await?.cookies, ["access", "csrf"]);
        let refresh = two.app("refresh()").await?;
        assert_eq!((refresh.status, refresh.json["detail"].as_str()), (401, Some("Token is blacklisted")));
        assert_eq!(two.run("return app.who()").await?, serde_json::Value::Null);
        Ok(())
    })
    .await
}
