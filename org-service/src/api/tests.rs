//! The whole surface in actix's test service, over a real database.

mod accepting;
mod actors;
mod audit;
mod catalogue;
mod conditional;
mod cursors;
mod deletion;
mod growing;
mod inviting;
mod listing;
mod mailing;
mod mailing_safely;
mod matrix;
mod members;
mod people;
mod racing;
mod repeating;
mod short_lists;
mod smtp;
mod users;
mod waiting;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use actors::{Answer, Site};

const LIST: &str = "/api/v1/organization/";

#[actix_web::test]
async fn nobody_gets_in_without_a_token() {
    let site = Site::new(&[]).await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::OPTIONS] {
        let answer = site.anonymous().send(method, LIST, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"api\""));
    }
    for path in ["/api/v1/organization/abc/", "/api/v1/organization/-1/", "/api/v1/organizations/"] {
        assert_eq!(site.anonymous().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn a_token_that_can_name_nobody_is_refused() {
    let site = Site::new(&[]).await;
    for odd in ["a\0b".to_owned(), String::new(), "a".repeat(3000)] {
        let answer = site.member(&odd).post(LIST, json!({"name": "Acme"})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.body["detail"], "Token contained no recognizable user identification");
    }
}

#[actix_web::test]
async fn an_organization_lives_through_create_put_patch_and_delete() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let created = alice.post(LIST, json!({"name": " Acme ", "id": 99, "zzz": 1})).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(
        (&created.body["status"], &created.body["message"]),
        (&json!(true), &json!("Organization Added !"))
    );
    let data = &created.body["data"];
    let expected = json!({
        "id": data["id"], "name": "Acme", "description": "", "address": "", "website": "", "email": null,
        "is_active": true, "created_at": "2026-11-23T14:40:48Z", "updated_at": "2026-11-23T14:40:48Z",
    });
    assert_eq!(data.to_string(), expected.to_string());
    let path = format!("{LIST}{}/", data["id"].as_str().unwrap());

    site.clock.advance(std::time::Duration::from_micros(1_500_000));
    let put = alice.send(Method::PUT, &path, Some(json!({"name": "Acme", "email": "a@b.example"}))).await;
    assert_eq!(put.body["updated_at"], "2026-11-23T14:40:49.500000Z");
    let kept = alice.send(Method::PUT, &path, Some(json!({"name": "Solo"}))).await;
    assert_eq!((kept.status, &kept.body["email"]), (StatusCode::OK, &json!("a@b.example")));
    site.clock.advance(std::time::Duration::from_secs(1));
    let patched = alice.send(Method::PATCH, &path, Some(json!({}))).await;
    assert_eq!(
        (&patched.body["name"], &patched.body["updated_at"]),
        (&json!("Solo"), &json!("2026-11-23T14:40:50.500000Z"))
    );
    assert_eq!(alice.get(&path).await.body, patched.body);
    assert_eq!(alice.get(path.trim_end_matches('/')).await.body, patched.body);

    let deleted = alice.send(Method::DELETE, &path, None).await;
    assert_eq!((deleted.status, deleted.header("content-type")), (StatusCode::NO_CONTENT, None));
    assert!(deleted.empty);
    assert_eq!(deleted.header("allow"), Some("GET, PUT, PATCH, DELETE, HEAD, OPTIONS"));
    assert_unknown(&alice.send(Method::DELETE, &path, None).await);
}

fn assert_unknown(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body, json!({"detail": "No Organization matches the given query."}));
}

#[actix_web::test]
async fn the_object_is_looked_up_after_the_method_and_before_the_body() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    for id in ["4242", "0", "99999999999999999999999", "019ab1f0-0000-7000-8000-000000000000"] {
        let path = format!("{LIST}{id}/");
        assert_unknown(&alice.get(&path).await);
        assert_unknown(&alice.raw(Method::PUT, &path, "application/json", "{").await);
        assert_unknown(&alice.raw(Method::PATCH, &path, "text/plain", "x").await);
        let post = alice.post(&path, json!({})).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(post.body, json!({"detail": "Method \"POST\" not allowed."}));
    }
    let no_id = alice.get(&format!("{LIST}------------------------------------/")).await;
    assert_eq!((no_id.status, no_id.body), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})));
    let path = site.organization(&alice, "Acme").await;
    let malformed = alice.raw(Method::PUT, &path, "application/json", "{").await;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST);
    let plain = alice.raw(Method::PUT, &path, "text/plain", "x").await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let unnamed = alice.send(Method::PUT, &path, Some(json!({"description": "x"}))).await;
    assert_eq!(unnamed.body, json!({"name": ["This field is required."]}));
}

