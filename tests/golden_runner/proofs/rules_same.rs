//! D5 to D7, where ours must equal the answer to another request, and what that equality means.

use serde_json::{Value, json};

use super::{answer, compared_with, fixture, page, permitted_by, post, refused, token};
use crate::{extra, fixture::Fixture, play::is_equivalent, wire::Answer};

const MISSING: &str = "Missing filename. Request should include…";

fn form(recorded: &Value) -> Fixture {
    let request = json!({
        "method": "POST", "path": "/api/v1/user/token/", "form": {"username": "a b"},
        "headers": [["Content-Type", "application/x-www-form-urlencoded"]],
    });
    fixture(&json!([]), &request, 400, recorded)
}

#[test]
fn d5_compares_a_form_with_multipart() {
    let missing = form(&json!({"detail": MISSING}));
    let ours = answer(400, &[], &json!({"password": ["This field is required."]}));
    let found = compared_with(&missing, &ours);
    let (name, request) = found.first().unwrap();
    assert_eq!((*name, found.len()), ("D5", 1));
    assert_eq!(request.multipart.as_ref().unwrap()[0].value, "a b");
    assert!(request.form.is_none() && request.headers[0].1.starts_with("multipart/form-data"));

    assert!(compared_with(&missing, &answer(500, &[], &json!({}))).is_empty());
    assert!(compared_with(&missing, &answer(415, &[], &json!({}))).is_empty());
    assert!(compared_with(&form(&json!({"detail": "Other"})), &ours).is_empty());
}

#[test]
fn d5_compares_a_chunked_body_with_the_whole_one() {
    let mut request = post("/api/v1/user/token/", &json!({}));
    let ours = answer(200, &[], &json!({}));
    assert!(compared_with(&fixture(&json!([]), &request, 400, &json!({})), &ours).is_empty());
    request["chunked"] = json!(true);
    let found = compared_with(&fixture(&json!([]), &request, 400, &json!({})), &ours);
    assert!(matches!(found.as_slice(), [("D5", whole)] if !whole.chunked));
}

#[test]
fn d6_compares_a_redirect_with_the_slashed_path() {
    let ours = answer(405, &[], &json!({"detail": "x"}));
    let at = |path: &str, status: u16| {
        compared_with(&page(&json!([]), &json!({"method": "GET", "path": path}), status), &ours)
    };
    assert!(matches!(at("/a?b=/c", 301).as_slice(), [("D6", slashed)] if slashed.path == "/a/?b=/c"));
    assert!(at("/a", 302).is_empty());
    assert!(at("/a/", 301).is_empty());
}

#[test]
fn d7_compares_a_scheme_in_another_case_with_the_exact_one() {
    let nothing = json!({"detail": "Authentication credentials were not provided."});
    let sent = |scheme: &str, body: &Value| {
        let headers = json!([["Authorization", format!("{scheme} ${{A}}")]]);
        let request = json!({"method": "GET", "path": "/api/v1/organization/", "headers": headers});
        compared_with(&fixture(&json!([]), &request, 401, body), &answer(200, &[], &json!({})))
    };
    let found = sent("bEARER", &nothing);
    assert!(matches!(found.as_slice(), [("D7", exact)] if exact.headers[0].1 == "Bearer ${A}"));
    assert!(sent("Bearer", &nothing).is_empty());
    assert!(sent("Token", &nothing).is_empty());
    assert!(sent("bEARER", &json!({"detail": "Other"})).is_empty());
}

#[test]
fn equivalent_answers_differ_in_tokens_times_and_ids_only() {
    let body = |token: &str, id: &str, count: u32| json!({"access": token, "id": id, "count": count, "created_at": "2026-11-23T14:40:48Z"});
    let (one, other) = (token(&json!({"a": 1})), token(&json!({"a": 2})));
    let ids = ["0190a5d4-7d1e-7c3a-8f00-0123456789ab", "0190a5d4-7d1e-7c3a-8f00-0123456789ac"];
    let first = answer(200, &[], &body(&one, ids[0], 1));
    assert!(is_equivalent(&first, &answer(200, &[], &body(&other, ids[1], 1))));
    for miss in [
        answer(201, &[], &body(&other, ids[1], 1)),
        answer(200, &[("Allow", "GET")], &body(&other, ids[1], 1)),
        answer(200, &[("Vary", "Cookie")], &body(&other, ids[1], 1)),
        answer(200, &[], &body(&other, ids[1], 2)),
        answer(200, &[], &body(&other, "7", 1)),
        answer(200, &[], &body("", ids[1], 1)),
        Answer { body: b"x".to_vec(), ..first.clone() },
    ] {
        assert!(!is_equivalent(&first, &miss), "{miss:?}");
    }
    assert!(!is_equivalent(&Answer { body: b"x".to_vec(), ..refused(&json!({})) }, &refused(&json!({}))));
}

#[test]
fn a_row_of_the_file_permits_its_fixture_status_and_body_only() {
    let row = "| E1 | `proof__group__case` | 200 | `{\"access\": \"<jwt:access>\"}` | why |";
    let extra = &extra::parse(&format!("| head |\n|---|\n{row}")).unwrap()[0];
    let fixture = page(&json!([]), &post("/api/v1/user/token", &json!({})), 500);
    let ours = answer(200, &[("Allow", "POST")], &json!({"access": token(&json!({}))}));
    assert!(permitted_by(extra, &fixture, &ours));
    assert!(!permitted_by(extra, &Fixture { name: "group/other".to_owned(), ..fixture.clone() }, &ours));
    assert!(!permitted_by(extra, &fixture, &Answer { status: 201, ..ours }));
    assert!(!permitted_by(extra, &fixture, &answer(200, &[], &json!({"access": "x"}))));
}
