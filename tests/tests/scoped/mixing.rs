//! Two tabs of one session work for two organizations: no request of either is ever taken for the
//! other's.

use serde_json::json;

use crate::world::{ACME, GLOBEX, SWITCH, World, reader, speaks_for};

/// Requests of each tab.
const EACH: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organizations_interleaved_a_thousand_times_never_mix() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let ada = world.login().await?;
    let tab = async |name: &str, org_id: &str, version: i64| {
        let mut mine = ada.clone();
        for round in 0..EACH {
            let answer = mine.post(SWITCH, &json!({"organization": name})).await?;
            anyhow::ensure!(answer.status == 200, "{round}: {answer:?}");
            let token = answer.text_of("access")?;
            speaks_for(&token, &reader(org_id, version))?;
            let shown = world.invoices(&token).await?;
            anyhow::ensure!(shown.json["organization"] == org_id, "{round}: {shown:?}");
            // The next token is asked for with this one.
            mine = mine.bearing(&token);
        }
        anyhow::Ok(())
    };
    tokio::try_join!(tab("acme", ACME, 5), tab(GLOBEX, GLOBEX, 7))?;
    assert_eq!(world.row(ada.access.as_deref().unwrap_or_default()).await?.generation, 0);
    Ok(())
}
