//! The record of changes, verified.

use anyhow::Context as _;
use serde_json::json;

use crate::process::{Env, Folder};

/// 32 bytes in base64.
const KEY: Env<'_> = &[("ORG_AUDIT_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")];

#[tokio::test]
async fn the_record_of_changes_is_verified_beside_a_server_and_from_an_export() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let missing = folder.run(&["audit", "verify"])?.complaint()?;
    assert!(missing.starts_with("there is no data folder"), "{missing}");
    let server = folder.serve(KEY)?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let created = alice.post("/api/v1/organization/", &json!({"name": "Acme"})).await?;
    let id = created.json["data"]["id"].as_str().context("an id")?.to_owned();
    let path = format!("/api/v1/organization/{id}/");
    for name in ["Solo", "Duo"] {
        assert_eq!(alice.patch(&path, &json!({"name": name})).await?.status, 200);
    }
    let verified = folder.run_with(&["audit", "verify", "--organization", &id], KEY, "")?.ok()?;
    assert!(verified.starts_with("3 records of 1 organizations are as they were recorded"), "{verified}");
    let keyless = folder.run(&["audit", "verify"])?.ok()?;
    assert!(keyless.contains("ORG_AUDIT_KEY is not set"), "{keyless}");
    let odd = folder.run_with(&["audit", "verify"], &[("ORG_AUDIT_KEY", "short")], "")?.complaint()?;
    assert!(odd.starts_with("ORG_AUDIT_KEY: expected 32 bytes"), "{odd}");

    let export = alice.get(&format!("{path}audit/?format=jsonl")).await?.text;
    let file = folder.beside().join("audit.jsonl");
    let file = file.to_str().context("a path")?;
    let verify = |text: &str| {
        std::fs::write(file, text)?;
        // Far from the data.
        Folder::new()?.run_with(&["audit", "verify", "--file", file], KEY, "")
    };
    verify(&export)?.ok()?;
    let complaint = verify(&export.replace("Solo", "Sole"))?.complaint()?;
    assert_eq!(complaint, format!("organization {id}, record 2: changed: its digest is another one"));
    let complaint = verify("")?.complaint()?;
    assert_eq!(complaint, "line 1 of the export: not the beginning of an export");
    Ok(())
}
