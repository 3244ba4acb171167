//! First starts that do not get far, and what the next one finds.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use shared::random;

use crate::process::Folder;

fn entries(path: &Path) -> Vec<String> {
    let Ok(all) = fs::read_dir(path) else { return Vec::new() };
    all.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Kills the server once its folder holds so many files, a random moment later.
async fn kill_when(folder: &Folder, files: usize) -> anyhow::Result<()> {
    let mut child = folder.spawn(&[])?;
    while entries(&folder.path).len() < files && child.try_wait()?.is_none() {
        tokio::task::yield_now().await;
    }
    let [moment] = random::bytes::<1>();
    tokio::time::sleep(Duration::from_micros(u64::from(moment) * 100)).await;
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Lock, key, and for each of two databases the file and its two companions make eight files.
#[tokio::test]
async fn a_first_start_that_is_killed_anywhere_leaves_nothing_half_made() -> anyhow::Result<()> {
    for round in 0..24 {
        let folder = Folder::new()?;
        kill_when(&folder, round % 8).await?;
        let server = folder.serve(&[])?;
        let keys = server.anonymous().get("/.well-known/jwks.json").await?;
        assert_eq!(
            keys.json.pointer("/keys").and_then(Value::as_array).map(Vec::len),
            Some(1),
            "{}",
            keys.text
        );
        assert_eq!(server.anonymous().get("/api/v1/organization/").await?.status, 401);
        let left: Vec<_> = entries(&folder.path).into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(left.is_empty(), "{left:?}");
        // The same keys again: they were sealed under the master key that stayed.
        drop(server);
        let again = folder.serve(&[])?.anonymous().get("/.well-known/jwks.json").await?;
        assert_eq!(again.json, keys.json);
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_server_starts_again_with_everything_it_had_confirmed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let made = alice.post("/api/v1/organization/", &serde_json::json!({"name": "Acme"})).await?;
    assert_eq!(made.status, 201, "{}", made.text);
    drop(server);
    let server = folder.serve(&[])?;
    let alice = server.anonymous().bearing(alice.access.as_deref().unwrap_or_default());
    let list = alice.get("/api/v1/organization/").await?;
    assert_eq!(list.json.pointer("/results/0/name"), Some(&Value::from("Acme")), "{}", list.text);
    Ok(())
}

#[test]
fn a_lost_or_foreign_master_key_stops_the_start() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    drop(folder.serve(&[])?);
    let key = folder.path.join("master.key");
    let kept = fs::read_to_string(&key)?;

    fs::remove_file(&key)?;
    let complaint = folder.refused("0", &[])?;
    assert!(complaint.contains("master.key") && complaint.contains("missing"), "{complaint}");
    assert!(!key.exists(), "a new key was made over old data");

    let foreign = auth_service::sealing::SealingKeys::generate();
    fs::write(&key, &foreign)?;
    let complaint = folder.refused("0", &[])?;
    assert!(complaint.contains("AUTH_KEY_ENCRYPTION_KEY is not the one"), "{complaint}");
    assert!(!complaint.contains(&foreign), "{complaint}");

    fs::write(&key, "garbage")?;
    let complaint = folder.refused("0", &[])?;
    assert!(complaint.contains("expected 32 bytes in base64"), "{complaint}");

    fs::write(&key, kept)?;
    folder.serve(&[]).map(drop)
}
