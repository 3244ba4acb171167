//! Members as users, and searches among them.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use shared::Timestamp;

use super::{
    actors::Site,
    cursors::{column, walk},
};
use crate::{
    search::fold,
    store::{
        memberships::{self, Membership},
        organizations::OrgId,
        profiles::{self, Profile},
    },
};

/// User ids and usernames.
const MEMBERS: [(&str, &str); 6] =
    [("1", "Ada"), ("2", "adam"), ("12", "Straße"), ("123", "12 monkeys"), ("4", "名"), ("5", "a%")];

async fn populated(site: &Site) -> String {
    let path = site.organization(&site.member("1"), "Acme").await;
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap();
    let (org_id, now) = (OrgId::from_uuid(id.parse().unwrap()), site.clock.now());
    let written = site.app().db().transaction(move |conn| {
        let mut known = Vec::new();
        for (user_id, username) in MEMBERS {
            let member = Membership {
                org_id,
                user_id: user_id.to_owned(),
                role: "viewer".to_owned(),
                created_at: now,
                updated_at: now,
            };
            memberships::insert(conn, member)?;
            known.push(Profile {
                username: username.to_owned(),
                username_key: fold(username),
                email: format!("{user_id}@example.org"),
                first_name: "F".to_owned(),
                is_active: true,
                ..Profile::empty(user_id.to_owned(), now)
            });
        }
        profiles::keep(conn, known)
    });
    written.await.unwrap();
    format!("{path}members/")
}

#[actix_web::test]
async fn members_are_shown_as_users() {
    let site = Site::new(&[]).await;
    let members = populated(&site).await;
    let alice = site.member("1");
    let user = json!({
        "username": "Ada", "first_name": "F", "last_name": "", "email": "1@example.org", "is_active": true,
    });
    let list = alice.get(&format!("{members}?ordering=user_id")).await;
    assert_eq!(list.body["results"][0]["user"].to_string(), user.to_string());
    let by_cursor = alice.get(&format!("{members}?ordering=user_id&cursor=")).await;
    assert_eq!(by_cursor.body["results"], list.body["results"]);
    assert_eq!(alice.get(&format!("{members}1/")).await.body, list.body["results"][0]);
    let blank = Profile::empty("1".to_owned(), Timestamp::from_secs(0));
    site.app().db().transaction(|conn| profiles::keep(conn, vec![blank])).await.unwrap();
    assert_eq!(alice.get(&format!("{members}1/")).await.body["user"], Value::Null);
}

#[actix_web::test]
async fn members_are_found_by_the_beginning_of_their_names_and_by_their_ids() {
    let site = Site::new(&[]).await;
    let members = populated(&site).await;
    let alice = site.member("1");
    for (search, expected) in [
        ("AD", vec!["1", "2"]),
        ("adam", vec!["2"]),
        ("da", vec![]),
        ("strass", vec!["12"]),
        ("STRA%C3%9FE", vec!["12"]),
        ("12", vec!["12", "123"]),
        ("123", vec!["123"]),
        ("%E5%90%8D", vec!["4"]),
        ("a%25", vec!["5"]),
        ("%25", vec![]),
        ("_", vec![]),
        ("", vec!["1", "12", "123", "2", "4", "5"]),
        ("+ada+", vec!["1", "2"]),
    ] {
        let path = format!("{members}?ordering=user_id&search={search}");
        let numbered = alice.get(&format!("{path}&page_size=100")).await;
        assert_eq!(column(&numbered, "user_id"), expected, "{search}");
        assert_eq!(numbered.body["count"], json!(expected.len()));
        let pages = walk(&alice, &format!("{path}&cursor=&page_size=1"), "user_id").await;
        assert_eq!(pages.concat(), expected, "{search}");
    }
    let none = alice.get(&format!("{members}?search=ad&role=owner&ordering=user_id")).await;
    assert_eq!(column(&none, "user_id"), ["1"]);
    let long = alice.get(&format!("{members}?search={}", "a".repeat(256))).await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    let null = alice.get(&format!("{members}?search=a%00&role=%00")).await;
    let told = json!(["Null characters are not allowed."]);
    assert_eq!((&null.body["search"], &null.body["role"]), (&told, &told));
}
