//! `alg` belongs to the key, not to the token (RFC 8725, sections 2.1 and 3.1).

use anyhow::Context as _;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    forge::{Forged, GENUINE, GENUINE_PUBLIC, Key, MARK, Parts, RSA, RSA_PUBLIC, der, encode},
    world::World,
};

fn unsigned(token: &str) -> anyhow::Result<Vec<Forged>> {
    let parts = Parts::of(token)?.claim("is_superuser", true);
    let mut forged = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE", "none ", " none", "none\0", "nοne", ""] {
        let named = parts.clone().header("alg", alg);
        let nameless = named.clone().without_header("kid");
        for signature in ["", &parts.signature, "e30"] {
            forged.push((format!("alg {alg:?}, signature {signature:?}"), named.with_signature(signature)));
            forged.push((format!("the same, {alg:?}, without kid"), nameless.with_signature(signature)));
        }
    }
    // Two segments, as some libraries write unsigned tokens.
    let none = parts.header("alg", "none").with_signature("");
    forged.push(("no third segment".into(), none.trim_end_matches('.').to_owned()));
    Ok(forged)
}

#[tokio::test]
async fn alg_none_is_refused_in_every_spelling() -> anyhow::Result<()> {
    World::managed().await?.refuse_made_of_pair(unsigned).await?;
    World::with_known_key().await?.refuse_made_of_pair(unsigned).await
}

#[tokio::test]
async fn an_alg_other_than_the_keys_is_refused_even_over_a_good_signature() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    world
        .refuse_made_of_pair(|token| {
            let parts = Parts::of(token)?;
            let names = ["eddsa", "EDDSA", "EdDSA ", "Ed25519", "HS256", "RS256", "ES256", "PS256", MARK];
            let mut algs: Vec<Value> = names.into_iter().map(Value::from).collect();
            algs.extend([Value::Null, json!(5), json!(true), json!(["EdDSA"]), json!({"alg": "EdDSA"})]);
            let mut forged = Vec::new();
            for alg in algs {
                let parts = parts.clone().header("alg", alg.clone());
                forged.push((format!("alg {alg}"), parts.signed_by(&genuine)?));
                forged.push((format!("alg {alg}, signature kept"), parts.with_signature(&parts.signature)));
            }
            forged.push(("no alg".into(), parts.without_header("alg").signed_by(&genuine)?));
            Ok(forged)
        })
        .await
}

/// Every text and every run of bytes that a careless verifier might take for the secret.
fn secrets(pem: &str, jwk: &Value) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut secrets = vec![
        ("the PEM".to_owned(), pem.as_bytes().to_vec()),
        ("the PEM without its last line end".to_owned(), pem.trim().as_bytes().to_vec()),
        ("the PEM on one line".to_owned(), pem.replace('\n', "\\n").into_bytes()),
        ("the DER".to_owned(), der(pem)?),
        ("the JWK".to_owned(), jwk.to_string().into_bytes()),
        ("the JWKS".to_owned(), json!({"keys": [jwk]}).to_string().into_bytes()),
        ("nothing".to_owned(), Vec::new()),
    ];
    for member in ["x", "n", "e", "kid"] {
        if let Some(text) = jwk.get(member).and_then(Value::as_str) {
            secrets.push((format!("the text of {member}"), text.as_bytes().to_vec()));
            secrets.push((format!("the bytes of {member}"), URL_SAFE_NO_PAD.decode(text)?));
        }
    }
    Ok(secrets)
}

/// The token under MACs with the secret, whatever its `alg` says.
fn under_macs(token: &str, what: &str, secret: &[u8]) -> anyhow::Result<Vec<Forged>> {
    let parts = Parts::of(token)?.claim("is_superuser", true);
    let mut forged = Vec::new();
    for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let key = Key::hmac(alg, secret);
        let named = parts.clone().header("alg", format!("{alg:?}"));
        forged.push((format!("{alg:?} with {what}"), named.signed_by(&key)?));
        forged.push((format!("{alg:?} with {what}, no kid"), named.without_header("kid").signed_by(&key)?));
        forged.push((format!("own alg over {alg:?} with {what}"), parts.signed_by(&key)?));
    }
    Ok(forged)
}

async fn published(world: &World) -> anyhow::Result<Value> {
    let jwks = world.server.anonymous().get("/.well-known/jwks.json").await?;
    jwks.json.pointer("/keys/0").cloned().context("a published key")
}

async fn confuse(world: &World, public_pem: &str) -> anyhow::Result<()> {
    let secrets = secrets(public_pem, &published(world).await?)?;
    assert!(secrets.len() > 9, "the published key was not understood");
    world
        .refuse_made_of_pair(|token| {
            let forged = secrets.iter().map(|(what, secret)| under_macs(token, what, secret));
            Ok(forged.collect::<Result<Vec<_>, _>>()?.concat())
        })
        .await
}

#[tokio::test]
async fn a_public_ed25519_key_is_no_shared_secret() -> anyhow::Result<()> {
    confuse(&World::with_known_key().await?, GENUINE_PUBLIC).await
}

#[tokio::test]
async fn a_public_rsa_key_is_no_shared_secret() -> anyhow::Result<()> {
    let rsa = [("AUTH_ALGORITHM", "RS256"), ("AUTH_SIGNING_KEY", RSA)];
    confuse(&World::with(&rsa, &[]).await?, RSA_PUBLIC).await
}

#[tokio::test]
async fn a_managed_public_key_is_no_shared_secret() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let jwk = published(&world).await?;
    let x = jwk["x"].as_str().unwrap_or_default();
    // RFC 8410: the twelve bytes before every Ed25519 public key.
    let prefix = encode([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);
    let body = format!("{prefix}{x}").replace('-', "+").replace('_', "/");
    let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{padded}\n-----END PUBLIC KEY-----\n");
    confuse(&world, &pem).await
}
