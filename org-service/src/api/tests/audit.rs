//! Who changed what, as it is listed and exported.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    actors::{Actor, Site, org_id},
    cursors,
};
use crate::{
    seal::AuditKeys,
    verify::{Counts, VerifyError, database, export},
};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// An organization with nine records: created, a role and six changes of it by two people, changed.
async fn history(site: &Site) -> String {
    let owner = site.member("owner");
    let path = site.organization(&owner, "Acme").await;
    site.join(&path, "admin", "admin").await;
    let role = json!({"name": "clerk", "permissions": ["member:read"]});
    assert_eq!(owner.post(&format!("{path}roles/"), role).await.status, StatusCode::CREATED);
    for number in 0..6 {
        site.clock.advance(Duration::from_secs(60));
        let who = if number % 2 == 0 { "admin" } else { "owner" };
        let change = json!({"description": format!("number \"{number}\" é")});
        let changed =
            site.member(who).send(Method::PATCH, &format!("{path}roles/clerk/"), Some(change)).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    }
    let renamed = site.superuser("root").send(Method::PATCH, &path, Some(json!({"name": "Solo"}))).await;
    assert_eq!(renamed.status, StatusCode::OK);
    path
}

fn seqs(list: &Value) -> Vec<i64> {
    list["results"].as_array().unwrap().iter().map(|record| record["seq"].as_i64().unwrap()).collect()
}

async fn listed(actor: &Actor<'_>, path: &str, query: &str) -> Vec<i64> {
    let answer = actor.get(&format!("{path}audit/?page_size=100&{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    assert_eq!(answer.body["next"], Value::Null);
    seqs(&answer.body)
}

#[actix_web::test]
async fn records_say_who_did_what_when() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let answer = site.member("owner").get(&format!("{path}audit/?page_size=1")).await;
    let record = &answer.body["results"][0];
    let expected = json!({
        "seq": 9, "at": "2026-11-23T14:46:48Z", "actor": "root", "as_superuser": true,
        "action": "organization.changed", "target": "", "before": {"name": "Acme"}, "after": {"name": "Solo"},
        "request_id": record["request_id"], "hash": record["hash"],
    });
    assert_eq!(record.to_string(), expected.to_string());
    assert_eq!(record["hash"].as_str().unwrap().len(), 64);
}

#[actix_web::test]
async fn pages_go_from_the_newest_to_the_oldest_whatever_comes_meanwhile() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let owner = site.member("owner");
    let (mut seen, mut next) = (Vec::new(), format!("{path}audit/?page_size=4&action=role."));
    loop {
        let page = owner.get(&next).await;
        seen.push(seqs(&page.body));
        let change = json!({"description": "x"});
        let changed = owner.send(Method::PATCH, &format!("{path}roles/clerk/"), Some(change)).await;
        assert_eq!(changed.status, StatusCode::OK);
        let Some(link) = page.body["next"].as_str() else { break };
        next = link.strip_prefix("http://localhost:8080").unwrap().to_owned();
    }
    assert_eq!(seen, [vec![8, 7, 6, 5], vec![4, 3, 2]]);
    let odd = owner.get(&format!("{path}audit/?cursor=x")).await;
    assert_eq!((odd.status, &odd.body["detail"]), (StatusCode::NOT_FOUND, &json!("Invalid cursor")));
    let first = owner.get(&format!("{path}audit/?page_size=4&ordering=at")).await;
    assert_eq!(seqs(&first.body), [1, 2, 3, 4]);
    let second = owner.get(&cursors::path(&first.body["next"]).unwrap()).await;
    assert_eq!(seqs(&second.body), [5, 6, 7, 8]);
    let back = owner.get(&cursors::path(&second.body["previous"]).unwrap()).await;
    assert_eq!((seqs(&back.body), &back.body["previous"]), (vec![1, 2, 3, 4], &Value::Null));
}

#[actix_web::test]
async fn filters_choose_records() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let owner = site.member("owner");
    for (query, expected) in [
        ("", vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("actor=admin", vec![7, 5, 3]),
        ("actor=nobody", vec![]),
        ("action=role.changed", vec![8, 7, 6, 5, 4, 3]),
        ("action=role.", vec![8, 7, 6, 5, 4, 3, 2]),
        ("action=role", vec![]),
        ("action=.", vec![]),
        ("action=organization.&actor=root", vec![9]),
        ("target=clerk&actor=owner", vec![8, 6, 4, 2]),
        ("since=2026-11-23T14:45:48Z", vec![9, 8, 7]),
        ("until=2026-11-23T14:41:48Z", vec![3, 2, 1]),
        ("since=2026-11-23T14:41:48Z&until=2026-11-23T14:42:48%2B00:00", vec![4, 3]),
        ("ordering=-at&actor=root", vec![9]),
    ] {
        assert_eq!(listed(&owner, &path, query).await, expected, "{query}");
    }
    for (query, field) in [("since=soon", "since"), ("until=x", "until"), ("actor=a%00", "actor")] {
        let answer = owner.get(&format!("{path}audit/?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body[field].is_array());
    }
}

#[actix_web::test]
async fn an_export_is_asked_for_by_its_format_or_its_type() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let owner = site.member("owner");
    let lines = "application/x-ndjson";
    for (query, accept, status, kind) in [
        ("", None, 200, "application/json"),
        ("?format=json", Some(lines), 406, "application/json"),
        ("?format=jsonl", None, 200, lines),
        ("?format=jsonl", Some("application/json"), 200, lines),
        ("?format=xml", None, 404, "application/json"),
        ("", Some(lines), 200, lines),
        ("", Some("application/x-ndjson;q=0.9, */*"), 200, lines),
        ("", Some("application/json, application/x-ndjson"), 200, "application/json"),
        ("", Some("text/html"), 406, "application/json"),
    ] {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let answer = owner.get_with(&format!("{path}audit/{query}"), &headers).await;
        let met = (answer.status.as_u16(), answer.header("content-type"));
        assert_eq!(met, (status, Some(kind)), "{query} {accept:?}");
    }
    let elsewhere = owner.get(&format!("{path}members/?format=jsonl")).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "no other list has the form");
    let head = owner.send(Method::HEAD, &format!("{path}audit/?format=jsonl"), None).await;
    assert_eq!((head.status, head.empty), (StatusCode::OK, true));
}

