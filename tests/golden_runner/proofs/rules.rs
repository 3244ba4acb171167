//! D1 to D5, where our answer alone decides: each with what it permits and near misses.

use serde_json::{Value, json};

use super::{answer, fixture, page, permitted, post, refused, token_error};
use crate::{fixture::Fixture, wire::Answer};

const JSON_ERROR: &str = "JSON parse error - Expecting value: line 1 column 1 (char 0)";
const MISSING: &str =
    "Missing filename. Request should include a Content-Disposition header with a filename parameter.";

fn refresh() -> Value {
    post("/api/v1/user/token/refresh/", &json!({"refresh": "${R}"}))
}

#[test]
fn d1_is_401_for_a_token_and_400_for_other_input() {
    let none = json!([]);
    let of_token = page(&none, &refresh(), 500);
    let login = page(&none, &post("/api/v1/user/token/", &json!({"username": "x"})), 500);
    let bad_input = answer(400, &[], &json!({"detail": "no"}));
    assert_eq!(permitted(&of_token, &token_error("Token is invalid")), ["D1"]);
    assert_eq!(permitted(&login, &bad_input), ["D1"]);

    let detail = json!({"detail": "no"});
    let misses: [(&Fixture, Answer); 7] = [
        (&of_token, bad_input.clone()),
        (&login, refused(&detail)),
        (&of_token, answer(401, &[], &detail)),
        (&of_token, refused(&json!({"error": "no"}))),
        (&of_token, answer(403, &[("WWW-Authenticate", "x")], &detail)),
        (&of_token, answer(200, &[], &json!({}))),
        (&of_token, Answer { headers: Vec::new(), ..refused(&detail) }),
    ];
    for (fixture, answer) in misses {
        assert!(permitted(fixture, &answer).is_empty(), "{answer:?}");
    }
    let not_500 = page(&none, &refresh(), 503);
    assert!(permitted(&not_500, &token_error("Token is invalid")).is_empty());
}

#[test]
fn d2_is_the_same_status_in_the_envelope() {
    let get = json!({"method": "GET", "path": "/api/v1/nothing/", "headers": []});
    let found = answer(404, &[], &json!({"detail": "Not found."}));
    assert_eq!(permitted(&page(&json!([]), &get, 404), &found), ["D2"]);

    let text = Answer { headers: vec![("Content-Type".to_owned(), "text/html".to_owned())], ..found.clone() };
    let challenged = answer(404, &[("WWW-Authenticate", "Bearer")], &json!({"detail": "x"}));
    for miss in [answer(400, &[], &json!({"detail": "x"})), answer(404, &[], &json!({})), text, challenged] {
        assert!(permitted(&page(&json!([]), &get, 404), &miss).is_empty(), "{miss:?}");
    }
    assert!(permitted(&fixture(&json!([]), &get, 404, &json!({"detail": "No page."})), &found).is_empty());
    assert!(permitted(&page(&json!([]), &get, 403), &answer(403, &[], &json!({"detail": "x"}))).is_empty());
}

#[test]
fn d3_is_a_404_for_an_integer_in_the_path() {
    let at = |path: &str, status: u16| {
        let request = json!({"method": "POST", "path": path, "headers": []});
        fixture(&json!([]), &request, status, &json!({"detail": "recorded"}))
    };
    let gone = answer(404, &[], &json!({"detail": "Not found."}));
    assert_eq!(permitted(&at("/api/v1/organization/4242/", 405), &gone), ["D3"]);
    assert_eq!(permitted(&at("/api/v1/organization/1/?x=1", 404), &gone), ["D3"]);
    assert!(permitted(&at("/api/v1/organization/1/", 401), &gone).is_empty());
    assert!(permitted(&at("/api/v1/organization/x1/", 405), &gone).is_empty());
    assert!(permitted(&at("/api/v1/organization/?page=1", 200), &gone).is_empty());
    for miss in [
        answer(400, &[], &json!({"detail": "no"})),
        answer(404, &[], &json!({"detail": "no", "messages": []})),
        answer(404, &[("Retry-After", "1")], &json!({"detail": "no"})),
        answer(404, &[("Vary", "Cookie")], &json!({"detail": "no"})),
    ] {
        assert!(permitted(&at("/api/v1/organization/4242/", 405), &miss).is_empty(), "{miss:?}");
        assert!(permitted(&at("/api/v1/organization/4242/", 404), &miss).is_empty(), "{miss:?}");
    }
}