#[actix_web::test]
async fn fields_are_checked_as_the_original_checks_them() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    for (body, field, message) in [
        (json!({}), "name", "This field is required."),
        (json!({"name": ""}), "name", "This field may not be blank."),
        (json!({"name": "n".repeat(101)}), "name", "Ensure this field has no more than 100 characters."),
        (
            json!({"name": "A", "address": "a".repeat(256)}),
            "address",
            "Ensure this field has no more than 255 characters.",
        ),
        (json!({"name": "A", "website": "javascript:alert(1)"}), "website", "Enter a valid URL."),
        (json!({"name": "A", "website": null}), "website", "This field may not be null."),
        (json!({"name": "A", "email": "a@"}), "email", "Enter a valid email address."),
        (json!({"name": "A", "is_active": "maybe"}), "is_active", "Must be a valid boolean."),
        (json!({"name": "A", "is_active": null}), "is_active", "This field may not be null."),
    ] {
        let answer = alice.post(LIST, body).await;
        assert_eq!((answer.status, answer.body), (StatusCode::BAD_REQUEST, json!({field: [message]})));
    }
    let form = alice.raw(Method::POST, LIST, "application/x-www-form-urlencoded", "name=A&email=").await;
    let data = &form.body["data"];
    assert_eq!((&data["email"], &data["is_active"]), (&json!(""), &json!(false)));
}

#[actix_web::test]
async fn of_creates_that_race_for_a_name_one_wins() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let racing = (0..8).map(|_| alice.post(LIST, json!({"name": "Acme"})));
    let answers = futures_util::future::join_all(racing).await;
    let won = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_taken(lost);
    }
    let path = site.organization(&alice, "Other").await;
    assert_taken(&alice.send(Method::PATCH, &path, Some(json!({"name": " Acme "}))).await);
}

fn assert_taken(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body, json!({"name": ["organization with this name already exists."]}));
}

#[actix_web::test]
async fn others_organizations_do_not_exist_unless_the_setting_says_so() {
    for (visibility, shared) in [("member", false), ("all", true)] {
        let site = Site::new(&[("ORG_VISIBILITY", visibility)]).await;
        let path = site.organization(&site.member("1"), "Acme").await;
        let bob = site.member("2");
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = bob.send(method.clone(), &path, Some(json!({"name": "Mine"}))).await;
            if shared {
                assert!(answer.status.is_success(), "{method}");
            } else {
                assert_unknown(&answer);
            }
        }
        let expected = i64::from(!shared);
        assert_eq!(bob.get(LIST).await.body["count"], 0);
        assert_eq!(site.superuser("3").get(LIST).await.body["count"], expected);
    }
}

#[actix_web::test]
async fn options_describe_the_fields_in_order() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let list = alice.send(Method::OPTIONS, LIST, None).await;
    assert_eq!(list.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    let post = &list.body["actions"]["POST"];
    let names: Vec<&String> = post.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 9);
    assert_eq!(
        post["name"].to_string(),
        r#"{"type":"string","required":true,"read_only":false,"label":"Name","max_length":100}"#
    );
    assert_eq!(post["id"]["read_only"], json!(true));
    let path = site.organization(&alice, "Acme").await;
    let detail = alice.send(Method::OPTIONS, &path, None).await;
    assert_eq!(
        (&detail.body["name"], &detail.body["actions"]["PUT"]),
        (&json!("Organization Detail Api"), post)
    );
    let unknown = alice.send(Method::OPTIONS, &format!("{LIST}4242/"), None).await;
    assert_eq!((unknown.status, &unknown.body["actions"]), (StatusCode::OK, &Value::Null));
}
