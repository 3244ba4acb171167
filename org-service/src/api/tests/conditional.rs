//! `ETag`, `If-Match` and `If-None-Match`.

use actix_web::http::{Method, StatusCode};
use serde_json::json;

use super::{LIST, actors::Site};

const IF_MATCH: &str = "if-match";

#[actix_web::test]
async fn an_organization_is_changed_by_who_has_seen_it_as_it_is() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let path = site.organization(&alice, "Acme").await;
    let first = alice.get(&path).await.header("etag").unwrap().to_owned();
    assert!(first.starts_with('"'), "{first}");
    for method in [Method::PUT, Method::PATCH] {
        let seen = alice.get(&path).await.header("etag").unwrap().to_owned();
        let saved = alice.send_with(method.clone(), &path, json!({"name": "A"}), (IF_MATCH, &seen)).await;
        assert_eq!(saved.status, StatusCode::OK);
        assert_ne!(saved.header("etag"), Some(&*seen));
        assert_eq!(saved.header("etag"), alice.get(&path).await.header("etag"));
        let late = alice.send_with(method, &path, json!({"name": "B"}), (IF_MATCH, &seen)).await;
        assert_eq!(
            (late.status, &late.body["code"]),
            (StatusCode::PRECONDITION_FAILED, &json!("precondition_failed"))
        );
    }
    assert_eq!(alice.get(&path).await.body["name"], "A");
    for (condition, status) in [
        ("*", StatusCode::OK),
        ("W/\"x\"", StatusCode::PRECONDITION_FAILED),
        (&first, StatusCode::PRECONDITION_FAILED),
    ] {
        assert_eq!(
            alice.send_with(Method::PATCH, &path, json!({}), (IF_MATCH, condition)).await.status,
            status
        );
    }
    let invalid = alice.send_with(Method::PATCH, &path, json!({"name": ""}), (IF_MATCH, &first)).await;
    assert_eq!(invalid.status, StatusCode::BAD_REQUEST);
    let bob = site.member("2").send_with(Method::PATCH, &path, json!({}), (IF_MATCH, "*")).await;
    assert_eq!(bob.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn of_changes_that_race_with_the_same_tag_one_is_made() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let path = site.organization(&alice, "Acme").await;
    let seen = alice.get(&path).await.header("etag").unwrap().to_owned();
    let racing = (0..8).map(|number| {
        alice.send_with(Method::PATCH, &path, json!({"description": number.to_string()}), (IF_MATCH, &seen))
    });
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(racing).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[actix_web::test]
async fn who_has_an_organization_as_it_is_is_not_sent_it_again() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let path = site.organization(&alice, "Acme").await;
    let seen = alice.get(&path).await.header("etag").unwrap().to_owned();
    let again = alice.get_with(&path, &[("if-none-match", &seen)]).await;
    assert_eq!(
        (again.status, again.empty, again.header("etag")),
        (StatusCode::NOT_MODIFIED, true, Some(&*seen))
    );
    alice.send(Method::PATCH, &path, Some(json!({}))).await;
    assert_eq!(alice.get_with(&path, &[("if-none-match", &seen)]).await.status, StatusCode::OK);
    let stranger = site.member("2").get_with(&path, &[("if-none-match", "*")]).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn members_and_roles_are_changed_by_who_has_seen_them_as_they_are() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let path = site.organization(&alice, "Acme").await;
    let role = format!("{path}roles/clerk/");
    let new = json!({"name": "clerk", "permissions": ["member:read"]});
    assert_eq!(alice.post(&format!("{path}roles/"), new.clone()).await.status, StatusCode::CREATED);
    let seen = alice.get(&role).await.header("etag").unwrap().to_owned();
    let changed = alice.send_with(Method::PATCH, &role, json!({"description": "x"}), (IF_MATCH, &seen)).await;
    assert_eq!(changed.status, StatusCode::OK);
    for (method, body) in [(Method::PATCH, json!({"description": "y"})), (Method::DELETE, json!({}))] {
        let late = alice.send_with(method, &role, body, (IF_MATCH, &seen)).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    }
    assert_eq!(alice.get(&role).await.body["description"], "x");
    let now = changed.header("etag").unwrap();
    assert_eq!(
        alice.send_with(Method::DELETE, &role, json!({}), (IF_MATCH, now)).await.status,
        StatusCode::NO_CONTENT
    );
    site.clock.advance(std::time::Duration::from_micros(1));
    alice.post(&format!("{path}roles/"), new).await;
    let anew = alice.send_with(Method::DELETE, &role, json!({}), (IF_MATCH, &seen)).await;
    assert_eq!(anew.status, StatusCode::PRECONDITION_FAILED, "another role of the same name");

    let member = format!("{path}members/1/");
    let seen = alice.get(&member).await.header("etag").unwrap().to_owned();
    assert_eq!(alice.get_with(&member, &[("if-none-match", &seen)]).await.status, StatusCode::OK);
    let body = || json!({"role": "owner"});
    site.clock.advance(std::time::Duration::from_micros(1));
    let kept = alice.send_with(Method::PATCH, &member, body(), (IF_MATCH, &seen)).await;
    assert_eq!(kept.status, StatusCode::OK);
    let late = alice.send_with(Method::PATCH, &member, body(), (IF_MATCH, &seen)).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let removed = alice.send_with(Method::DELETE, &member, json!({}), (IF_MATCH, &seen)).await;
    assert_eq!(removed.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(alice.get(LIST).await.body["count"], 1);
}

#[actix_web::test]
async fn an_organization_is_deleted_by_who_has_seen_it_as_it_is() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let path = site.organization(&alice, "Acme").await;
    let seen = alice.get(&path).await.header("etag").unwrap().to_owned();
    let changed = alice.send_with(Method::PATCH, &path, json!({"name": "A"}), (IF_MATCH, &seen)).await;
    let late = alice.send_with(Method::DELETE, &path, json!({}), (IF_MATCH, &seen)).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(alice.get(&path).await.status, StatusCode::OK);
    let now = changed.header("etag").unwrap();
    let deleted = alice.send_with(Method::DELETE, &path, json!({}), (IF_MATCH, now)).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(alice.get(&path).await.status, StatusCode::NOT_FOUND);
}
