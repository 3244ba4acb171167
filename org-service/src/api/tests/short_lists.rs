//! The lists that are in no danger of growing: roles, and the invitations to oneself.

use actix_web::http::StatusCode;
use serde_json::json;

use super::{
    actors::Site,
    cursors::{column, path, walk},
    people::Inviting,
};

const MINE: &str = "/api/v1/organization/invitations/";

#[actix_web::test]
async fn roles_are_read_in_pages_in_every_order() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let roles = format!("{}roles/", site.organization(&alice, "Acme").await);
    for name in ["zoo", "clerk", "ace", "client"] {
        let new = json!({"name": name, "permissions": []});
        assert_eq!(alice.post(&roles, new).await.status, StatusCode::CREATED);
    }
    let by_rank = ["owner", "admin", "member", "viewer", "ace", "clerk", "client", "zoo"];
    let by_name = ["ace", "admin", "clerk", "client", "member", "owner", "viewer", "zoo"];
    let backwards: Vec<_> = by_name.iter().rev().copied().collect();
    for (query, expected) in [
        ("", by_rank.to_vec()),
        ("&ordering=name", by_name.to_vec()),
        ("&ordering=-name", backwards),
        ("&ordering=x", by_rank.to_vec()),
        ("&search=CL", vec!["clerk", "client"]),
        ("&search=lerk", vec![]),
        ("&built_in=true&ordering=name", vec!["admin", "member", "owner", "viewer"]),
        ("&built_in=0", vec!["ace", "clerk", "client", "zoo"]),
    ] {
        let numbered = alice.get(&format!("{roles}?page_size=100{query}")).await;
        assert_eq!(column(&numbered, "name"), expected, "{query}");
        assert_eq!(numbered.body["count"], expected.len());
        assert!(numbered.body["permissions"].as_array().unwrap().contains(&json!("role:manage")));
        for size in [1, 3, 8] {
            let pages = walk(&alice, &format!("{roles}?cursor=&page_size={size}{query}"), "name").await;
            assert_eq!(pages.concat(), expected, "{query} {size}");
            assert_eq!(pages.len(), expected.len().div_ceil(size).max(1));
        }
    }
    let second = alice.get(&format!("{roles}?page=2&page_size=3")).await;
    assert_eq!(column(&second, "name"), ["viewer", "ace", "clerk"]);
    assert_eq!(path(&second.body["next"]).unwrap(), format!("{roles}?page=3&page_size=3"));
    for (query, detail) in [("page=4&page_size=3", "Invalid page."), ("cursor=x", "Invalid cursor")] {
        let refused = alice.get(&format!("{roles}?{query}")).await;
        assert_eq!((refused.status, refused.body), (StatusCode::NOT_FOUND, json!({"detail": detail})));
    }
    let null = alice.get(&format!("{roles}?search=%00")).await;
    assert_eq!(null.body, json!({"search": ["Null characters are not allowed."]}));
}

#[actix_web::test]
async fn a_role_removed_under_a_cursor_shifts_no_page() {
    let site = Site::new(&[]).await;
    let alice = site.member("1");
    let roles = format!("{}roles/", site.organization(&alice, "Acme").await);
    for name in ["b", "d", "f"] {
        alice.post(&roles, json!({"name": name, "permissions": []})).await;
    }
    let first = alice.get(&format!("{roles}?cursor=&built_in=false&page_size=2")).await;
    assert_eq!(column(&first, "name"), ["b", "d"]);
    alice.send(actix_web::http::Method::DELETE, &format!("{roles}d/"), None).await;
    for name in ["c", "e"] {
        alice.post(&roles, json!({"name": name, "permissions": []})).await;
    }
    let second = alice.get(&path(&first.body["next"]).unwrap()).await;
    assert_eq!(column(&second, "name"), ["e", "f"]);
}

#[actix_web::test]
async fn invitations_to_oneself_are_searched_and_read_by_cursor() {
    let world = Inviting::new(&[]).await;
    let site = &world.site;
    world.people.add("2", "ada@example.org", true);
    world.people.add("3", "eve@example.org", true);
    let owner = site.member("1");
    let mut organizations = Vec::new();
    for name in ["Straße", "Zoo", "strand", "Bank"] {
        let organization = site.organization(&owner, name).await;
        for email in ["ada@example.org", "eve@example.org"] {
            let body = json!({"email": email, "role": "viewer"});
            let invited = owner.post(&format!("{organization}invitations/"), body).await;
            assert_eq!(invited.status, StatusCode::CREATED, "{}", invited.body);
        }
        organizations.push(organization);
        site.clock.advance(std::time::Duration::from_secs(1));
    }
    let ada = site.member("2");
    let zoo = organizations[1].trim_end_matches('/').rsplit('/').next().unwrap();
    for (query, expected) in [
        ("", vec!["Bank", "strand", "Zoo", "Straße"]),
        ("&ordering=created_at", vec!["Straße", "Zoo", "strand", "Bank"]),
        ("&search=STRA", vec!["strand", "Straße"]),
        ("&search=strass", vec!["Straße"]),
        ("&search=trand", vec![]),
        (&format!("&organization={zoo}"), vec!["Zoo"]),
        ("&organization=00000000-0000-0000-0000-000000000000", vec![]),
    ] {
        let names = |body: &serde_json::Value| -> Vec<String> {
            let rows = body["results"].as_array().unwrap();
            rows.iter().map(|row| row["organization"]["name"].as_str().unwrap().to_owned()).collect()
        };
        let numbered = ada.get(&format!("{MINE}?page_size=100{query}")).await.body;
        assert_eq!(names(&numbered), expected, "{query}");
        assert_eq!(numbered["count"], expected.len());
        let pages = walk(&ada, &format!("{MINE}?cursor=&page_size=1{query}"), "id").await;
        let ids: Vec<_> = numbered["results"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
        assert_eq!(json!(pages.concat()), json!(ids), "{query}");
    }
    let first = ada.get(&format!("{MINE}?cursor=&page_size=1")).await;
    let next = path(&first.body["next"]).unwrap();
    let stolen = site.member("3").get(&next).await;
    assert_eq!((stolen.status, stolen.body), (StatusCode::NOT_FOUND, json!({"detail": "Invalid cursor"})));
    let odd = ada.get(&format!("{MINE}?organization=acme")).await;
    assert_eq!(
        (odd.status, odd.body),
        (StatusCode::BAD_REQUEST, json!({"organization": ["Enter a valid UUID."]}))
    );
}
