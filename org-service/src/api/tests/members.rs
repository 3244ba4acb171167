//! Members and roles over HTTP.

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::actors::{Actor, Answer, Site};

/// An organization of user 1's, with an admin 2, a member 3 and a viewer 4.
async fn staffed(site: &Site) -> String {
    let path = site.organization(&site.member("1"), "Acme").await;
    for (user_id, role) in [("2", "admin"), ("3", "member"), ("4", "viewer")] {
        site.join(&path, user_id, role).await;
    }
    path
}

async fn role_of(actor: &Actor<'_>, path: &str, user_id: &str) -> Value {
    actor.get(&format!("{path}members/{user_id}/")).await.body["role"].clone()
}

async fn give(actor: &Actor<'_>, path: &str, user_id: &str, role: &str) -> Answer {
    let member = format!("{path}members/{user_id}/");
    actor.send(Method::PATCH, &member, Some(json!({ "role": role }))).await
}

async fn remove(actor: &Actor<'_>, path: &str, user_id: &str) -> Answer {
    actor.send(Method::DELETE, &format!("{path}members/{user_id}/"), None).await
}

#[actix_web::test]
async fn whoever_creates_an_organization_owns_it_and_members_are_listed() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let alice = site.member("1");
    let own = alice.get(&format!("{path}membership/")).await;
    assert_eq!((&own.body["role"], &own.body["user_id"]), (&json!("owner"), &json!("1")));
    assert!(own.body["permissions"].as_array().unwrap().contains(&json!("organization:delete")));
    let listed = site.member("4").get(&format!("{path}members/?page_size=2")).await;
    assert_eq!((&listed.body["count"], &listed.body["results"][1]["role"]), (&json!(4), &json!("admin")));
    let none = alice.get(&format!("{path}members/5/")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.body, json!({"detail": "No Membership matches the given query."}));
}

#[actix_web::test]
async fn nobody_gives_or_takes_a_role_that_holds_more_than_theirs() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let (owner, admin, member) = (site.member("1"), site.member("2"), site.member("3"));
    for (actor, whom, role, expected) in [
        (&member, "4", "member", StatusCode::FORBIDDEN),
        (&admin, "3", "owner", StatusCode::FORBIDDEN),
        (&admin, "1", "viewer", StatusCode::FORBIDDEN),
        (&admin, "2", "owner", StatusCode::FORBIDDEN),
        (&admin, "3", "nonsense", StatusCode::BAD_REQUEST),
        (&admin, "9", "viewer", StatusCode::NOT_FOUND),
        (&admin, "3", "admin", StatusCode::OK),
        (&owner, "2", "owner", StatusCode::OK),
    ] {
        let answer = give(actor, &path, whom, role).await;
        assert_eq!(answer.status, expected, "{whom} {role}: {}", answer.body);
    }
    let unknown = give(&owner, &path, "3", "nonsense").await;
    assert_eq!(unknown.body, json!({"role": ["There is no such role."]}));
    assert_eq!(remove(&site.member("3"), &path, "1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(remove(&site.member("3"), &path, "4").await.status, StatusCode::NO_CONTENT);
    assert_eq!(role_of(&owner, &path, "2").await, "owner");
}

#[actix_web::test]
async fn the_last_owner_can_neither_leave_nor_be_removed_nor_be_demoted() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let (owner, root) = (site.member("1"), site.superuser("9"));
    let last = |answer: &Answer| {
        assert_eq!((answer.status, &answer.body["code"]), (StatusCode::CONFLICT, &json!("last_owner")));
    };
    last(&give(&owner, &path, "1", "admin").await);
    last(&give(&root, &path, "1", "viewer").await);
    last(&remove(&root, &path, "1").await);
    last(&remove(&owner, &path, "1").await);
    last(&owner.send(Method::DELETE, &format!("{path}membership/"), None).await);
    assert_eq!(give(&owner, &path, "1", "owner").await.status, StatusCode::OK);
    assert_eq!(give(&owner, &path, "2", "owner").await.status, StatusCode::OK);
    assert_eq!(give(&owner, &path, "1", "admin").await.status, StatusCode::OK);
    last(&remove(&root, &path, "2").await);
}

