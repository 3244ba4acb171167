//! The tour of the README, command by command.

use anyhow::Context as _;
use e2e::{Actor, Site, unique};
use reqwest::Method;
use serde_json::json;

use crate::{BOTH, JWKS, LOGOUT, ME, ORGANIZATIONS, REFRESH, SESSIONS, TOKEN, refused};

#[tokio::test]
async fn a_newcomer_takes_the_tour_of_the_readme() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let admin = site.superuser().await?;
    let curl = site.anonymous();
    refused(&curl.get(ORGANIZATIONS).await?, "Authentication credentials were not provided.");

    let form = [("username", &admin.name), ("password", &admin.password)];
    let pair = curl.send(curl.request(Method::POST, TOKEN).form(&form)).await?;
    assert_eq!((pair.status, pair.header("cache-control")), (200, "no-store"), "{pair:?}");
    // The README cuts the pair at its quotes.
    let cut: Vec<&str> = pair.text.split('"').collect();
    let (refresh, access) = (*cut.get(3).context("field 4")?, *cut.get(7).context("field 8")?);
    let admin_client = Actor::with_pair(site.base(), access.to_owned(), refresh.to_owned()).patient();

    let name = unique("Acme");
    let made = admin_client.post(ORGANIZATIONS, &json!({ "name": name })).await?;
    assert_eq!((made.status, made.json["message"].as_str()), (201, Some("Organization Added !")), "{made:?}");
    let listed = admin_client.get(&format!("{ORGANIZATIONS}?name={name}")).await?;
    assert_eq!(listed.json["results"][0], made.json["data"], "{listed:?}");

    let me = admin_client.get(ME).await?;
    assert_eq!((me.json["username"].as_str(), &me.json["is_superuser"]), (Some(&*admin.name), &json!(true)));

    let spend = || curl.send(curl.request(Method::POST, REFRESH).form(&[("refresh", refresh)]));
    let (first, again) = (spend().await?, spend().await?);
    assert_eq!((first.status, &first.text), (200, &again.text), "a retry costs nothing");

    let sessions = admin_client.get(SESSIONS).await?;
    assert_eq!(sessions.json.as_array().map(Vec::len), Some(1), "{sessions:?}");

    let out = admin_client.send(admin_client.request(Method::POST, LOGOUT)).await?;
    assert_eq!((out.status, out.text.as_str()), (200, "{}"));
    admin_client.refused_soon(&BOTH).await?;
    refused(&spend().await?, "Token is blacklisted");

    let keys = curl.get(JWKS).await?;
    assert!(keys.json["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{keys:?}");
    Ok(())
}
