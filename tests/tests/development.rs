//! Secrets for development: everything works with the word in their place, is warned of, and refused
//! in production.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use e2e::{Cluster, Done, Node, Settings, until};

const NODE: &str = env!("CARGO_BIN_EXE_node");

/// What compose files set without any set-up.
const WORDS: Settings<'_> = &[("SERVICE_SECRET", "development"), ("AUTH_KEY_ENCRYPTION_KEY", "development")];

/// The lines that warn of public secrets.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("NOT FOR PRODUCTION")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_work_together_on_the_word_and_say_so_loudly_once() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, WORDS)?;
    let auth = cluster.auth().await?;
    let org = cluster.org(&auth).await?;
    cluster.user("ada").await?;
    let ada = cluster.login(&auth, "ada").await?;
    let elsewhere = org.anonymous().bearing(ada.access.as_deref().unwrap_or_default());
    assert_eq!(elsewhere.get("/api/v1/organization/").await?.status, 200);
    for node in [&auth, &org] {
        let log = node.log();
        let [warning] = warnings(&log)[..] else { anyhow::bail!("not one warning:\n{log}") };
        assert!(warning.contains("WARN") && warning.contains("AUTH_KEY_ENCRYPTION_KEY, SERVICE_SECRET are"));
        assert!(warning.contains("`deploy/make-env`"), "{warning}");
    }
    // Replicas share the word's key, and commands do not shout.
    let listed = cluster.run(&["auth", "keys", "list"], &database(&cluster), "").await?;
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""), "{listed:?}");
    cluster.auth().await.map(drop)
}

/// Where the auth service's database is.
fn database(cluster: &Cluster) -> [(&'static str, &'static str); 1] {
    [("AUTH_DATABASE_URL", String::leak(cluster.auth_db.url.secret_text()))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_refuses_the_word_in_services_and_commands_with_one_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret");
    std::fs::write(&file, "development\n")?;
    // One that everybody may read is warned of, and this is about one line.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let environment = [
        ("PRODUCTION", "true"),
        ("AUTH_KEY_ENCRYPTION_KEY", "development"),
        ("AUTH_DATABASE_URL", "postgres://auth:development@127.0.0.1:1/auth"),
        ("ORG_DATABASE_URL", "postgres://org:development@127.0.0.1:1/org"),
        ("SERVICE_SECRET_FILE", file.to_str().unwrap_or_default()),
    ];
    let environment: Vec<_> =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let begins = "AUTH_DATABASE_URL, AUTH_KEY_ENCRYPTION_KEY, ORG_DATABASE_URL, SERVICE_SECRET: ";
    for arguments in [
        ["auth", "serve"].as_slice(),
        &["auth", "migrate"],
        &["auth", "user", "list"],
        &["auth", "keys", "rotate"],
        &["auth", "config"],
        &["org", "serve"],
        &["org", "migrate"],
        &["org", "config"],
        &["tessera", "serve", "--port", "0", "--data", &data],
        &["tessera", "user", "list", "--data", &data],
        &["tessera", "config", "--data", &data],
    ] {
        let complaint = Done::of(NODE.as_ref(), arguments, &environment, "").await?.complaint()?;
        assert!(
            complaint.starts_with(begins) && !complaint.contains("development"),
            "{arguments:?}: {complaint}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stack_warns_as_well_and_no_listing_shows_what_the_word_stands_for() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_string_lossy().into_owned();
    let environment: Vec<_> =
        WORDS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments = ["tessera", "serve", "--port", "0", "--data", &data];
    let stack = Node::start(NODE.as_ref(), &arguments, &environment, 2).await?;
    let warned = async || Ok(warnings(&stack.log()).len() == 1);
    until("one warning", Duration::from_secs(10), warned).await?;
    let shown =
        Done::of(NODE.as_ref(), &["tessera", "config", "--data", &data], &environment, "").await?.ok()?;
    for name in ["SERVICE_SECRET", "AUTH_KEY_ENCRYPTION_KEY"] {
        assert!(shown.lines().any(|line| line == format!("{name}=<redacted>  (environment)")), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_takes_real_secrets_without_a_word() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, &[("PRODUCTION", "true")])?;
    let auth = cluster.auth().await?;
    assert!(warnings(&auth.log()).is_empty(), "{}", auth.log());
    Ok(())
}
