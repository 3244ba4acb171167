//! Invitations as those see them who are invited.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{actors::Actor, people::Inviting};
use crate::{
    handle::Handle,
    store::{organizations::OrgId, roles},
};

const MINE: &str = "/api/v1/organization/invitations/";
const ACCEPT: &str = "/api/v1/organization/invitations/accept/";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

async fn assert_unknown(actor: &Actor<'_>, body: Value) {
    let answer = actor.post(ACCEPT, body.clone()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{body}");
    assert_eq!(answer.body, json!({"detail": "No Invitation matches the given query."}), "{body}");
}

#[actix_web::test]
async fn who_has_the_invited_address_becomes_a_member() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ADA@example.org", true);
    let handle = world.handle("ada@Example.ORG", "viewer").await;
    let ada = world.site.member("2");
    let accepted = ada.post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    let membership = &accepted.body["membership"];
    assert_eq!((&membership["user_id"], &membership["role"]), (&json!("2"), &json!("viewer")));
    let path = format!("/api/v1/organization/{}/", accepted.body["organization"].as_str().unwrap());
    assert_eq!(path, world.path);
    assert_eq!(ada.get(&path).await.status, StatusCode::OK);
    assert_unknown(&ada, json!({"handle": handle})).await;
    world.people.add("3", "ada@example.org", true);
    assert_unknown(&world.site.member("3"), json!({"handle": handle})).await;
}

#[actix_web::test]
async fn the_addressee_finds_and_accepts_it_without_a_mail() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    world.people.add("3", "eve@example.org", true);
    let path = world.invite("ada@example.org", "member").await;
    let ada = world.site.member("2");
    let mine = ada.get(MINE).await.body;
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap();
    let expected = json!([{
        "id": id,
        "organization": {"id": mine["results"][0]["organization"]["id"], "name": "Acme", "slug": null},
        "role": "member", "invited_by": "1",
        "created_at": "2026-11-23T14:40:48Z", "expires_at": "2026-11-30T14:40:48Z",
    }]);
    assert_eq!((&mine["count"], &mine["results"]), (&json!(1), &expected));
    let eve = world.site.member("3");
    assert_eq!(eve.get(MINE).await.body["count"], 0);
    assert_unknown(&eve, json!({"invitation": id})).await;
    let accepted = ada.post(ACCEPT, json!({"invitation": id})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    assert_eq!(world.role_of("2").await, Some(json!("member")));
    assert_eq!(ada.get(MINE).await.body["count"], 0);
    assert_unknown(&ada, json!({"invitation": id})).await;
}

#[actix_web::test]
async fn only_a_proven_address_counts() {
    let world = Inviting::new(&[]).await;
    let handle = world.handle("kate@example.org", "member").await;
    let id = world.site.member("1").get(&format!("{}invitations/", world.path)).await.body;
    let id = id["results"][0]["id"].clone();
    world.people.add("2", "eve@example.org", true);
    world.people.add("3", "kate@example.org", false);
    world.people.add("4", "\u{212a}ate@example.org", true);
    world.people.add("5", "", true);
    world.people.add("6", "kate@example.org", true);
    world.people.deactivate("6");
    for user in ["2", "3", "4", "5", "6", "nobody"] {
        let actor = world.site.member(user);
        let refused = actor.post(ACCEPT, json!({"handle": handle})).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::FORBIDDEN, &json!("other_address")));
        assert_unknown(&actor, json!({"invitation": id})).await;
        assert_eq!(actor.get(MINE).await.body["count"], 0, "{user}");
        assert_eq!(world.role_of(user).await, None);
    }
    // Being a superuser proves no address.
    let refused = world.site.superuser("2").post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    world.people.add("3", "kate@example.org", true);
    let accepted = world.site.member("3").post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!(accepted.status, StatusCode::OK);
}

#[actix_web::test]
async fn where_any_address_will_do_the_handle_lets_in_and_an_id_does_not() {
    let world = Inviting::new(&[("ORG_INVITATION_ADDRESS", "any")]).await;
    let handle = world.handle("ada@example.org", "member").await;
    let list = world.site.member("1").get(&format!("{}invitations/", world.path)).await.body;
    let id = list["results"][0]["id"].clone();
    let stranger = world.site.member("2");
    assert_unknown(&stranger, json!({"invitation": id})).await;
    world.people.add("2", "ada@example.org", false);
    assert_unknown(&stranger, json!({"invitation": id})).await;
    assert_eq!(stranger.get(MINE).await.body["count"], 0);
    world.people.be_away(true);
    let accepted = stranger.post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
}

