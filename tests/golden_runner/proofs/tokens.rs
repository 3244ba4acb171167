//! The tokens in a body.

use serde_json::{Value, json};

use super::{NOW, answer, claims, findings, fixture, post, token, token_with, world};
use crate::{compare::compare, fixture::Fixture, wire::Answer};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn recorded() -> Fixture {
    let request = post("/api/v1/user/token/refresh/", &json!({"refresh": "${R}"}));
    let mut fixture = fixture(&json!([]), &request, 200, &json!({"access": "<jwt:access>"}));
    let string = |value: &str| json!({"type": "string", "value": value});
    let token = json!({"access": {
        "header": {"alg": "HS256", "typ": "JWT"}, "header_json": HEADER,
        "claims_order": ["token_type", "exp", "iat", "jti", "user_id", "nbf", "sid", "hash", "big"],
        "claims": {
            "token_type": string("access"),
            "exp": {"type": "integer", "value": "<iat+300>"},
            "iat": {"type": "integer", "value": "<now>"},
            "jti": {"type": "string", "value": "<hex32>", "same_as": "new"},
            "user_id": string("<user_id:alice>"),
            "nbf": {"type": "integer", "value": "<copied>", "same_as": ["${R}"]},
            "sid": {"type": "string", "value": "<hex32>", "same_as": ["${R}"]},
            "hash": {"type": "string", "value": "<MD5-HEX-UPPER>", "same_as": []},
            "big": {"type": "null", "value": null},
        },
        "signature_bytes": 32,
    }});
    fixture.tokens = serde_json::from_value(token).unwrap();
    fixture
}

fn good() -> Value {
    json!({
        "token_type": "access", "exp": NOW + 300, "iat": NOW, "jti": "f".repeat(32), "user_id": "1",
        "nbf": NOW - 5, "sid": "0".repeat(32), "hash": "0123456789ABCDEF0123456789ABCDEF", "big": null,
    })
}

fn is_match(header: &str, claims: &Value, signature: usize) -> bool {
    let answer = answer(200, &[], &json!({"access": token_with(header, claims, signature)}));
    matches_in_world(&recorded(), &answer)
}

fn matches_in_world(fixture: &Fixture, answer: &Answer) -> bool {
    let mut world = world();
    let mut input = claims("refresh", 86_400);
    input["nbf"] = json!(NOW - 5);
    input["sid"] = json!("0".repeat(32));
    world.saved.insert("R".to_owned(), token(&input));
    compare(&fixture.response, &fixture.tokens, answer, &world).is_match()
}

#[test]
fn an_equal_token_matches_and_may_hold_more() {
    assert!(is_match(HEADER, &good(), 32));
    let mut more = json!({"iss": "us"});
    more.as_object_mut().unwrap().extend(good().as_object().unwrap().clone());
    more["org_id"] = json!("x");
    assert!(is_match(r#"{"alg":"HS256","kid":"k1","typ":"JWT"}"#, &more, 32));
}

#[test]
fn each_claim_is_noticed_when_changed_or_of_another_type() {
    let others: [(&str, Value); 19] = [
        ("token_type", json!("refresh")),
        ("token_type", json!(1)),
        ("exp", json!(NOW + 301)),
        ("exp", json!(NOW + 298)),
        ("exp", json!(format!("{}", NOW + 300))),
        ("iat", json!(NOW - 60)),
        ("iat", json!(NOW + 60)),
        ("jti", json!("F".repeat(32))),
        ("jti", json!("f".repeat(31))),
        ("jti", json!("0123456789abcdef0123456789abcdef")),
        ("user_id", json!("2")),
        ("user_id", json!(1)),
        ("nbf", json!(NOW - 4)),
        ("nbf", json!(null)),
        ("sid", json!("1".repeat(32))),
        ("sid", json!(0)),
        ("hash", json!("0123456789abcdef0123456789abcdef")),
        ("big", json!("")),
        ("big", json!(0)),
    ];
    for (name, value) in others {
        let mut changed = good();
        changed[name] = value.clone();
        if name == "iat" {
            changed["exp"] = json!(value.as_i64().unwrap() + 300);
        }
        assert!(!is_match(HEADER, &changed, 32), "{name} {value}");
    }
}

#[test]
fn exp_may_be_one_second_short() {
    let mut short = good();
    short["exp"] = json!(NOW + 299);
    assert!(is_match(HEADER, &short, 32));
}

#[test]
fn each_missing_claim_is_noticed() {
    for name in good().as_object().unwrap().keys() {
        let mut missing = good();
        missing.as_object_mut().unwrap().shift_remove(name);
        assert!(!is_match(HEADER, &missing, 32), "{name}");
    }
}

#[test]
fn another_order_of_claims_is_noticed() {
    let mut moved = good();
    let exp = moved.as_object_mut().unwrap().shift_remove("exp").unwrap();
    moved["exp"] = exp;
    assert!(!is_match(HEADER, &moved, 32));
}

#[test]
fn each_change_of_the_header_is_noticed() {
    let changed = [
        r#"{"alg":"HS512","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"typ":"JWT","kid":"k1","alg":"HS256"}"#,
        r#"{"alg":"HS256", "typ":"JWT"}"#,
    ];
    for header in changed {
        assert!(!is_match(header, &good(), 32), "{header}");
    }
}

#[test]
fn another_length_of_signature_is_noticed() {
    assert!(!is_match(HEADER, &good(), 64));
}

#[test]
fn what_is_no_token_is_noticed() {
    for text in ["", "a.b", "a.b.c.d", "!.!.!"] {
        assert!(!matches_in_world(&recorded(), &answer(200, &[], &json!({"access": text}))), "{text}");
    }
    let other = answer(200, &[], &json!({"refresh": token(&good())}));
    assert!(!findings(&recorded(), &other).is_match());
}
