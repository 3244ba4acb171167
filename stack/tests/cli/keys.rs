//! `keys list|rotate|revoke|reseal`, beside a server that notices by itself.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use auth_service::sealing::SealingKeys;
use e2e::Actor;
use serde_json::Value;

use crate::process::{Env, Folder, Running};

const KEY: &str = include_str!("../../../tests/golden/keys/ed25519.pem");
const EXPLICIT: Env<'static> = &[("AUTH_SIGNING_KEY", KEY)];

/// The keys as `keys list --json` shows them.
fn listed(folder: &Folder) -> anyhow::Result<Vec<Value>> {
    let out = folder.run(&["keys", "list", "--json"])?.ok()?;
    Ok(out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// The ids of the keys of a purpose that are in a state.
fn kids(folder: &Folder, purpose: &str, state: &str) -> anyhow::Result<Vec<String>> {
    let of = |key: &Value| (key["purpose"] == purpose && key["state"] == state).then(|| key["kid"].clone());
    Ok(listed(folder)?.iter().filter_map(of).filter_map(|kid| kid.as_str().map(str::to_owned)).collect())
}

fn the_only(mut kids: Vec<String>) -> anyhow::Result<String> {
    anyhow::ensure!(kids.len() == 1, "{kids:?}");
    kids.pop().context("one")
}

async fn published(server: &Running) -> anyhow::Result<String> {
    Ok(server.anonymous().get("/.well-known/jwks.json").await?.text)
}

/// Waits until the server has noticed: its key set has this key, or has it no more.
async fn until_published(server: &Running, kid: &str, wanted: bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while published(server).await?.contains(kid) != wanted {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(30), "the server does not notice");
    }
    Ok(())
}

async fn status(server: &Running, actor: &Actor) -> anyhow::Result<u16> {
    let token = actor.access.as_deref().unwrap_or_default();
    Ok(server.anonymous().bearing(token).get("/api/v1/user/me/").await?.status)
}

#[tokio::test]
async fn a_rotation_is_published_ahead_and_seen_by_the_running_server() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    let first = the_only(kids(&folder, "signing", "signing")?)?;
    assert!(kids(&folder, "signing", "published")?.is_empty());

    let out = folder.run(&["keys", "rotate", "--purpose", "signing"])?.ok()?;
    let next = the_only(kids(&folder, "signing", "published")?)?;
    assert!(out.starts_with(&format!("signing: {next} is published and signs from 2")), "{out}");
    assert_eq!(kids(&folder, "signing", "signing")?, [first.as_str()]);
    assert_eq!(kids(&folder, "refresh", "signing")?.len(), 1, "the other purpose is left alone");
    until_published(&server, &next, true).await?;
    assert!(published(&server).await?.contains(&first));

    let out = folder.run(&["keys", "rotate", "--purpose", "signing"])?.ok()?;
    assert!(out.starts_with(&format!("signing: {next} was published before and signs from 2")), "{out}");
    Ok(())
}

#[tokio::test]
async fn a_rotation_now_signs_at_once_and_the_old_tokens_live_on() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let before = server.login("alice").await?;
    let old = kids(&folder, "signing", "signing")?;
    let out = folder.run(&["keys", "rotate", "--now"])?.ok()?;
    let next = the_only(kids(&folder, "signing", "signing")?)?;
    let secret = the_only(kids(&folder, "refresh", "signing")?)?;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("signing: {next} signs from now on"));
    assert!(lines[1].starts_with("A validator refuses its tokens until it has fetched the key: "), "{out}");
    assert_eq!(lines[2..], [format!("refresh: {secret} signs from now on")]);
    assert_eq!(kids(&folder, "signing", "retired")?, old);
    until_published(&server, &next, true).await?;
    assert_eq!(status(&server, &before).await?, 200);
    assert_eq!(status(&server, &server.login("alice").await?).await?, 200);
    assert_eq!(before.refresh_with(before.refresh.as_deref().unwrap_or_default()).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_revoked_signing_key_is_refused_by_the_running_server() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let old = the_only(kids(&folder, "signing", "signing")?)?;
    let out = folder.run(&["keys", "revoke", &old])?.ok()?;
    let next = the_only(kids(&folder, "signing", "signing")?)?;
    let said = format!("{old} is revoked: every token under it is refused\nsigning: {next} signs\n");
    assert_eq!(out, said);
    until_published(&server, &old, false).await?;
    assert_eq!(status(&server, &alice).await?, 401);
    let answer = alice.refresh_with(alice.refresh.as_deref().unwrap_or_default()).await?;
    let access = answer.text_of("access")?;
    assert_eq!(server.anonymous().bearing(&access).get("/api/v1/user/me/").await?.status, 200);
    let shown = listed(&folder)?;
    let revoked = shown.iter().find(|key| key["kid"] == old.as_str()).context("it is still listed")?;
    assert_eq!(revoked["state"], "revoked");
    assert!(revoked["revoked_at"].is_string());
    let complaint = folder.run(&["keys", "revoke", &old])?.complaint()?;
    assert_eq!(complaint, format!("the key `{old}` has been revoked already"));
    assert_eq!(folder.run(&["keys", "revoke", "nobody"])?.complaint()?, "no key has the id `nobody`");
    Ok(())
}

