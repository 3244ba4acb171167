//! `token verify`, `migrate` and `flush-expired`.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use shared::{
    Clock,
    keys::{Alg, SigningKey},
};

use crate::process::{Env, Folder};

const KEY: &str = include_str!("../../../tests/golden/keys/ed25519.pem");

fn sign(claims: &Value) -> anyhow::Result<String> {
    let claims: Map<String, Value> = serde_json::from_value(claims.clone())?;
    Ok(SigningKey::from_pem(Alg::EDDSA, KEY.as_bytes())?.sign(&claims)?)
}

/// A token that ends so many seconds from now.
fn token(seconds: i64) -> anyhow::Result<String> {
    let issuer = shared::verifier::DEFAULT_ISSUER;
    let exp = Clock::System.now().as_secs() + seconds;
    sign(&json!({"token_type": "access", "exp": exp, "jti": "j", "user_id": "1", "iss": issuer}))
}

const KNOWN: Env<'static> = &[("AUTH_SIGNING_KEY", KEY)];

#[tokio::test]
async fn tokens_of_the_running_server_are_explained() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let server = folder.serve(&[])?;
    folder.user("alice")?;
    let alice = server.login("alice").await?;
    let (access, refresh) = (alice.access.unwrap_or_default(), alice.refresh.unwrap_or_default());
    for (token, kind) in [(&access, "access"), (&refresh, "refresh")] {
        let claims: Value = serde_json::from_str(&folder.run(&["token", "verify", token])?.ok()?)?;
        assert_eq!(claims["token_type"], kind);
        folder.run_with(&["token", "verify", "-"], &[], &format!("  {token}\n"))?.ok()?;
        let complaint = folder.run(&["token", "verify", &format!("{token}A")])?.complaint()?;
        assert_eq!(complaint, "refused: the signature does not match");
    }
    let jwks = format!("{}/.well-known/jwks.json", server.base);
    folder.run(&["token", "verify", &access, "--jwks", &jwks])?.ok()?;
    let complaint = folder.run(&["token", "verify", &refresh, "--jwks", &jwks])?.complaint()?;
    assert!(complaint.starts_with("refused: no key of the issuer has the kid"), "{complaint}");
    let file = folder.beside().join("jwks.json");
    fs::write(&file, server.anonymous().get("/.well-known/jwks.json").await?.text)?;
    folder.run(&["token", "verify", &access, "--jwks", &file.to_string_lossy()])?.ok()?;
    Ok(())
}

#[test]
fn a_refusal_says_why() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run_with(&["migrate"], KNOWN, "")?.ok()?;
    let verify = |token: &str, more: &[&str], env: Env<'_>| {
        folder.run_with(&[&["token", "verify", token], more].concat(), env, "")
    };
    let (good, expired) = (token(60)?, token(-60)?);
    verify(&good, &[], KNOWN)?.ok()?;
    let complaint = verify(&expired, &[], KNOWN)?.complaint()?;
    assert!(complaint.starts_with("refused: expired: exp "), "{complaint}");
    verify(&expired, &["--signature-only"], KNOWN)?.ok()?;
    let tampered = format!("{}x", expired.trim_end_matches(char::is_alphanumeric));
    assert!(verify(&tampered, &["--signature-only"], KNOWN)?.complaint()?.contains("signature"));
    assert!(verify("hello", &[], KNOWN)?.complaint()?.starts_with("refused: not a JWT"));
    let elsewhere = [("AUTH_SIGNING_KEY", KEY), ("AUTH_ISSUER", "elsewhere")];
    assert!(verify(&good, &[], &elsewhere)?.complaint()?.contains("`iss` is not the configured issuer"));
    let demanding = [("AUTH_SIGNING_KEY", KEY), ("AUTH_AUDIENCE", "api")];
    assert!(verify(&good, &[], &demanding)?.complaint()?.contains("`aud` is missing"));
    let complaint = verify(&good, &["--jwks", "/nowhere/jwks.json"], KNOWN)?.complaint()?;
    assert!(complaint.contains("/nowhere/jwks.json cannot be read"), "{complaint}");
    let complaint = verify(&good, &["--jwks", "http://127.0.0.1:1/"], KNOWN)?.complaint()?;
    assert!(complaint.contains("no keys could be fetched"), "{complaint}");
    Ok(())
}

#[test]
fn migrating_twice_applies_nothing_the_second_time() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let out = folder.run(&["migrate"])?.ok()?;
    assert!(out.contains("auth: applied ") && out.contains("org: applied "), "{out}");
    let again = folder.run(&["migrate"])?.ok()?;
    let mut lines: Vec<&str> = again.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["auth: nothing to apply", "org: nothing to apply"]);
    Ok(())
}

#[tokio::test]
async fn only_expired_sessions_are_flushed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run(&["migrate"])?.ok()?;
    folder.user("alice")?;
    let long = folder.serve(&[])?;
    long.login("alice").await?;
    assert_eq!(folder.run(&["flush-expired"])?.ok()?, "removed 0 expired sessions\n");
    drop(long);
    // What lets a row go is the session's absolute limit.
    let short = folder.serve(&[("AUTH_SESSION_LIFETIME", "1s")])?;
    let alice = short.login("alice").await?;
    let (began, mut out) = (Instant::now(), String::new());
    while out != "removed 1 expired sessions\n" {
        out = folder.run(&["flush-expired"])?.ok()?;
        assert!(out.starts_with("removed 0 ") || out.starts_with("removed 1 "), "{out}");
        assert!(began.elapsed() < Duration::from_secs(30), "the session is never flushed");
    }
    assert_eq!(alice.refresh_with(alice.refresh.as_deref().unwrap_or_default()).await?.status, 401);
    Ok(())
}
