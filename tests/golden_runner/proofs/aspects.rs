//! What a fixture needs of a deployment, and whose key signed a token.

use serde_json::json;

use super::{fixture, keys, post, token_with, variant};
use crate::{
    aspects::{Aspect, is_signed, needs},
    craft::craft,
    fixture::{Craft, SigningWith},
};

const LIST: &str = "/api/v1/organization/";

/// What a fixture with this setup and request needs, when it is refused in these words.
fn needed(setup: &serde_json::Value, request: &serde_json::Value, words: &str) -> Vec<Aspect> {
    needs(&fixture(setup, request, 401, &json!({ "detail": words }))).into_iter().collect()
}

#[test]
fn what_depends_on_nothing_is_played_everywhere() {
    let none = json!([]);
    let login = json!([{"op": "mint_pair", "user": "alice", "refresh": "R", "access": "A"}]);
    for (setup, path) in
        [(&none, "/api/v1/user/token/"), (&login, LIST), (&none, "/api/v1/user/token/refresh/")]
    {
        assert_eq!(needed(setup, &post(path, &json!({})), "No."), [], "{path}");
    }
}

#[test]
fn what_depends_on_a_setting_is_left_out_without_it() {
    let request = || post(LIST, &json!({}));
    let with = |name: &str, value: &str| json!({"method": "GET", "path": LIST, "headers": [[name, value]]});
    let bob = json!({"op": "mint_pair", "user": "bob", "refresh": "R", "access": "A"});
    let three = json!({"op": "organizations", "count": 3});
    let refresh = json!({"op": "http", "method": "POST", "path": "/api/v1/user/token/refresh/"});
    let sized = json!({"method": "GET", "path": format!("{LIST}?page_size=2")});
    let craft = json!([{"op": "craft", "save": "T", "claims": {}}]);
    for (setup, request, words, aspect) in [
        (craft, request(), "No.", Aspect::Key),
        (json!([]), request(), "Token has wrong type", Aspect::Key),
        (json!([refresh]), request(), "No.", Aspect::Rotation),
        (json!([]), with("Authorization-Basic", "a:b"), "No.", Aspect::Classes),
        (json!([]), with("authorization", "bAsic x"), "No.", Aspect::Classes),
        (json!([]), with("cookie", "a=b"), "No.", Aspect::Cookies),
        (json!([{"op": "session", "user": "alice"}]), request(), "No.", Aspect::Cookies),
        (json!([three, bob]), request(), "No.", Aspect::Visibility),
        (json!([]), sized, "No.", Aspect::Pages),
        (json!([{"op": "delete_user", "user": "bob"}]), request(), "No.", Aspect::UserState),
        (json!([]), with("X-Forwarded-Host", "a"), "No.", Aspect::Forwarding),
        (json!([{"op": "expire_outstanding"}]), request(), "No.", Aspect::InProcess),
    ] {
        assert_eq!(needed(&setup, &request, words), [aspect], "{setup} {request}");
    }
    let spent = post("/api/v1/user/token/refresh/", &json!({}));
    let refreshed = needs(&fixture(&json!([]), &spent, 200, &json!({})));
    assert_eq!(refreshed.into_iter().collect::<Vec<_>>(), [Aspect::Rotation]);
}

#[test]
fn a_token_under_another_key_or_algorithm_is_not_the_variants() {
    let (own, claims) = (variant(&json!({})), json!({"user_id": "1"}));
    let signed = |key| {
        let header = serde_json::Map::new();
        let step =
            Craft { save: "T".to_owned(), claims: Some(claims.clone()), claims_raw: None, header, key };
        craft(&step, &own, &keys(), &super::world()).unwrap()
    };
    assert!(is_signed(&signed(SigningWith::Signing), &own, &keys()).unwrap());
    for other in [signed(SigningWith::Other), token_with(r#"{"alg":"EdDSA","typ":"JWT"}"#, &claims, 64)] {
        assert!(!is_signed(&other, &own, &keys()).unwrap(), "{other}");
    }
}

#[test]
fn settings_are_printed_for_an_environment_file() {
    let lines = variant(&json!({})).env_lines().unwrap();
    assert!(
        lines.contains(&"AUTH_ALGORITHM=HS256".to_owned()) && lines.iter().all(|line| !line.contains('\n'))
    );
    let pem =
        json!({"SIMPLE_JWT": {"ALGORITHM": "RS256", "SIGNING_KEY": "<pem:rsa.pem>", "VERIFYING_KEY": null}});
    assert!(variant(&pem).env_lines().is_err(), "a key in PEM has several lines");
}
