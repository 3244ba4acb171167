//! Members as users, between services in processes of their own: one call for a list, none for the next, and
//! none needed while the auth service is away.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use auth_service::store::users;
use diesel::prelude::*;
use e2e::{Actor, Answer, Node, new_user, until};
use org_service::{
    schema::profiles,
    store::{
        memberships::{self, Membership},
        organizations::OrgId,
    },
};
use serde_json::{Value, json};
use shared::Clock;

use crate::{
    PATIENCE,
    world::{ORGANIZATIONS, Person, World},
};

/// Members beside the owner, with whom they fill a page.
const OTHERS: usize = 99;
/// How long copies of profiles are shown without asking, and a little more.
const FRESH: Duration = Duration::from_secs(5 * 60 + 1);

/// Users who become members by one transaction, so that nobody asks for some of them before the others.
async fn crowd(world: &World, org_id: &str) -> anyhow::Result<()> {
    let (now, org_id) = (Clock::System.now(), OrgId::from_uuid(org_id.parse()?));
    let new = (0..OTHERS).map(|n| new_user(&format!("member-{n:02}"), false, now));
    let new = new.collect::<anyhow::Result<Vec<_>>>()?;
    let member = |user_id: &String| Membership {
        org_id,
        user_id: user_id.clone(),
        role: "viewer".to_owned(),
        created_at: now,
        updated_at: now,
    };
    let members: Vec<_> = new.iter().map(|user| member(&user.subject)).collect();
    let auth_db = &world.cluster.auth_db.db;
    auth_db
        .transaction(move |conn| new.iter().try_for_each(|user| users::insert(conn, user).map(drop)))
        .await?;
    let join =
        |conn: &mut _| members.into_iter().try_for_each(|one| memberships::insert(conn, one).map(drop));
    Ok(world.cluster.org_db.db.transaction(join).await?)
}

/// How many calls the auth service has answered that could have been for profiles.
async fn calls(auth: &Node) -> anyhow::Result<u64> {
    let metrics = Actor::new(&auth.management).get("/metrics").await?.text;
    let posts = metrics.lines().filter(|line| line.starts_with("http_requests_total{method=\"POST\""));
    let counts = posts.map(|line| Ok(line.rsplit(' ').next().context("a figure")?.parse::<u64>()?));
    counts.sum()
}

/// The whole list, on one page.
async fn list(world: &World, reader: &Person, org_id: &str) -> anyhow::Result<Answer> {
    let path = format!("{ORGANIZATIONS}{org_id}/members/?page_size=100&ordering=created_at");
    let answer = world.at_org(reader).get(&path).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer)
}

/// What a list shows of a user.
fn user<'a>(list: &'a Answer, user_id: &str) -> anyhow::Result<&'a Value> {
    let rows = list.json["results"].as_array().context("a list")?;
    let row = rows.iter().find(|row| row["user_id"] == user_id);
    Ok(&row.with_context(|| format!("no {user_id} in {}", list.text))?["user"])
}

/// Has copies grow old.
async fn age(world: &World) -> anyhow::Result<()> {
    let long_ago = Clock::System.now().before(FRESH);
    let old = diesel::update(profiles::table).set(profiles::fetched_at.eq(long_ago));
    ensure!(world.cluster.org_db.db.write(move |conn| old.execute(conn)).await? > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_members_asks_once_and_survives_the_auth_service() -> anyhow::Result<()> {
    // What is tested is longer than validators wait for the feed.
    let settings =
        [("REVOCATION_MAX_STALENESS", "10m"), ("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "warn")];
    let mut world = World::start(&settings).await?;
    let ada = world.person("ada").await?;
    let org_id = world.organization(&ada, "Acme").await?;

    let before = calls(&world.auth).await?;
    crowd(&world, &org_id).await?;
    let first = list(&world, &ada, &org_id).await?;
    let rows = first.json["results"].as_array().context("a list")?;
    ensure!(rows.len() == OTHERS + 1, "{}", rows.len());
    ensure!(rows.iter().all(|row| row["user"]["username"].is_string()), "{}", first.text);
    let expected = json!({"username": "ada", "first_name": "", "last_name": "",
        "email": "ada@example.org", "is_active": true});
    ensure!(*user(&first, &ada.user_id)? == expected, "{}", first.text);
    let after = calls(&world.auth).await?;
    ensure!(after - before == 1, "{} calls for {} members", after - before, rows.len());
    for _ in 0..3 {
        ensure!(list(&world, &ada, &org_id).await?.text == first.text);
    }
    ensure!(calls(&world.auth).await? == after, "what is known is asked again");

    let renamed = ada.actor.patch("/api/v1/user/me/", &json!({"first_name": "Augusta"})).await?;
    ensure!(renamed.status == 200, "{renamed:?}");
    age(&world).await?;
    let shown = list(&world, &ada, &org_id).await?;
    ensure!(user(&shown, &ada.user_id)?["first_name"] == "Augusta", "{}", shown.text);
    ensure!(calls(&world.auth).await? == after + 1, "one call renews a page");

    // Away: what is known is shown, however old, and nothing of whom nobody has heard.
    let bob = world.person("bob").await?;
    world.auth.kill().await?;
    age(&world).await?;
    world.join(&org_id, &bob, "viewer").await?;
    let path = format!("{ORGANIZATIONS}{org_id}/members/{}/", bob.user_id);
    let unknown = world.at_org(&ada).get(&path).await?;
    ensure!((unknown.status, &unknown.json["user"]) == (200, &Value::Null), "{unknown:?}");
    let still = list(&world, &ada, &org_id).await?;
    ensure!(*user(&still, &ada.user_id)? == *user(&shown, &ada.user_id)?, "{}", still.text);
    let known = still.json["results"].as_array().context("a list")?;
    ensure!(known.iter().all(|row| row["user"].is_object()), "{}", still.text);

    world.restart_auth().await?;
    let heard = async || Ok(world.at_org(&ada).get(&path).await?.json["user"]["username"] == "bob");
    until("it asks again", PATIENCE, heard).await?;
    Ok(())
}