#[test]
fn d4_is_another_wording_of_the_same_error() {
    let broken = fixture(&json!([]), &refresh(), 400, &json!({"detail": JSON_ERROR}));
    let ours = |detail: &str| answer(400, &[], &json!({"detail": detail}));
    assert_eq!(permitted(&broken, &ours("JSON parse error - expected value at line 1")), ["D4"]);
    for miss in [
        ours("parse error"),
        answer(422, &[], &json!({"detail": "JSON parse error - x"})),
        answer(400, &[], &json!({"detail": "JSON parse error - x", "code": "y"})),
        answer(400, &[("Allow", "GET")], &json!({"detail": "JSON parse error - x"})),
    ] {
        assert!(permitted(&broken, &miss).is_empty(), "{miss:?}");
    }
    let other = fixture(&json!([]), &refresh(), 400, &json!({"detail": "Other"}));
    assert!(permitted(&other, &ours("JSON parse error - x")).is_empty());
}

fn raw(kind: &str, disposition: Option<&str>, body: &Value) -> Fixture {
    let mut headers = vec![json!(["Content-Type", kind])];
    headers.extend(disposition.map(|value| json!(["Content-Disposition", value])));
    let request = json!({"method": "POST", "path": "/api/v1/user/token/", "headers": headers, "raw": "x"});
    fixture(&json!([]), &request, 400, body)
}

#[test]
fn d5_is_415_for_what_only_the_upload_parser_took() {
    let refused = |kind: &str| {
        answer(415, &[], &json!({"detail": format!("Unsupported media type \"{kind}\" in request.")}))
    };
    let missing = json!({"detail": MISSING});
    let fields = json!({"username": ["This field is required."]});
    assert_eq!(permitted(&raw("text/plain", None, &missing), &refused("text/plain")), ["D5"]);
    assert_eq!(permitted(&raw("text/plain; charset=x", None, &missing), &refused("text/plain")), ["D5"]);
    let upload = raw("text/plain", Some("attachment; filename=a.txt"), &fields);
    assert_eq!(permitted(&upload, &refused("text/plain")), ["D5"]);

    assert!(permitted(&raw("text/plain", None, &missing), &refused("text/html")).is_empty());
    assert!(permitted(&raw("application/json", None, &missing), &refused("application/json")).is_empty());
    assert!(permitted(&raw("text/plain", None, &fields), &refused("text/plain")).is_empty());
    assert!(permitted(&raw("text/plain", Some("inline"), &fields), &refused("text/plain")).is_empty());
    let other = answer(400, &[], &json!({"detail": "Unsupported media type \"text/plain\" in request."}));
    assert!(permitted(&raw("text/plain", None, &missing), &other).is_empty());
}

#[test]
fn d5_and_d3_let_options_list_what_is_true() {
    let request = json!({"method": "OPTIONS", "path": "/api/v1/organization/", "headers": []});
    let body = |parses: &Value, id: &str, label: &str| json!({"name": "Organization Api", "parses": parses, "actions": {"POST": {"id": {"type": id, "label": label}}}});
    let recorded =
        json!(["application/json", "multipart/form-data", "*/*", "application/x-www-form-urlencoded"]);
    let truth = json!(["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]);
    let fixture = |parses: &Value| fixture(&json!([]), &request, 200, &body(parses, "integer", "ID"));
    let says = |parses: &Value, id: &str, label: &str| answer(200, &[], &body(parses, id, label));
    assert_eq!(permitted(&fixture(&recorded), &says(&truth, "integer", "ID")), ["D5"]);
    assert_eq!(permitted(&fixture(&recorded), &says(&truth, "string", "ID")), ["D5"]);
    assert_eq!(permitted(&fixture(&truth), &says(&truth, "string", "ID")), ["D3", "D5"]);
    for miss in [
        says(&json!(["application/json"]), "integer", "ID"),
        says(&json!(["application/json", "text/html", "multipart/form-data"]), "integer", "ID"),
        says(&truth, "boolean", "ID"),
        says(&truth, "integer", "Id"),
    ] {
        assert!(permitted(&fixture(&recorded), &miss).is_empty(), "{miss:?}");
    }
}
