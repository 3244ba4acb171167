//! Documents that are no key set, and sets with members that are no keys.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    Verifier,
    config::Variables,
    issuer::KeySource,
    keys::{Alg, SigningKey},
    revocation::Revocations,
    token::Refusal,
    verifier::VerifierSettings,
};

use crate::fake::{FIRST, FakeIssuer, Reply, SECOND, clock, jwk, jwks, key, token};

fn changed(key: &SigningKey, member: &str, value: Value) -> Value {
    let mut jwk = jwk(key);
    if let Some(members) = jwk.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
    jwk
}

/// Members of a key set that give no key, though each names the second key's id or its own.
fn junk(second: &SigningKey) -> Vec<Value> {
    let secret = URL_SAFE_NO_PAD.encode("a secret that everybody can read");
    let mut nameless = jwk(second);
    nameless.as_object_mut().map(|members| members.remove("kid"));
    let mut unpinned = jwk(second);
    unpinned.as_object_mut().map(|members| members.remove("alg"));
    vec![
        json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": secret}),
        json!({"kty": "oct", "kid": "oct-none", "k": secret}),
        nameless,
        unpinned,
        changed(second, "use", json!("enc")),
        changed(second, "alg", json!("HS256")),
        changed(second, "alg", json!("RS256")),
        changed(second, "alg", json!("none")),
        changed(second, "kty", json!("EC")),
        changed(second, "kty", json!("unheard-of")),
        changed(second, "crv", json!("X25519")),
        changed(second, "x", json!("!!")),
        changed(second, "x", json!("")),
        changed(second, "x", json!(5)),
        changed(second, "kid", json!(5)),
        json!({}),
        json!(null),
        json!(5),
        json!("key"),
        json!([]),
    ]
}

#[tokio::test]
async fn junk_among_the_keys_is_left_out_and_the_rest_works() -> anyhow::Result<()> {
    let (first, second, clock) = (key(FIRST)?, key(SECOND)?, clock());
    let mut members = junk(&second);
    members.insert(members.len() / 2, jwk(&first));
    let issuer = FakeIssuer::start(Reply::json(&json!({"keys": members, "more": true})))?;
    let client = issuer.client(&clock)?;
    assert!(client.refresh().await);
    let rules = Arc::new(VerifierSettings::read(&Variables::default())?.rules()?);
    let verifier =
        Verifier::new(KeySource::Http(Arc::clone(&client)), Revocations::off(), rules, clock.clone());
    assert!(verifier.decode(&token(&first, &clock)?).await.is_ok());
    assert!(verifier.decode(&token(&second, &clock)?).await.is_err());
    for kid in ["oct", "oct-none"] {
        let shared = SigningKey::hmac(Alg::HS256, b"a secret that everybody can read", Some(kid.into()))?;
        let decoded = verifier.decode(&token(&shared, &clock)?).await;
        assert_eq!(decoded, Err(Refusal::UnknownKey(kid.into())));
    }
    // The same member without its flaw is a key.
    issuer.replies(jwks(&[&first, &second]));
    client.refresh().await;
    assert!(verifier.decode(&token(&second, &clock)?).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_document_that_is_no_key_set_changes_nothing() -> anyhow::Result<()> {
    let (first, second, clock) = (key(FIRST)?, key(SECOND)?, clock());
    let elsewhere = FakeIssuer::start(jwks(&[&second]))?;
    let issuer = FakeIssuer::start(jwks(&[&first]))?;
    let client = issuer.client(&clock)?;
    client.refresh().await;
    let body = |body: &[u8]| Reply { status: 200, location: None, body: body.to_vec() };
    let padded = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(10 * 1024 * 1024));
    let redirect = |status| Reply { location: Some(elsewhere.url.to_string()), ..Reply::status(status) };
    let documents = [
        body(b""),
        body(b"null"),
        body(b"[]"),
        body(b"{}"),
        body(b"{\"keys\":{}}"),
        body(b"{\"keys\":null}"),
        body(b"{\"keys\":["),
        body(b"<html></html>"),
        body(&[0xff, 0xfe]),
        body(padded.as_bytes()),
        redirect(301),
        redirect(302),
        redirect(303),
        redirect(307),
        redirect(308),
        Reply::status(204),
        Reply { status: 404, ..jwks(&[&second]) },
        Reply { status: 500, ..jwks(&[&second]) },
    ];
    for document in documents {
        issuer.replies(document.clone());
        assert!(client.refresh().await);
        let shown = String::from_utf8_lossy(document.body.get(..20).unwrap_or_default()).into_owned();
        let told = format!("{} {:?} {shown}", document.status, document.location);
        assert!(client.look_for(first.kid().unwrap_or_default()).await, "the key is gone after {told}");
        assert!(!client.look_for(second.kid().unwrap_or_default()).await, "a key came with {told}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");
    Ok(())
}