#[tokio::test]
async fn a_revoked_refresh_key_takes_its_sessions_with_it() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let old = the_only(kids(&folder, "refresh", "signing")?)?;
    let out = folder.run(&["keys", "revoke", &old])?.ok()?;
    assert!(out.contains("\n1 sessions have ended\n"), "{out}");
    // What the database knows counts at once, whatever the server holds in memory.
    assert_eq!(alice.refresh_with(alice.refresh.as_deref().unwrap_or_default()).await?.status, 401);
    assert_eq!(status(&server, &alice).await?, 401);
    Ok(())
}

#[test]
fn the_list_shows_states_and_times_and_nothing_private() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    drop(folder.serve(&[])?);
    folder.run(&["keys", "rotate", "--purpose", "signing"])?.ok()?;
    let out = folder.run(&["keys", "list"])?.ok()?;
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7], "{out}");
    let states: Vec<_> = lines.iter().map(|line| (line[1], line[2], line[3], line[6])).collect();
    assert_eq!(
        states,
        [
            ("signing", "EdDSA", "signing", "-"),
            ("signing", "EdDSA", "published", "-"),
            ("refresh", "HS256", "signing", "-"),
        ]
    );
    assert!(lines.iter().all(|line| line[4] <= line[5]), "made before they sign: {out}");
    let names =
        ["kid", "purpose", "algorithm", "state", "created_at", "signs_from", "verifies_until", "revoked_at"];
    for key in listed(&folder)? {
        assert_eq!(key.as_object().context("an object")?.keys().collect::<Vec<_>>(), names);
    }
    Ok(())
}

#[test]
fn a_key_from_the_settings_is_listed_and_left_to_whoever_sets_it() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run_with(&["migrate"], EXPLICIT, "")?.ok()?;
    let out = folder.run_with(&["keys", "list"], EXPLICIT, "")?.ok()?;
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.contains("\tsigning and refresh\tEdDSA\tsigning\t") && !out.contains("PRIVATE"), "{out}");
    for args in [&["keys", "rotate"][..], &["keys", "revoke", "x"], &["keys", "reseal"]] {
        let complaint = folder.run_with(args, EXPLICIT, "")?.complaint()?;
        assert!(complaint.starts_with("keys are not managed here: AUTH_SIGNING_KEY is set"), "{complaint}");
    }
    Ok(())
}

#[test]
fn the_encryption_key_is_replaced_without_losing_a_key() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let (old, new) = (SealingKeys::generate(), SealingKeys::generate());
    let both = format!("{new},{old}");
    let [old, both, new] = [&old, &both, &new].map(|keys| [("AUTH_KEY_ENCRYPTION_KEY", keys.as_str())]);
    drop(folder.serve(&old)?);
    let before = listed(&folder)?;
    assert!(folder.refused("0", &new)?.contains("AUTH_KEY_ENCRYPTION_KEY is not the one"));
    assert!(folder.run_with(&["keys", "reseal"], &new, "")?.complaint()?.contains("AUTH_KEY_ENCRYPTION_KEY"));
    let out = folder.run_with(&["keys", "reseal"], &both, "")?.ok()?;
    assert!(out.starts_with("2 keys have been sealed anew"), "{out}");
    let again = folder.run_with(&["keys", "reseal"], &both, "")?.ok()?;
    assert!(again.starts_with("0 keys have been sealed anew"), "{again}");
    drop(folder.serve(&new)?);
    assert_eq!(listed(&folder)?, before, "the same keys");
    Ok(())
}
