//! Settings: shown with their sources, and refused with one line when they cannot work.

use std::fs;

use serde_json::Value;

use crate::process::{Env, Folder};

const KEY: &str = include_str!("../../../tests/golden/keys/ed25519.pem");
const OTHER: &str = include_str!("../../../tests/golden/keys/ed25519_other.pub.pem");
const OWN: &str = include_str!("../../../tests/golden/keys/ed25519.pub.pem");

#[test]
fn showing_the_settings_makes_nothing() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let out = folder.run(&["config"])?.ok()?;
    assert!(out.lines().any(|line| line == "AUTH_KEY_ENCRYPTION_KEY=  (default)"), "{out}");
    assert!(!folder.path.exists());
    Ok(())
}

#[test]
fn every_setting_is_shown_with_its_source_and_no_secret() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.run(&["migrate"])?.ok()?;
    let secret = "0123456789abcdef0123456789abcdef";
    let env = [
        ("AUTH_LEEWAY", "30s"),
        ("SERVICE_SECRET", secret),
        ("ORG_DATABASE_URL", "postgres://me:open-sesame@127.0.0.1:1/org"),
    ];
    let out = folder.run_with(&["config"], &env, "")?.ok()?;
    for line in ["AUTH_LEEWAY=30s  (environment)", "AUTH_ACCESS_TOKEN_LIFETIME=5m  (default)"] {
        assert!(out.lines().any(|shown| shown == line), "{line}: {out}");
    }
    let begins = |name: &str| out.lines().any(|line| line.starts_with(&format!("{name}=")));
    for name in ["AUTH_DATABASE_URL", "ORG_DATABASE_URL", "AUTH_SIGNING_KEY", "ORG_VISIBILITY", "LOG"] {
        assert!(begins(name), "{name}: {out}");
    }
    let key = out.lines().find(|line| line.starts_with("AUTH_KEY_ENCRYPTION_KEY=")).unwrap_or_default();
    assert!(key.ends_with("(data_folder)"), "{key}");
    let master = fs::read_to_string(folder.path.join("master.key"))?;
    let json = folder.run_with(&["config", "--json"], &env, "")?.ok()?;
    for shown in [&out, &json] {
        assert!(!shown.contains(master.trim()), "the master key is shown");
        assert!(!shown.contains(secret) && !shown.contains("open-sesame"), "a secret is shown: {shown}");
    }
    let json: Vec<Value> = serde_json::from_str(&json)?;
    assert_eq!(json.len(), out.lines().count());
    let signing = [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", secret)];
    let out = folder.run_with(&["config"], &signing, "")?.ok()?;
    assert!(!out.contains(secret), "{out}");
    Ok(())
}