#[actix_web::test]
async fn whatever_no_longer_holds_is_one_and_the_same_answer() {
    let world = Inviting::new(&[]).await;
    for user in ["2", "3", "4", "5"] {
        world.people.add(user, &format!("{user}@example.org"), true);
    }
    let owner = world.site.member("1");
    let revoked = world.invite("2@example.org", "member").await;
    let revoked_handle = world.handles().await.pop().unwrap();
    assert_eq!(owner.send(Method::DELETE, &revoked, None).await.status, StatusCode::NO_CONTENT);
    let revoked_id = revoked.trim_end_matches('/').rsplit('/').next().unwrap();
    let expired = world.handle("3@example.org", "member").await;
    let other = world.site.organization(&owner, "Other").await;
    let body = json!({"email": "4@example.org", "role": "member"});
    assert_eq!(owner.post(&format!("{other}invitations/"), body).await.status, StatusCode::CREATED);
    let orphaned = world.handles().await.pop().unwrap();
    assert_eq!(owner.send(Method::DELETE, &other, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.site.member("4").get(MINE).await.body["count"], 0);
    assert_unknown(&world.site.member("4"), json!({"handle": orphaned})).await;
    assert_unknown(&world.site.member("2"), json!({"handle": revoked_handle})).await;
    assert_unknown(&world.site.member("2"), json!({"invitation": revoked_id})).await;
    let anybody = world.site.member("5");
    assert_unknown(&anybody, json!({"handle": Handle::random().expose()})).await;
    for odd in ["x", "é", "A".repeat(255).as_str(), &format!("{expired}A")] {
        assert_unknown(&anybody, json!({"handle": odd})).await;
        assert_unknown(&anybody, json!({"invitation": odd})).await;
    }
    world.site.clock.advance(WEEK.saturating_sub(Duration::from_micros(1)));
    assert_eq!(world.site.member("3").get(MINE).await.body["count"], 1);
    world.site.clock.advance(Duration::from_micros(1));
    assert_eq!(world.site.member("3").get(MINE).await.body["count"], 0);
    assert_unknown(&world.site.member("3"), json!({"handle": expired})).await;
    for user in ["2", "3", "4", "5"] {
        assert_eq!(world.role_of(user).await, None);
    }
}

#[actix_web::test]
async fn while_the_auth_service_is_away_nobody_is_let_in() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let handle = world.handle("ada@example.org", "member").await;
    let list = world.site.member("1").get(&format!("{}invitations/", world.path)).await.body;
    let id = list["results"][0]["id"].clone();
    world.people.be_away(true);
    let ada = world.site.member("2");
    let unknown = Handle::random();
    for body in [json!({"handle": handle}), json!({"handle": unknown.expose()}), json!({"invitation": id})] {
        let answer = ada.post(ACCEPT, body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(ada.get(MINE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.role_of("2").await, None);
    world.people.be_away(false);
    assert_eq!(ada.post(ACCEPT, json!({"handle": handle})).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_member_keeps_their_role_and_the_invitation_stays() {
    let world = Inviting::new(&[]).await;
    world.people.add("1", "owner@example.org", true);
    let path = world.invite("owner@example.org", "viewer").await;
    let handle = world.handles().await.pop().unwrap();
    let owner = world.site.member("1");
    let answer = owner.post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("already_member")));
    assert_eq!(world.role_of("1").await, Some(json!("owner")));
    assert_eq!(owner.get(&path).await.body["status"], "pending");
}

#[actix_web::test]
async fn a_role_that_is_gone_lets_nobody_in() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let role = json!({"name": "clerk", "permissions": ["member:read"]});
    let defined = world.site.member("1").post(&format!("{}roles/", world.path), role).await;
    assert_eq!(defined.status, StatusCode::CREATED);
    let handle = world.handle("ada@example.org", "clerk").await;
    // As the release before does it, which looks at members alone.
    let org_id = world.path.trim_end_matches('/').rsplit('/').next().unwrap();
    let org_id = OrgId::from_uuid(org_id.parse().unwrap());
    world.site.app().db().write(move |conn| roles::delete(conn, org_id, "clerk")).await.unwrap();
    let answer = world.site.member("2").post(ACCEPT, json!({"handle": handle})).await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("role_gone")));
    assert_eq!(world.role_of("2").await, None);
}

#[actix_web::test]
async fn a_token_for_an_organization_leads_into_no_other() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let handle = world.handle("ada@example.org", "member").await;
    for bound in [&world.path, "/api/v1/organization/019ab1f0-0000-7000-8000-000000000000/"] {
        let scoped = world.site.scoped("2", false, bound);
        assert_eq!(scoped.post(ACCEPT, json!({"handle": handle})).await.status, StatusCode::FORBIDDEN);
        assert_eq!(scoped.get(MINE).await.status, StatusCode::FORBIDDEN);
    }
    for (method, path) in [(Method::GET, MINE), (Method::POST, ACCEPT)] {
        let anonymous = world.site.anonymous().send(method, path, None).await;
        assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.role_of("2").await, None);
}

#[actix_web::test]
async fn one_thing_names_the_invitation() {
    let world = Inviting::new(&[]).await;
    let actor = world.site.member("2");
    for (body, field) in [
        (json!({}), "non_field_errors"),
        (json!({"handle": "a", "invitation": "b"}), "non_field_errors"),
        (json!({"handle": ""}), "handle"),
        (json!({"handle": null}), "handle"),
        (json!({"invitation": {"id": 1}}), "invitation"),
        (json!({"handle": "a".repeat(256)}), "handle"),
    ] {
        let answer = actor.post(ACCEPT, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.body[field].is_array(), "{body} {}", answer.body);
    }
}

#[actix_web::test]
async fn who_comes_back_gets_tokens_above_the_old_ones() {
    let world = Inviting::new(&[]).await;
    world.people.add("2", "ada@example.org", true);
    let handle = world.handle("ada@example.org", "member").await;
    assert_eq!(world.site.member("2").post(ACCEPT, json!({"handle": handle})).await.status, StatusCode::OK);
    let org_id = world.path.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    let roster = world.site.app().roster();
    let before = roster.membership(&org_id, "2".to_owned()).await.unwrap().unwrap();
    let member = format!("{}members/2/", world.path);
    let removed = world.site.member("1").send(Method::DELETE, &member, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(roster.membership(&org_id, "2".to_owned()).await.unwrap(), None);
    world.site.clock.advance(Duration::from_secs(60));
    let handle = world.handle("ada@example.org", "viewer").await;
    assert_eq!(world.site.member("2").post(ACCEPT, json!({"handle": handle})).await.status, StatusCode::OK);
    let after = roster.membership(&org_id, "2".to_owned()).await.unwrap().unwrap();
    assert!(after.version > before.version, "{after:?} {before:?}");
    assert_eq!(after.role, "viewer");
}