#[actix_web::test]
async fn of_two_owners_who_demote_each_other_one_stays() {
    let site = Site::new(&[]).await;
    for round in 0..12 {
        let path = site.organization(&site.member("1"), &format!("Acme {round}")).await;
        site.join(&path, "2", "owner").await;
        let (one, two) = (site.member("1"), site.member("2"));
        let both = futures_util::future::join(
            async {
                if round % 2 == 0 {
                    give(&one, &path, "2", "viewer").await
                } else {
                    remove(&one, &path, "1").await
                }
            },
            async {
                if round % 3 == 0 {
                    give(&two, &path, "1", "viewer").await
                } else {
                    remove(&two, &path, "2").await
                }
            },
        );
        let (first, second) = both.await;
        assert!(first.status.is_success() || second.status.is_success(), "{first:?} {second:?}");
        let members = site.superuser("9").get(&format!("{path}members/?role=owner")).await;
        let owners = members.body["results"].as_array().unwrap().iter();
        let owners = owners.filter(|member| member["role"] == "owner").count();
        assert_eq!(owners, 1, "round {round}: {first:?} {second:?}");
    }
}

#[actix_web::test]
async fn an_owner_hands_the_organization_over_and_becomes_an_admin() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let (owner, admin) = (site.member("1"), site.member("2"));
    let transfer = async |actor: &Actor<'_>, to: &str| {
        actor.post(&format!("{path}transfer/"), json!({ "user_id": to })).await
    };
    assert_eq!(transfer(&admin, "2").await.status, StatusCode::FORBIDDEN);
    assert_eq!(transfer(&owner, "9").await.status, StatusCode::NOT_FOUND);
    assert_eq!(transfer(&owner, "1").await.status, StatusCode::CONFLICT);
    let done = transfer(&owner, "3").await;
    assert_eq!((done.status, &done.body["role"]), (StatusCode::OK, &json!("owner")));
    assert_eq!(role_of(&admin, &path, "1").await, "admin");
    assert_eq!(transfer(&owner, "2").await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn who_has_left_sees_nothing_any_more() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let bob = site.member("3");
    assert_eq!(bob.get(&path).await.status, StatusCode::OK);
    let left = bob.send(Method::DELETE, &format!("{path}membership/"), None).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    for hidden in [path.clone(), format!("{path}members/"), format!("{path}membership/")] {
        let answer = bob.get(&hidden).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.body, json!({"detail": "No Organization matches the given query."}));
    }
    assert_eq!(bob.get(super::LIST).await.body["count"], 0);
}

