//! `Idempotency-Key`.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{DbConnection, db::Undone};

use super::{
    LIST,
    actors::{Actor, Answer, Site},
};
use crate::act::Refused;

async fn create(actor: &Actor<'_>, body: Value, key: &str) -> Answer {
    actor.send_with(Method::POST, LIST, body, ("idempotency-key", key)).await
}

fn acme() -> Value {
    json!({"name": "Acme"})
}

#[actix_web::test]
async fn a_creation_asked_for_again_is_answered_again_and_not_done_again() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let first = create(&alice, acme(), "k").await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (StatusCode::CREATED, None));
    site.clock.advance(Duration::from_secs(60));
    let again =
        alice.send_with(Method::POST, LIST.trim_end_matches('/'), acme(), ("idempotency-key", "k")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (StatusCode::CREATED, Some("true")));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.body.to_string(), first.body.to_string());
    assert_eq!(alice.get(LIST).await.body["count"], 1);

    let other = create(&alice, json!({"name": "Other"}), "k").await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused"))
    );
    assert_eq!(create(&alice, json!({"name": "Other"}), "K").await.status, StatusCode::CREATED);
    let bobs = create(&site.member("2"), json!({"name": "Bob's"}), "k").await;
    assert_eq!((bobs.status, bobs.header("idempotent-replayed")), (StatusCode::CREATED, None));
}

#[actix_web::test]
async fn a_key_is_forgotten_after_a_day() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    create(&alice, acme(), "k").await;
    create(&alice, json!({"name": "B"}), "purged").await;
    site.clock.advance(Duration::from_secs(24 * 3600 - 1));
    site.app().chores().step().await.unwrap();
    let alice = site.member("1");
    assert_eq!(create(&alice, acme(), "k").await.header("idempotent-replayed"), Some("true"));
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(create(&alice, json!({"name": "C"}), "k").await.status, StatusCode::CREATED);
    site.app().chores().step().await.unwrap();
    assert_eq!(create(&alice, json!({"name": "D"}), "purged").await.status, StatusCode::CREATED);
    assert_eq!(create(&alice, json!({"name": "C"}), "k").await.header("idempotent-replayed"), Some("true"));
}

#[actix_web::test]
async fn refusals_are_not_kept() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    site.organization(&alice, "Acme").await;
    let taken = create(&alice, acme(), "k").await;
    assert_eq!(
        (taken.status, &taken.body["name"][0]),
        (StatusCode::BAD_REQUEST, &json!("organization with this name already exists."))
    );
    assert_eq!(create(&alice, json!({"name": ""}), "k").await.status, StatusCode::BAD_REQUEST);
    let fine = create(&alice, json!({"name": "Other"}), "k").await;
    assert_eq!((fine.status, fine.header("idempotent-replayed")), (StatusCode::CREATED, None));
}

#[actix_web::test]
async fn a_key_is_up_to_255_visible_characters() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    for key in ["", "a b", "\u{e9}", "a\tb", &"k".repeat(256)] {
        let answer = create(&alice, acme(), key).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::BAD_REQUEST, &json!("idempotency_key_invalid"))
        );
    }
    let longest = "~".repeat(255);
    assert_eq!(create(&alice, acme(), &longest).await.status, StatusCode::CREATED);
    assert_eq!(create(&alice, acme(), &longest).await.header("idempotent-replayed"), Some("true"));
}

#[actix_web::test]
async fn of_creations_that_race_under_one_key_one_is_done() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let racing = (0..8).map(|_| create(&alice, acme(), "k"));
    let answers = futures_util::future::join_all(racing).await;
    let new = answers
        .iter()
        .filter(|a| a.status == StatusCode::CREATED && a.header("idempotent-replayed").is_none());
    assert_eq!(new.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::CONFLICT, Some("1")));
        assert_eq!(answer.body["code"], "idempotency_key_in_use");
    }
    assert_eq!(create(&alice, acme(), "k").await.header("idempotent-replayed"), Some("true"));
    assert_eq!(alice.get(LIST).await.body["count"], 1);
}

#[actix_web::test]
async fn a_creation_under_way_in_another_replica_is_noticed() {
    let site = Site::new(&[]).await;
    if !site.app().db().url().is_postgres() {
        // SQLite's one writer would make the second wait, and then find the first one's answer.
        return;
    }
    let alice = site.member("1");
    let (held, locked) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let db = site.app().db().clone();
    let replica = tokio::spawn(async move {
        db.attempt(move |conn: &mut DbConnection| {
            assert!(conn.try_lock_exclusively("1 1 /api/v1/organization k")?);
            held.send(()).unwrap();
            released.recv().unwrap();
            Err::<(), _>(Undone::Refused(Refused::Forbidden))
        })
        .await
    });
    tokio::task::spawn_blocking(move || locked.recv()).await.unwrap().unwrap();
    assert_eq!(create(&alice, acme(), "k").await.status, StatusCode::CONFLICT);
    assert_eq!(create(&alice, acme(), "l").await.status, StatusCode::CREATED);
    release.send(()).unwrap();
    assert_eq!(replica.await.unwrap().unwrap(), Err(Refused::Forbidden));
    assert_eq!(create(&alice, json!({"name": "B"}), "k").await.status, StatusCode::CREATED);
}

#[actix_web::test]
async fn roles_are_defined_once_per_key_and_organization() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let (acme, other) = (site.organization(&alice, "Acme").await, site.organization(&alice, "Other").await);
    let new = json!({"name": "clerk", "permissions": ["member:read"]});
    let define = async |organization: &str| {
        let path = format!("{organization}roles/");
        alice.send_with(Method::POST, &path, new.clone(), ("idempotency-key", "k")).await
    };
    let first = define(&acme).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = define(&acme).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    let elsewhere = define(&other).await;
    assert_eq!((elsewhere.status, elsewhere.header("idempotent-replayed")), (StatusCode::CREATED, None));
}
