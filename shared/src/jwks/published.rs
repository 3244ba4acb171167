//! A published key set as text (RFC 7517), and which of its keys can be used.

use std::collections::HashMap;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    issuer::IssuerUnavailable,
    keys::{Alg, KeySet, VerifyingKey},
};

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

/// Reads a JWKS. Keys that cannot be used are left out; a document that is no JWKS is an error.
pub fn parse(body: &[u8], algorithm: Option<Alg>) -> Result<KeySet, IssuerUnavailable> {
    let published: Published =
        serde_json::from_slice(body).map_err(|_| IssuerUnavailable("the answer is not a JWKS".into()))?;
    let usable = published.keys.into_iter().filter_map(|value| usable_key(value, algorithm));
    Ok(KeySet::Published(usable.collect::<HashMap<_, _>>()))
}

fn usable_key(value: Value, wanted: Option<Alg>) -> Option<(String, VerifyingKey)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let kid = jwk.common.key_id.clone()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let own: Option<Alg> = jwk.common.key_algorithm.and_then(|a| a.to_string().parse().ok());
    let alg = match (wanted, own) {
        (Some(wanted), Some(own)) if wanted != own => return None,
        (Some(alg), _) | (None, Some(alg)) => alg,
        // A key that does not say what it is for cannot be pinned.
        (None, None) => return None,
    };
    VerifyingKey::from_jwk(&jwk, alg).ok().map(|key| (kid, key))
}
