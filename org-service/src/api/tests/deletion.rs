//! Organizations are deleted, restored and purged.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use diesel::prelude::*;
use serde_json::json;

use super::{
    LIST,
    actors::{Actor, Site, org_id},
    assert_taken, assert_unknown,
};
use crate::schema::{audit, audit_seals, memberships, organizations, roles};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A deleted organization with a slug, a role and members.
async fn deleted(site: &Site) -> String {
    let owner = site.member("owner");
    let created = owner.post(LIST, json!({"name": "Acme", "slug": "acme"})).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let path = format!("{LIST}{}/", created.body["data"]["id"].as_str().unwrap());
    site.join(&path, "admin", "admin").await;
    let role = json!({"name": "janitor", "permissions": ["organization:delete"]});
    assert_eq!(owner.post(&format!("{path}roles/"), role).await.status, StatusCode::CREATED);
    site.join(&path, "janitor", "janitor").await;
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    path
}

async fn restore(actor: &Actor<'_>, path: &str) -> super::Answer {
    actor.post(&format!("{path}restore/"), json!({})).await
}

#[actix_web::test]
async fn who_could_delete_it_restores_it_as_it_was() {
    let site = Site::new(&[]).await;
    for who in ["owner", "janitor", "root"] {
        let path = deleted(&site).await;
        site.clock.advance(29 * DAY);
        let owner = site.member("owner");
        assert_unknown(&owner.get(&path).await);
        for other in [site.member("admin"), site.member("stranger")] {
            assert_unknown(&restore(&other, &path).await);
        }
        let who = if who == "root" { site.superuser(who) } else { site.member(who) };
        let restored = restore(&who, &path).await;
        assert_eq!(restored.status, StatusCode::OK, "{restored:?}");
        assert_eq!((&restored.body["name"], &restored.body["slug"]), (&json!("Acme"), &json!("acme")));
        let membership = site.member("admin").get(&format!("{path}membership/")).await;
        assert_eq!(membership.body["role"], "admin");
        let latest = owner.get(&format!("{path}audit/?page_size=2")).await.body;
        let actions = [&latest["results"][0]["action"], &latest["results"][1]["action"]];
        assert_eq!(actions, [&json!("organization.restored"), &json!("organization.deleted")]);
        assert_unknown(&restore(&owner, &path).await);
        assert_eq!(owner.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
        site.clock.advance(31 * DAY);
        site.app().chores().step().await.unwrap();
    }
}

#[actix_web::test]
async fn a_name_that_is_taken_by_now_is_told_to_whoever_may_know() {
    let site = Site::new(&[]).await;
    let path = deleted(&site).await;
    let other = site.organization(&site.member("other"), "Acme").await;
    assert_unknown(&restore(&site.member("stranger"), &path).await);
    assert_unknown(&restore(&site.member("admin"), &path).await);
    assert_taken(&restore(&site.member("owner"), &path).await);
    let renamed = site.member("other").send(Method::PATCH, &other, Some(json!({"name": "Other"}))).await;
    assert_eq!(renamed.status, StatusCode::OK);
    assert_eq!(restore(&site.member("owner"), &path).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn of_restores_that_race_one_wins() {
    let site = Site::new(&[]).await;
    let path = deleted(&site).await;
    let owner = site.member("owner");
    let answers = futures_util::future::join_all((0..6).map(|_| restore(&owner, &path))).await;
    let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        assert_unknown(lost);
    }
}

#[actix_web::test]
async fn the_counter_of_a_restored_organization_does_not_go_back() {
    let site = Site::new(&[]).await;
    let path = deleted(&site).await;
    let id = org_id(&path);
    let version = || {
        let row = organizations::table.find(id).select(organizations::membership_version);
        site.app().db().read(move |conn| row.first::<i64>(conn))
    };
    let before = version().await.unwrap();
    assert_eq!(restore(&site.member("owner"), &path).await.status, StatusCode::OK);
    assert!(version().await.unwrap() >= before && before > 1);
}

#[actix_web::test]
async fn after_the_window_it_is_gone_and_its_slug_free() {
    let site = Site::new(&[("ORG_RESTORE_WINDOW", "2d")]).await;
    let path = deleted(&site).await;
    let id = org_id(&path);
    let slug = json!({"name": "Another", "slug": "acme"});
    site.clock.advance(Duration::from_micros(2 * 24 * 3600 * 1_000_000 - 1));
    site.app().chores().step().await.unwrap();
    let taken = site.member("other").post(LIST, slug.clone()).await;
    assert_eq!(taken.status, StatusCode::BAD_REQUEST, "a slug is kept until the purge");
    site.clock.advance(Duration::from_micros(1));
    assert_unknown(&restore(&site.member("owner"), &path).await);
    site.app().chores().step().await.unwrap();
    let left = site.app().db().read(move |conn| {
        let rows: [i64; 5] = [
            organizations::table.find(id).count().get_result(conn)?,
            memberships::table.filter(memberships::org_id.eq(id)).count().get_result(conn)?,
            roles::table.filter(roles::org_id.eq(id)).count().get_result(conn)?,
            audit::table.filter(audit::org_id.eq(id)).count().get_result(conn)?,
            audit_seals::table.filter(audit_seals::org_id.eq(id)).count().get_result(conn)?,
        ];
        Ok(rows)
    });
    assert_eq!(left.await.unwrap(), [0; 5]);
    assert_eq!(site.member("other").post(LIST, slug).await.status, StatusCode::CREATED);
}
