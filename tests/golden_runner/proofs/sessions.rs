//! D8 to D12: what the setup did decides, and our answer must be the right refusal.

use serde_json::{Value, json};

use super::{NOW, answer, claims, fixture, permitted_in, post, refused, token, token_error, world};
use crate::{craft::alter, fixture::Fixture, wire::Answer, world::World};

const REFRESH: &str = "/api/v1/user/token/refresh/";
const VERIFY: &str = "/api/v1/user/token/verify/";
const BLACKLIST: &str = "/api/v1/user/token/blacklist/";

fn rotating() -> Value {
    json!({"SIMPLE_JWT": {"ROTATE_REFRESH_TOKENS": true, "BLACKLIST_AFTER_ROTATION": true}})
}

fn minted() -> Value {
    json!({"op": "mint_pair", "user": "alice", "refresh": "R", "access": "A"})
}

fn sends(path: &str, name: &str, save: &Value) -> Value {
    json!({"op": "http", "method": "POST", "path": path, "json": {"refresh": format!("${{{name}}}")}, "save": save})
}

/// The rules for presenting a saved token to `path`, recorded as a success.
fn presenting(own: &Value, setup: &[Value], path: &str, name: &str, answer: &Answer) -> Vec<&'static str> {
    in_world(&world(), own, &presentation(setup, path, name), answer)
}

fn in_world(world: &World, own: &Value, fixture: &Fixture, answer: &Answer) -> Vec<&'static str> {
    let mut world = world.clone();
    world.saved.insert("R2".to_owned(), token(&claims("refresh", 60)));
    world.saved.insert("A2".to_owned(), token(&claims("access", 60)));
    permitted_in(own, fixture, answer, &world)
}

fn presentation(setup: &[Value], path: &str, name: &str) -> Fixture {
    let field = if path == VERIFY { "token" } else { "refresh" };
    let request = post(path, &json!({field: format!("${{{name}}}")}));
    fixture(&json!(setup), &request, 200, &json!({}))
}

#[test]
fn d8_refuses_non_canonical_text_as_invalid() {
    let mut world = world();
    let padded = alter(&world.saved["A"], "pad_signature_with_equals").unwrap();
    world.saved.insert("T".to_owned(), padded);
    let own = json!({});
    let permitted =
        |name: &str, answer: &Answer| in_world(&world, &own, &presentation(&[], VERIFY, name), answer);
    assert_eq!(permitted("T", &token_error("Token is invalid")), ["D8"]);
    assert!(permitted("A", &token_error("Token is invalid")).is_empty());
    assert!(permitted("T", &token_error("Token is expired")).is_empty());
    assert!(permitted("T", &answer(400, &[], &json!({"detail": "Token is invalid"}))).is_empty());
}

#[test]
fn d9_refuses_tokens_without_a_live_user() {
    let own = json!({});
    let gone = refused(&json!({"detail": "No active account found for the given token."}));
    let deleted = [minted(), json!({"op": "delete_user", "user": "alice"})];
    let inactive = [minted(), json!({"op": "set_active", "user": "alice", "value": false})];
    let again = [
        inactive[0].clone(),
        inactive[1].clone(),
        json!({"op": "set_active", "user": "alice", "value": true}),
    ];
    for path in [REFRESH, VERIFY, BLACKLIST, "/api/v1/user/token/sliding/refresh/"] {
        assert_eq!(presenting(&own, &deleted, path, "R", &gone), ["D9"], "{path}");
        assert_eq!(presenting(&own, &inactive, path, "R", &gone), ["D9"], "{path}");
        assert!(presenting(&own, &again, path, "R", &gone).is_empty(), "{path}");
        assert!(presenting(&own, &[minted()], path, "R", &gone).is_empty(), "{path}");
    }
    assert!(presenting(&own, &deleted, "/api/v1/organization/", "R", &gone).is_empty());
    let bob = [minted(), json!({"op": "delete_user", "user": "bob"})];
    assert!(presenting(&own, &bob, REFRESH, "R", &gone).is_empty());
    assert!(presenting(&own, &deleted, REFRESH, "R", &answer(401, &[], &json!({"detail": "x"}))).is_empty());
    assert!(presenting(&own, &deleted, REFRESH, "R", &answer(400, &[], &json!({"detail": "x"}))).is_empty());

    for user in [json!(null), json!(""), json!([1]), json!("424242"), json!("3")] {
        let mut world = world();
        let mut claims = claims("refresh", 60);
        claims["user_id"] = user.clone();
        world.saved.insert("R".to_owned(), token(&claims));
        assert_eq!(in_world(&world, &own, &presentation(&[], REFRESH, "R"), &gone), ["D9"], "{user}");
    }
}

