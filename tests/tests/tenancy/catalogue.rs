//! An operator registers a permission no more: roles that are too large for tokens lose it at every validator.

use anyhow::ensure;
use e2e::{Actor, claims};
use serde_json::json;

use crate::world::{ORGANIZATIONS, World, becomes};

const INVOICES: &str = "/invoices";
const READ: &str = "invoice:read";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_registered_no_more_is_permitted_no_more() -> anyhow::Result<()> {
    let others: Vec<String> = (0..50).map(|n| format!("app:p{n}")).collect();
    let without = others.join(",");
    let with = format!("{without},{READ}");
    let settings = [("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "warn"), ("ORG_PERMISSIONS", &with)];
    let mut world = World::start(&settings).await?;
    let mut protected = world.cluster.protected(&world.auth).await?;
    let (ada, bob) = tokio::try_join!(world.person("ada"), world.person("bob"))?;
    let org_id = world.organization(&ada, "Acme").await?;
    let all: Vec<&str> = with.split(',').collect();
    let role = json!({"name": "clerk", "permissions": all});
    let made = world.at_org(&ada).post(&format!("{ORGANIZATIONS}{org_id}/roles/"), &role).await?;
    ensure!(made.status == 201, "{made:?}");
    world.join(&org_id, &bob, "clerk").await?;
    let before = world.scoped(&bob, &org_id).await?;
    ensure!(claims(&before)?.get("permissions").is_none(), "it fits into a token");
    becomes(&protected.base, INVOICES, &before, 200).await?;

    world.org.terminate().await?;
    world.restart_org_with(&[("ORG_PERMISSIONS", &without)]).await?;
    becomes(&protected.base, INVOICES, &before, 401).await?;
    let after = world.scoped(&bob, &org_id).await?;
    becomes(&protected.base, INVOICES, &after, 403).await?;
    becomes(&protected.base, "/protected", &after, 200).await?;
    protected = world.cluster.protected(&world.auth).await?;
    let anew = Actor::new(&protected.base).bearing(&after).get(INVOICES).await?;
    ensure!(anew.status == 403, "whoever begins anew: {anew:?}");

    // Nothing has changed since, so a start calls nobody in.
    world.org.terminate().await?;
    world.restart_org_with(&[("ORG_PERMISSIONS", &without)]).await?;
    let again = world.scoped(&bob, &org_id).await?;
    ensure!(claims(&again)?["mv"] == claims(&after)?["mv"], "the catalogue is the same");

    world.org.terminate().await?;
    world.restart_org_with(&[("ORG_PERMISSIONS", &with)]).await?;
    becomes(&protected.base, "/protected", &after, 401).await?;
    let back = world.scoped(&bob, &org_id).await?;
    becomes(&protected.base, INVOICES, &back, 200).await
}
