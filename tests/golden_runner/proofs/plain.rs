//! Status, headers and body.

use serde_json::{Value, json};

use super::{answer, findings, fixture, page, post};
use crate::{fixture::Fixture, wire::Answer};

const DATE: &str = "<datetime:YYYY-MM-DDTHH:MM:SS.ffffffZ>";
const HEADERS: [(&str, &str); 4] = [
    ("WWW-Authenticate", "Bearer realm=\"api\""),
    ("Allow", "GET, POST"),
    ("Retry-After", "5"),
    ("Vary", "Accept, Cookie"),
];

fn recorded() -> Fixture {
    let body = json!({
        "count": 2, "next": "<base>/api/?page=2", "host": "https://<host>/", "previous": null,
        "results": [{"id": "<int:id>", "name": "Org 01", "is_active": true, "created_at": DATE}],
    });
    let mut fixture = fixture(&json!([]), &post("/api/v1/organization/", &json!({})), 200, &body);
    fixture.response.headers.extend(HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    fixture
}

fn body() -> Value {
    json!({
        "count": 2, "next": "http://127.0.0.1:8000/api/?page=2", "host": "https://127.0.0.1:8000/",
        "previous": null,
        "results": [{"id": 7, "name": "Org 01", "is_active": true, "created_at": "2026-11-23T14:40:48.123456Z"}],
    })
}

fn good() -> Answer {
    answer(200, &HEADERS, &body())
}

fn matches(answer: &Answer) -> bool {
    findings(&recorded(), answer).is_match()
}

#[test]
fn an_equal_answer_matches() {
    assert!(matches(&good()), "{:?}", findings(&recorded(), &good()));
}

#[test]
fn another_status_is_noticed() {
    assert!(!matches(&Answer { status: 201, ..good() }));
}

#[test]
fn each_compared_header_is_noticed_when_changed_missing_or_added() {
    for name in ["Content-Type", "WWW-Authenticate", "Allow", "Retry-After", "Vary"] {
        let mut changed = good();
        let header = changed.headers.iter_mut().find(|(key, _)| key == name).unwrap();
        header.1 = "something else".to_owned();
        assert!(!matches(&changed), "{name} changed");
        let mut missing = good();
        missing.headers.retain(|(key, _)| key != name);
        assert!(!matches(&missing), "{name} missing");
        let mut added = recorded();
        added.response.headers.remove(name);
        assert!(!findings(&added, &good()).is_match(), "{name} added");
    }
}

#[test]
fn vary_counts_only_for_cookie_and_other_headers_not_at_all() {
    let mut other = good();
    other.headers.iter_mut().find(|(key, _)| key == "Vary").unwrap().1 = "Origin, cookie".to_owned();
    other.headers.push(("X-Request-Id".to_owned(), "1".to_owned()));
    assert!(matches(&other));
}

#[test]
fn each_member_is_noticed_when_changed_or_of_another_type() {
    let others: [(&str, Value); 13] = [
        ("/count", json!(3)),
        ("/count", json!("2")),
        ("/next", json!("http://127.0.0.1:8000/api/?page=3")),
        ("/next", json!(null)),
        ("/host", json!("https://localhost/")),
        ("/previous", json!("")),
        ("/results", json!([])),
        ("/results/0/id", json!("7")),
        ("/results/0/id", json!(-7)),
        ("/results/0/name", json!("Org 02")),
        ("/results/0/is_active", json!("true")),
        ("/results/0/created_at", json!("2026-11-23 14:40:48")),
        ("/results/0/created_at", json!("2026-11-23T14:40:48.123Z")),
    ];
    for (pointer, value) in others {
        let mut changed = body();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        assert!(!matches(&answer(200, &HEADERS, &changed)), "{pointer} {value}");
    }
}

#[test]
fn a_missing_an_added_and_a_moved_member_are_noticed() {
    let mut fewer = body();
    fewer.as_object_mut().unwrap().remove("previous");
    assert!(!matches(&answer(200, &HEADERS, &fewer)));
    let mut more = body();
    more.as_object_mut().unwrap().insert("code".to_owned(), json!("x"));
    assert!(!matches(&answer(200, &HEADERS, &more)));
    let mut moved = body();
    let count = moved.as_object_mut().unwrap().shift_remove("count").unwrap();
    moved.as_object_mut().unwrap().insert("count".to_owned(), count);
    assert!(!matches(&answer(200, &HEADERS, &moved)));
    let mut longer = body();
    longer["results"].as_array_mut().unwrap().push(json!({}));
    assert!(!matches(&answer(200, &HEADERS, &longer)));
}

#[test]
fn a_uuid_for_an_integer_id_matches_and_is_counted() {
    let mut ours = body();
    ours["results"][0]["id"] = json!("0190a5d4-7d1e-7c3a-8f00-0123456789ab");
    let findings = findings(&recorded(), &answer(200, &HEADERS, &ours));
    assert!(findings.is_match());
    assert_eq!(findings.uuids, 1);
}

#[test]
fn an_empty_body_a_page_and_a_cut_page_are_compared() {
    let mut empty = fixture(&json!([]), &post("/", &json!({})), 200, &Value::Null);
    empty.response.empty = true;
    let nothing = Answer { body: Vec::new(), ..answer(200, &[], &json!({})) };
    assert!(findings(&empty, &nothing).is_match());
    assert!(!findings(&empty, &answer(200, &[], &json!({}))).is_match());

    let html = |body: &str| {
        let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Answer { status: 404, headers, body: body.as_bytes().to_vec() }
    };
    let mut recorded = page(&json!([]), &post("/", &json!({})), 404);
    assert!(findings(&recorded, &html("<!doctype html>")).is_match());
    assert!(!findings(&recorded, &html("<!doctype html>more")).is_match());
    recorded.response.text = Some("<!doctype... <long HTML>".to_owned());
    assert!(findings(&recorded, &html("<!doctype html>")).is_match());
    assert!(!findings(&recorded, &html("<html>")).is_match());
}

#[test]
fn null_is_a_body() {
    let null = fixture(&json!([]), &post("/", &json!({})), 200, &Value::Null);
    assert!(findings(&null, &answer(200, &[], &Value::Null)).is_match());
    assert!(!findings(&null, &answer(200, &[], &json!({}))).is_match());
    assert!(!findings(&null, &Answer { body: Vec::new(), ..answer(200, &[], &Value::Null) }).is_match());
}
