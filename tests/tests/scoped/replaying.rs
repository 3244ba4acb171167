//! A refresh that is repeated within the grace window: the same bytes for the same organization and
//! membership version, and never one token for two organizations.

use std::collections::HashSet;

use e2e::{Actor, claims};
use futures_util::future::try_join_all;
use serde_json::json;

use crate::world::{ACME, GLOBEX, REFRESH, World, reader, speaks_for, speaks_for_none};

/// Longer than any of this takes.
const GRACE: (&str, &str) = ("AUTH_REFRESH_GRACE", "60s");

async fn refresh(actor: &Actor, organization: &str) -> anyhow::Result<[String; 2]> {
    let mut body = json!({"refresh": actor.refresh});
    if !organization.is_empty() {
        body["organization"] = json!(organization);
    }
    let answer = actor.post(REFRESH, &body).await?;
    anyhow::ensure!(answer.status == 200, "{organization}: {answer:?}");
    Ok([answer.text_of("access")?, answer.text_of("refresh")?])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_gets_the_same_bytes_for_the_same_organization_and_version() -> anyhow::Result<()> {
    let world = World::start(&[GRACE]).await?;
    let ada = world.login().await?;
    let [for_acme, successor] = refresh(&ada, "acme").await?;
    speaks_for(&for_acme, &reader(ACME, 5))?;
    assert_eq!(refresh(&ada, ACME).await?, [for_acme.clone(), successor.clone()], "by its id as by its slug");

    let [for_globex, same] = refresh(&ada, "globex").await?;
    speaks_for(&for_globex, &reader(GLOBEX, 7))?;
    let [for_nobody, still] = refresh(&ada, "").await?;
    speaks_for_none(&for_nobody)?;
    world.admit(&["acme"], &reader(ACME, 6));
    let [newer, the] = refresh(&ada, "acme").await?;
    speaks_for(&newer, &reader(ACME, 6))?;
    assert_eq!([&same, &still, &the], [&successor; 3], "one successor, whatever it is asked for");

    let jti = |token: &String| anyhow::Ok(claims(token)?["jti"].to_string());
    let jtis: HashSet<String> =
        [&for_acme, &for_globex, &for_nobody, &newer].into_iter().map(jti).collect::<anyhow::Result<_>>()?;
    assert_eq!(jtis.len(), 4, "no two of them share an id");
    assert_eq!(world.row(&successor).await?.generation, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_tabs_get_one_successor_and_each_the_token_it_asked_for() -> anyhow::Result<()> {
    let world = World::start(&[GRACE]).await?;
    let ada = world.login().await?;
    let race = (0..32).map(|racer| refresh(&ada, ["acme", "globex"][racer % 2]));
    let answers = try_join_all(race).await?;
    for (racer, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &answers[racer % 2], "{racer}");
        speaks_for(&answer[0], &reader([ACME, GLOBEX][racer % 2], [5, 7][racer % 2]))?;
    }
    assert_eq!(answers[0][1], answers[1][1]);
    assert_eq!(world.row(&answers[0][1]).await?.generation, 1);
    Ok(())
}
