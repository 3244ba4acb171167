//! Two tabs of one session, each in an organization of its own.

use anyhow::ensure;
use e2e::Actor;
use serde_json::{Value, json};

use crate::world::{ORGANIZATIONS, World};

/// Requests in all.
const REQUESTS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_in_two_organizations_never_mix() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let (ada, eve) = tokio::try_join!(world.person("ada"), world.person("eve"))?;
    // Ada owns one and looks at the other.
    let tabs = [
        (world.organization(&ada, "Acme").await?, "owner"),
        (world.organization(&eve, "Other").await?, "viewer"),
    ];
    world.join(&tabs[1].0, &ada, "viewer").await?;
    let refresh = async |holder: &mut Actor, organization: &str| {
        let body = json!({"refresh": holder.refresh, "organization": organization});
        let answer = holder.post("/api/v1/user/token/refresh/", &body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        holder.refresh = Some(answer.text_of("refresh")?);
        answer.text_of("access")
    };
    let mut holder = ada.actor.clone();
    let mut seen = [0; 2];
    for turn in 0..REQUESTS {
        let place = turn % 2;
        let (org_id, role) = &tabs[place];
        // Now by switching, now by refreshing the session that both tabs share.
        let token = if turn % 3 == 0 {
            refresh(&mut holder, org_id).await?
        } else {
            world.scoped(&ada, org_id).await?
        };
        let claims = e2e::claims(&token)?;
        assert_eq!((&claims["org_id"], &claims["org_role"]), (&json!(org_id), &json!(role)), "{turn}");
        let tab = Actor::new(&world.org.base).bearing(&token);
        let listed = tab.get(ORGANIZATIONS).await?;
        assert_eq!(listed.json["count"], 1, "{turn}: {listed:?}");
        assert_eq!(listed.json["results"][0]["id"], json!(org_id), "{turn}");
        let other = &tabs[1 - place].0;
        assert_eq!(tab.get(&format!("{ORGANIZATIONS}{other}/")).await?.status, 404, "{turn}");
        seen[place] += 1;
    }
    assert_eq!(seen, [REQUESTS / 2; 2]);
    let plain = holder.refresh_with(holder.refresh.as_deref().unwrap_or_default()).await?;
    assert_eq!(e2e::claims(&plain.text_of("access")?)?.get("org_id"), None::<&Value>);
    Ok(())
}