#[test]
fn d10_ends_sessions_with_the_password() {
    let own = json!({});
    let blacklisted = token_error("Token is blacklisted");
    let changed = json!({"op": "change_password", "user": "alice"});
    let after = [minted(), changed.clone()];
    assert_eq!(presenting(&own, &after, REFRESH, "R", &blacklisted), ["D10"]);
    assert_eq!(presenting(&own, &after, VERIFY, "A", &blacklisted), ["D10"]);
    assert!(presenting(&own, &[changed, minted()], REFRESH, "R", &blacklisted).is_empty());
    let bobs = [minted(), json!({"op": "change_password", "user": "bob"})];
    assert!(presenting(&own, &bobs, REFRESH, "R", &blacklisted).is_empty());
    assert!(presenting(&own, &after, BLACKLIST, "R", &blacklisted).is_empty());
    assert!(presenting(&own, &after, REFRESH, "R", &token_error("Token is invalid")).is_empty());
}

#[test]
fn d11_keeps_ended_sessions_ended() {
    let blacklisted = token_error("Token is blacklisted");
    let spent = sends(REFRESH, "R", &json!({"refresh": "R2", "access": "A2"}));
    let reused = sends(REFRESH, "R", &json!({}));
    let reuse = [minted(), spent, reused.clone()];
    assert_eq!(presenting(&rotating(), &reuse, REFRESH, "R2", &blacklisted), ["D11"]);
    assert!(presenting(&rotating(), &reuse[..2], REFRESH, "R2", &blacklisted).is_empty());
    assert!(presenting(&json!({}), &reuse, REFRESH, "R2", &blacklisted).is_empty());
    let another = json!({"op": "mint_pair", "user": "alice", "refresh": "R2", "access": "A2"});
    let other = [minted(), reused.clone(), reused, another];
    assert!(presenting(&rotating(), &other, REFRESH, "R2", &blacklisted).is_empty());
    assert!(presenting(&rotating(), &reuse, REFRESH, "R2", &answer(500, &[], &json!({}))).is_empty());

    let logout = sends(BLACKLIST, "R", &json!({}));
    let flush = json!({"op": "flush_expired_tokens"});
    let flushed = [minted(), logout.clone(), flush.clone()];
    assert_eq!(presenting(&json!({}), &flushed, REFRESH, "R", &blacklisted), ["D11"]);
    assert!(
        presenting(&json!({}), &[minted(), flush.clone(), logout], REFRESH, "R", &blacklisted).is_empty()
    );
    assert!(presenting(&json!({}), &[minted(), flush], REFRESH, "R", &blacklisted).is_empty());
}

#[test]
fn d12_refuses_the_access_token_of_a_blacklisted_session() {
    let ended = [minted(), sends(BLACKLIST, "R", &json!({}))];
    let blacklisted = token_error("Token is blacklisted");
    assert_eq!(presenting(&json!({}), &ended, VERIFY, "A", &blacklisted), ["D12"]);
    let of_verify = answer(400, &[], &json!({"non_field_errors": ["Token is blacklisted"]}));
    assert_eq!(presenting(&json!({}), &ended, VERIFY, "A", &of_verify), ["D12"]);
    assert!(presenting(&json!({}), &ended, REFRESH, "A", &of_verify).is_empty());
    assert!(presenting(&json!({}), &ended, VERIFY, "R", &blacklisted).is_empty());
    assert!(presenting(&json!({}), &[minted()], VERIFY, "A", &blacklisted).is_empty());
    let without = json!({"token_blacklist_installed": false});
    assert!(presenting(&without, &ended, VERIFY, "A", &blacklisted).is_empty());
    let two = [
        minted(),
        json!({"op": "mint_pair", "user": "alice", "refresh": "R2", "access": "A2"}),
        ended[1].clone(),
    ];
    assert!(presenting(&json!({}), &two, VERIFY, "A2", &blacklisted).is_empty());
}

#[test]
fn the_api_says_it_in_its_messages() {
    let mut world = world();
    let mut old = claims("access", 300);
    old["iat"] = json!(NOW);
    world.saved.insert("A".to_owned(), alter(&token(&old), "pad_signature_with_equals").unwrap());
    let request = json!({"method": "GET", "path": "/api/v1/organization/", "headers": [["Authorization", "Bearer ${A}"]]});
    let recorded = fixture(&json!([]), &request, 200, &json!({}));
    let says = |text: &str, code: &str| {
        let message = json!({"token_class": "AccessToken", "token_type": "access", "message": text});
        let detail = "Given token not valid for any token type";
        refused(&json!({"detail": detail, "code": code, "messages": [message]}))
    };
    let permitted = |answer: &Answer| permitted_in(&json!({}), &recorded, answer, &world);
    assert_eq!(permitted(&says("Token is invalid", "token_not_valid")), ["D8"]);
    assert!(permitted(&says("Token is expired", "token_not_valid")).is_empty());
    assert!(permitted(&says("Token is invalid", "other")).is_empty());
}
