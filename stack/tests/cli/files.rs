//! Secrets from files, as orchestrators mount them.

use std::{fs, os::unix::fs::PermissionsExt};

use auth_service::sealing::SealingKeys;
use shared::random;

use crate::process::Folder;

const KEY: &str = include_str!("../../../tests/golden/keys/ed25519.pem");
const OWN: &str = include_str!("../../../tests/golden/keys/ed25519.pub.pem");

impl Folder {
    /// A file beside the data that only its owner reads, by its path.
    fn secret(&self, name: &str, content: &str) -> anyhow::Result<String> {
        let path = self.beside().join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

#[tokio::test]
async fn a_server_takes_its_secrets_from_files() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let signing = folder.secret("signing.pem", KEY)?;
    let verifying = folder.secret("verifying.pem", OWN)?;
    let sealing = folder.secret("sealing", &format!("{}\n", SealingKeys::generate()))?;
    let service = folder.secret("service", &format!("{}\n", random::hex32()))?;
    let env = [
        ("AUTH_SIGNING_KEY_FILE", signing.as_str()),
        ("AUTH_VERIFYING_KEY_FILE", &verifying),
        ("AUTH_KEY_ENCRYPTION_KEY_FILE", &sealing),
        ("SERVICE_SECRET_FILE", &service),
    ];
    let server = folder.serve(&env)?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let me = server.anonymous().bearing(alice.access.as_deref().unwrap_or_default());
    assert_eq!(me.get("/api/v1/user/me/").await?.status, 200);
    assert_eq!(me.get("/api/v1/organization/").await?.status, 200);

    let shown = folder.run_with(&["config"], &env, "")?.ok()?;
    for name in ["AUTH_SIGNING_KEY", "AUTH_VERIFYING_KEY", "AUTH_KEY_ENCRYPTION_KEY", "SERVICE_SECRET"] {
        let line = shown.lines().find(|line| line.starts_with(&format!("{name}="))).unwrap_or_default();
        assert!(line.ends_with("(file)"), "{name}: {line}");
    }
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    Ok(())
}

#[test]
fn a_file_that_contradicts_or_cannot_be_read_stops_the_start_with_one_line() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let key = folder.secret("signing.pem", KEY)?;
    let garbage = folder.secret("garbage.pem", "hunter2\n")?;
    let missing = folder.beside().join("nowhere").to_string_lossy().into_owned();
    for (env, begins) in [
        (
            vec![("AUTH_SIGNING_KEY", KEY), ("AUTH_SIGNING_KEY_FILE", &key)],
            "AUTH_SIGNING_KEY_FILE: contradicts AUTH_SIGNING_KEY".to_owned(),
        ),
        (vec![("SERVICE_SECRET_FILE", &missing)], format!("SERVICE_SECRET_FILE: {missing}: ")),
        (vec![("AUTH_SIGNING_KEY_FILE", &garbage)], "AUTH_SIGNING_KEY: not a private key".to_owned()),
        (vec![("AUTH_ISSUER_FILE", &key)], "AUTH_ISSUER_FILE: unknown setting".to_owned()),
    ] {
        let complaint = folder.refused("0", &env)?;
        assert!(complaint.starts_with(&begins), "{complaint}");
        assert!(!complaint.contains("hunter2") && !complaint.contains("PRIVATE"), "{complaint}");
    }
    Ok(())
}
