//! What another service needs: the published keys, and a token that verifies under them.

use anyhow::Context as _;
use e2e::{Site, claims};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};

use crate::{CONFIGURATION, JWKS, ME};

/// A site's keys.
async fn published(site: &Site) -> anyhow::Result<JwkSet> {
    let answer = site.anonymous().get(JWKS).await?;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert!(answer.header("cache-control").contains("max-age="), "{answer:?}");
    for key in answer.json.get("keys").and_then(Value::as_array).into_iter().flatten() {
        for secret in ["d", "p", "q", "k"] {
            assert!(key.get(secret).is_none(), "a private part is published");
        }
    }
    Ok(serde_json::from_str(&answer.text)?)
}

#[tokio::test]
async fn an_access_token_verifies_under_the_published_keys() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let person = site.user().await?;
    let ada = site.login(&person).await?;
    let token = ada.access.clone().context("an access token")?;
    let (keys, header) = (published(&site).await?, decode_header(&token)?);
    let key = keys.find(header.kid.as_deref().context("a kid")?).context("its key is published")?;
    assert_eq!(key.common.key_algorithm.map(|name| name.to_string()), Some(format!("{:?}", header.alg)));
    let configuration = site.anonymous().get(CONFIGURATION).await?;
    let mut rules = Validation::new(header.alg);
    rules.set_issuer(&[configuration.text_of("issuer")?]);
    rules.set_required_spec_claims(&["exp", "iss", "sub"]);
    rules.leeway = 0;
    let verified = decode::<Value>(&token, &DecodingKey::from_jwk(key)?, &rules)?.claims;
    let me = ada.get(ME).await?;
    assert_eq!((&verified["user_id"], &verified["sub"]), (&me.json["id"], &me.json["id"]));
    assert_eq!((&verified["token_type"], verified["sid"].is_string()), (&json!("access"), true));
    assert_eq!(verified, claims(&token)?);

    let (head, signature) = token.rsplit_once('.').context("a signature")?;
    let (header, _) = head.split_once('.').context("a header")?;
    let eve = site.member().await?.access.context("an access token")?;
    let of_eve = eve.split('.').nth(1).context("claims")?;
    let forged = format!("{header}.{of_eve}.{signature}");
    assert!(decode::<Value>(&forged, &DecodingKey::from_jwk(key)?, &rules).is_err());
    Ok(())
}

#[tokio::test]
async fn refresh_tokens_do_not_verify_under_the_published_keys() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let refresh = site.member().await?.refresh.context("a refresh token")?;
    let keys = published(&site).await?;
    let kid = decode_header(&refresh)?.kid.context("a kid")?;
    assert!(keys.find(&kid).is_none(), "resource servers cannot take one for an access token");
    Ok(())
}

#[tokio::test]
async fn the_configuration_leads_to_the_keys_and_the_tokens() -> anyhow::Result<()> {
    let site = Site::open().await?;
    let answer = site.anonymous().get(CONFIGURATION).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let path = |name: &str| -> anyhow::Result<String> {
        let url = answer.text_of(name)?;
        Ok(url.strip_prefix(site.base()).with_context(|| format!("{name} leads away: {url}"))?.to_owned())
    };
    assert_eq!(site.anonymous().get(&path("jwks_uri")?).await?.status, 200);
    let empty = site.anonymous().post(&path("token_endpoint")?, &json!({})).await?;
    assert_eq!((empty.status, empty.json["username"].is_array()), (400, true), "{empty:?}");
    Ok(())
}