/// The export of an organization with three seals, behind the records 1, 5 and 9.
async fn exported(site: &Site) -> Vec<String> {
    let path = history(site).await;
    let owner = site.member("owner");
    site.app().chores().step().await.unwrap();
    for _ in 0..600 {
        let change = json!({"description": "again"});
        let changed = owner.send(Method::PATCH, &format!("{path}roles/clerk/"), Some(change)).await;
        assert_eq!(changed.status, StatusCode::OK);
    }
    site.app().chores().step().await.unwrap();
    let renamed = owner.send(Method::PATCH, &path, Some(json!({"name": "Duo"}))).await;
    assert_eq!(renamed.status, StatusCode::OK);
    let text = owner.get(&format!("{path}audit/?format=jsonl")).await.text;
    assert!(text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn verify(lines: &[String], keys: &AuditKeys) -> Result<Counts, VerifyError> {
    export::verify(lines.join("\n").as_bytes(), keys)
}

#[actix_web::test]
async fn an_export_is_verified_without_the_database() {
    let site = Site::new(&[("ORG_AUDIT_KEY", KEY)]).await;
    let lines = exported(&site).await;
    let keys = AuditKeys::parse(KEY).unwrap();
    let expected = Counts { organizations: 1, records: 610, unsealed: 1, proven: 3, ..Counts::default() };
    assert_eq!(verify(&lines, &keys).unwrap(), expected);
    let unchecked = Counts { proven: 0, unchecked: 3, ..expected };
    assert_eq!(verify(&lines, &AuditKeys::default()).unwrap(), unchecked);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    let id = uuid::Uuid::parse_str(first["export"]["organization"].as_str().unwrap()).unwrap();
    let id = crate::store::organizations::OrgId::from_uuid(id);
    assert_eq!(database::verify(site.app().db(), id, &keys).await.unwrap(), expected);
}

#[actix_web::test]
async fn an_export_that_was_touched_is_not_verified() {
    let site = Site::new(&[("ORG_AUDIT_KEY", KEY)]).await;
    let (lines, keys) = (exported(&site).await, AuditKeys::parse(KEY).unwrap());
    let total = lines.len();
    assert_eq!(total, 615);
    for place in (0..12).chain(505..509).chain(total - 5..total) {
        let mut changed = lines.clone();
        changed.remove(place);
        assert!(verify(&changed, &keys).is_err(), "without line {place}: {}", lines[place]);
        if place + 1 < total {
            let mut changed = lines.clone();
            changed.swap(place, place + 1);
            assert!(verify(&changed, &keys).is_err(), "line {place} behind the next");
        }
        let mut changed = lines.clone();
        changed.insert(place, lines[place].clone());
        assert!(verify(&changed, &keys).is_err(), "line {place} twice");
        let mut changed = lines.clone();
        changed.truncate(place);
        assert!(verify(&changed, &keys).is_err(), "cut off before line {place}");
    }
    for (from, to, record) in [("owner", "other", 2), ("true", "false", 9), ("Acme", "Acne", 1)] {
        let mut changed = lines.clone();
        // Behind the first line, which says what it is, and the seal that an organization begins with.
        let place = if record == 1 { 1 } else { record + 1 };
        assert!(changed[place].contains(from), "{}", changed[place]);
        changed[place] = changed[place].replacen(from, to, 1);
        let fault = verify(&changed, &keys).unwrap_err().to_string();
        assert!(fault.contains(&format!("record {record}: changed")), "{fault}");
    }
}

#[actix_web::test]
async fn a_choice_of_records_is_exported_and_not_verified() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let text = site.member("owner").get(&format!("{path}audit/?format=jsonl&actor=admin")).await.text;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let seqs: Vec<i64> = lines[1..lines.len() - 1]
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["record"]["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, [3, 5, 7]);
    let refused = verify(&lines, &AuditKeys::default()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "line 1 of the export: a choice of records, which cannot be verified: export all of them"
    );
}

#[actix_web::test]
async fn every_change_of_an_organizations_life_is_in_order() {
    let site = Site::new(&[]).await;
    let path = history(&site).await;
    let owner = site.member("owner");
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    site.app().chores().step().await.unwrap();
    assert_eq!(owner.post(&format!("{path}restore/"), json!({})).await.status, StatusCode::OK);
    site.app().chores().step().await.unwrap();
    let counts = database::verify(site.app().db(), org_id(&path), &AuditKeys::default()).await.unwrap();
    assert_eq!(counts, Counts { organizations: 1, records: 11, plain: 3, ..Counts::default() });
}