/// `(settings, how the complaint begins)`
const BAD: &[(Env<'_>, &str)] = &[
    (&[("AUTH_LEWAY", "1")], "AUTH_LEWAY: unknown setting"),
    (&[("ORG_VISIBLITY", "all")], "ORG_VISIBLITY: unknown setting"),
    (&[("ORG_VISIBILITY", "some")], "ORG_VISIBILITY: "),
    (
        &[("AUTH_TOKEN_OBTAIN_SERIALIZER", "a.B")],
        "AUTH_TOKEN_OBTAIN_SERIALIZER: this setting of the original",
    ),
    (&[("AUTH_JTI_CLAIM", "none")], "AUTH_JTI_CLAIM: cannot be none"),
    (&[("AUTH_TOKEN_TYPE_CLAIM", "none")], "AUTH_TOKEN_TYPE_CLAIM: cannot be none"),
    (&[("AUTH_ALGORITHM", "ES512")], "AUTH_ALGORITHM: ES512 is not supported"),
    (&[("AUTH_ALGORITHM", "none")], "AUTH_ALGORITHM: `none` is not an algorithm"),
    (&[("AUTH_ALGORITHM", "hs256")], "AUTH_ALGORITHM: `hs256` is not an algorithm"),
    (&[("AUTH_ALGORITHM", "HS256")], "AUTH_SIGNING_KEY: must be set with AUTH_ALGORITHM=HS256"),
    (&[("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", "none")], "AUTH_SIGNING_KEY: must be set"),
    (&[("AUTH_SIGNING_KEY", "none")], "AUTH_SIGNING_KEY: cannot be none"),
    (&[("AUTH_SIGNING_KEY", "hello")], "AUTH_SIGNING_KEY: not a private key in PEM for EdDSA"),
    (&[("AUTH_SIGNING_KEY", KEY), ("AUTH_ALGORITHM", "RS256")], "AUTH_SIGNING_KEY: not a"),
    (&[("AUTH_SIGNING_KEY", KEY), ("AUTH_VERIFYING_KEY", OTHER)], "AUTH_VERIFYING_KEY: does not belong to"),
    (&[("AUTH_SIGNING_KEY", KEY), ("AUTH_VERIFYING_KEY", "hello")], "AUTH_VERIFYING_KEY: not a public key"),
    (&[("AUTH_SIGNING_KEY", KEY), ("AUTH_VERIFYING_KEY", "none")], "AUTH_VERIFYING_KEY: cannot be none"),
    (&[("AUTH_VERIFYING_KEY", OWN)], "AUTH_VERIFYING_KEY: contradicts managed keys"),
    (&[("AUTH_JWK_URL", "http://127.0.0.1:1/")], "AUTH_JWK_URL: contradicts managed keys"),
    (&[("AUTH_JWK_URL", "file:///etc/passwd"), ("AUTH_SIGNING_KEY", KEY)], "AUTH_JWK_URL: not an http://"),
    (&[("AUTH_ACCESS_TOKEN_LIFETIME", "0")], "AUTH_ACCESS_TOKEN_LIFETIME: must be at least one second"),
    (&[("AUTH_REFRESH_TOKEN_LIFETIME", "-5")], "AUTH_REFRESH_TOKEN_LIFETIME: "),
    (&[("AUTH_SESSION_LIFETIME", "soon")], "AUTH_SESSION_LIFETIME: "),
    (&[("AUTH_LEEWAY", "NaN")], "AUTH_LEEWAY: "),
    (&[("AUTH_ROTATE_REFRESH_TOKENS", "perhaps")], "AUTH_ROTATE_REFRESH_TOKENS: "),
    (&[("AUTH_USER_ID_CLAIM", "exp")], "AUTH_USER_ID_CLAIM: `exp` has a meaning of its own"),
    (&[("AUTH_USER_ID_CLAIM", "jti")], "AUTH_JTI_CLAIM: `jti` is the claim of AUTH_USER_ID_CLAIM already"),
    (&[("AUTH_USER_ID_FIELD", "password")], "AUTH_USER_ID_FIELD: expected"),
    (&[("AUTH_AUTH_TOKEN_CLASSES", "Nope")], "AUTH_AUTH_TOKEN_CLASSES: `Nope` is not a token class"),
    (&[("AUTH_AUTH_HEADER_TYPES", ",")], "AUTH_AUTH_HEADER_TYPES: "),
    (&[("AUTH_AUTH_HEADER_NAME", "a b")], "AUTH_AUTH_HEADER_NAME: not a header name"),
    (&[("AUTH_AUTHENTICATION_BACKENDS", "x.Y")], "AUTH_AUTHENTICATION_BACKENDS: "),
    (&[("AUTHENTICATION_CLASSES", "Nope")], "AUTHENTICATION_CLASSES: `Nope`"),
    (&[("AUTH_DATABASE_URL", "mysql://a/b")], "AUTH_DATABASE_URL: "),
    (&[("AUTH_DATABASE_URL", "sqlite://:memory:")], "AUTH_DATABASE_URL: "),
    (&[("ORG_DATABASE_URL", "here")], "ORG_DATABASE_URL: "),
    (&[("AUTH_DATABASE_CONNECTIONS", "many")], "AUTH_DATABASE_CONNECTIONS: "),
    (&[("AUTH_DATABASE_URL", "postgres://a:hidden@127.0.0.1:1/b")], "cannot connect to"),
    (&[("AUTH_KEY_ENCRYPTION_KEY", "short")], "AUTH_KEY_ENCRYPTION_KEY: expected 32 bytes"),
    (&[("AUTH_KEY_ROTATION", "10m")], "AUTH_KEY_ROTATION: must be longer than AUTH_KEY_PUBLISH_AHEAD"),
    (&[("AUTH_KEY_ROTATION", "11m")], "AUTH_KEY_ROTATION: too short for tokens that live this long"),
    (&[("AUTH_KEY_PUBLISH_AHEAD", "none")], "AUTH_KEY_PUBLISH_AHEAD: "),
    (&[("SERVICE_SECRET", "short")], "SERVICE_SECRET: expected"),
    (&[("REVOCATION", "on")], "REVOCATION: "),
    (&[("TRUSTED_PROXIES", "somebody")], "TRUSTED_PROXIES: "),
    (&[("LOG", "a=b=c")], "LOG: not a filter"),
    (&[("LOG_FORMAT", "xml")], "LOG_FORMAT: expected pretty or json"),
];

#[test]
fn settings_that_cannot_work_stop_the_start_with_one_line() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let mut wrong = Vec::new();
    for (env, begins) in BAD {
        match folder.refused("0", env) {
            Ok(complaint) if complaint.trim_start_matches("auth service: ").starts_with(begins) => {
                assert!(!complaint.contains("hidden") && !complaint.contains("PRIVATE KEY"), "{complaint}");
            }
            Ok(complaint) => wrong.push(format!("{begins} … not {complaint}")),
            Err(error) => wrong.push(format!("{begins} … {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[test]
fn the_same_settings_without_their_flaw_start() -> anyhow::Result<()> {
    let env: Env<'_> = &[
        ("AUTH_ALGORITHM", "EdDSA"),
        ("AUTH_SIGNING_KEY", KEY),
        ("AUTH_VERIFYING_KEY", OWN),
        ("AUTH_LEEWAY", "1"),
        ("AUTH_ACCESS_TOKEN_LIFETIME", "1"),
        ("AUTH_USER_ID_FIELD", "username"),
        ("AUTH_SERVICE_HOST", "10.0.0.1"),
        ("AUTH_PORT", "tcp://10.0.0.1:80"),
        ("AUTH_AUDIENCE", ""),
        ("REVOCATION", "off"),
        ("LOG", "warn,shared=debug"),
        ("LOG_FORMAT", "json"),
    ];
    Folder::new()?.serve(env).map(drop)
}