#[actix_web::test]
async fn an_organization_defines_roles_within_what_their_maker_holds() {
    let site = Site::new(&[
        ("ORG_PERMISSIONS", "invoice:read,invoice:write"),
        ("ORG_MEMBER_PERMISSIONS", "invoice:read"),
    ])
    .await;
    let path = staffed(&site).await;
    let (owner, admin) = (site.member("1"), site.member("2"));
    let roles = format!("{path}roles/");
    let define = async |actor: &Actor<'_>, name: &str, permissions: Value| {
        actor.post(&roles, json!({"name": name, "permissions": permissions})).await
    };
    let made = define(&admin, "clerk", json!(["invoice:write", "member:read", "member:read"])).await;
    assert_eq!(
        (made.status, &made.body["permissions"]),
        (StatusCode::CREATED, &json!(["invoice:write", "member:read"]))
    );
    for (name, permissions, field) in [
        ("clerk", json!([]), "name"),
        ("viewer", json!([]), "name"),
        ("Clerk", json!([]), "name"),
        ("сlerk", json!([]), "name"),
        ("x", json!(["invoice:delete"]), "permissions"),
        ("x", json!(["invoice"]), "permissions"),
        ("x", json!(["*:*"]), "permissions"),
        ("x", json!("invoice:read"), "permissions"),
        ("x", json!([["invoice:read"]]), "permissions"),
        ("x", json!([null]), "permissions"),
        ("x", Value::Null, "permissions"),
    ] {
        let answer = define(&owner, name, permissions.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {permissions}: {}", answer.body);
        assert!(answer.body[field].is_array(), "{name} {permissions}: {}", answer.body);
    }
    // Only owners delete organizations, so only they put that into a role.
    let delete = json!(["organization:delete"]);
    assert_eq!(define(&admin, "boss", delete.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(define(&owner, "boss", delete).await.status, StatusCode::CREATED);
    assert_eq!(give(&admin, &path, "3", "boss").await.status, StatusCode::FORBIDDEN);
    let boss = format!("{roles}boss/");
    let weaker = Some(json!({"permissions": ["member:read"]}));
    assert_eq!(admin.send(Method::PATCH, &boss, weaker).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.send(Method::DELETE, &boss, None).await.status, StatusCode::FORBIDDEN);
    let listed = site.member("4").get(&format!("{roles}?page_size=100")).await;
    let names: Vec<&str> =
        listed.body["results"].as_array().unwrap().iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["owner", "admin", "member", "viewer", "boss", "clerk"]);
    assert_eq!(listed.body["results"][2]["permissions"][0], "invoice:read");
}

#[actix_web::test]
async fn a_role_counts_as_it_is_defined_now_and_is_not_removed_while_held() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let (owner, holder) = (site.member("1"), site.member("3"));
    let role = format!("{path}roles/keeper/");
    let keeper = json!({"name": "keeper", "permissions": ["organization:read", "organization:update"]});
    assert_eq!(owner.post(&format!("{path}roles/"), keeper).await.status, StatusCode::CREATED);
    assert_eq!(give(&owner, &path, "3", "keeper").await.status, StatusCode::OK);
    let rename = async || holder.send(Method::PATCH, &path, Some(json!({"description": "x"}))).await.status;
    assert_eq!(rename().await, StatusCode::OK);
    let weaker = Some(json!({"permissions": ["organization:read"]}));
    assert_eq!(owner.send(Method::PATCH, &role, weaker).await.status, StatusCode::OK);
    assert_eq!(rename().await, StatusCode::FORBIDDEN);
    let held = owner.send(Method::DELETE, &role, None).await;
    assert_eq!((held.status, &held.body["code"]), (StatusCode::CONFLICT, &json!("role_held")));
    assert_eq!(give(&owner, &path, "3", "viewer").await.status, StatusCode::OK);
    assert_eq!(owner.send(Method::DELETE, &role, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(owner.get(&role).await.status, StatusCode::NOT_FOUND);
    let built_in = owner.send(Method::DELETE, &format!("{path}roles/viewer/"), None).await;
    assert_eq!((built_in.status, &built_in.body["code"]), (StatusCode::CONFLICT, &json!("built_in_role")));
}

#[actix_web::test]
async fn of_a_role_that_is_given_and_removed_at_once_no_holder_is_left_without() {
    let site = Site::new(&[]).await;
    let path = staffed(&site).await;
    let owner = site.member("1");
    for round in 0..8 {
        let name = format!("r{round}");
        let new = json!({"name": name, "permissions": ["organization:read"]});
        assert_eq!(owner.post(&format!("{path}roles/"), new).await.status, StatusCode::CREATED);
        let role = format!("{path}roles/{name}/");
        let (given, removed) = futures_util::future::join(
            give(&owner, &path, "3", &name),
            owner.send(Method::DELETE, &role, None),
        )
        .await;
        assert!(given.status.is_success() != removed.status.is_success(), "{given:?} {removed:?}");
        let held = role_of(&owner, &path, "3").await;
        assert_eq!(held == json!(name), given.status.is_success());
        assert_eq!(give(&owner, &path, "3", "member").await.status, StatusCode::OK);
    }
}

#[actix_web::test]
async fn a_slug_is_unique_until_its_organization_is_purged_and_a_name_until_it_is_deleted() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let acme = json!({"name": "Acme", "slug": "acme"});
    let made = alice.post(super::LIST, acme.clone()).await;
    assert_eq!((made.status, &made.body["data"]["slug"]), (StatusCode::CREATED, &json!("acme")));
    let taken = alice.post(super::LIST, json!({"name": "Other", "slug": "acme"})).await;
    assert_eq!(taken.body, json!({"slug": ["organization with this slug already exists."]}));
    let both = alice.post(super::LIST, json!({"name": "Acme", "slug": "other"})).await;
    assert_eq!(both.body, json!({"name": ["organization with this name already exists."]}));
    for odd in ["Acme", "acmé", "а-cyrillic", "a_b", "-a", "0a", "a\u{200d}b"] {
        let answer = alice.post(super::LIST, json!({"name": odd, "slug": odd})).await;
        assert_eq!((answer.status, answer.body["slug"].is_array()), (StatusCode::BAD_REQUEST, true), "{odd}");
    }
    let path = format!("{}{}/", super::LIST, made.body["data"]["id"].as_str().unwrap());
    assert_eq!(alice.send(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let again = alice.post(super::LIST, acme).await;
    assert_eq!(again.body, json!({"slug": ["organization with this slug already exists."]}));
    let named = alice.post(super::LIST, json!({"name": "Acme"})).await;
    assert_eq!((named.status, &named.body["data"]["slug"]), (StatusCode::CREATED, &Value::Null));
}
