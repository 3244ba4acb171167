//! Deleted organizations, shown and purged.

use anyhow::Context as _;
use serde_json::json;

use crate::process::Folder;

const LIST: &[&str] = &["organization", "list-deleted"];

#[tokio::test]
async fn deleted_organizations_are_shown_and_purged_beside_a_server() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let missing = folder.run(LIST)?.complaint()?;
    assert!(missing.starts_with("there is no data folder"), "{missing}");
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let mut ids = Vec::new();
    for (name, slug) in [("Acme", "acme"), ("Other", "other")] {
        let body = json!({"name": name, "slug": slug});
        let created = alice.post("/api/v1/organization/", &body).await?;
        ids.push(created.json["data"]["id"].as_str().context("an id")?.to_owned());
    }
    let [acme, other] = ids.try_into().ok().context("two")?;
    assert_eq!(folder.run(LIST)?.ok()?, "");
    assert_eq!(alice.delete(&format!("/api/v1/organization/{acme}/")).await?.status, 204);
    let shown = folder.run(LIST)?.ok()?;
    assert!(shown.starts_with(&format!("{acme}\t")) && shown.ends_with("\tacme\tAcme\n"), "{shown}");

    // Where a database is named, no folder is needed.
    let database = format!("sqlite://{}/org.db", folder.path.display());
    let elsewhere = Folder::new()?.run_with(LIST, &[("ORG_DATABASE_URL", &database)], "")?.ok()?;
    assert_eq!(elsewhere, shown);

    let purge = |id: &str| folder.run(&["organization", "purge", id]);
    let refused = purge(&other)?.complaint()?;
    assert_eq!(refused, format!("there is no deleted organization {other}"));
    assert_eq!(purge(&acme)?.ok()?, format!("purged {acme}\n"));
    assert_eq!(folder.run(LIST)?.ok()?, "");
    let again = json!({"name": "Acme", "slug": "acme"});
    assert_eq!(alice.post("/api/v1/organization/", &again).await?.status, 201, "its slug is free");
    Ok(())
}
