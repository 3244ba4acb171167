//! Lists that have grown: more than ten thousand rows.

use actix_web::http::StatusCode;
use diesel::{RunQueryDsl, sql_query};
use serde_json::json;

use super::{
    actors::{Actor, Site},
    cursors::{column, path, walk},
};

/// Members that an organization gets beside its owner.
const MANY: usize = 10_500;

/// An organization with `MANY` members: `u1`, `u2` …; every hundredth is an admin.
async fn crowded(site: &Site, owner: &Actor<'_>) -> String {
    let organization = site.organization(owner, "Crowd").await;
    let fill = format!(
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)
         SELECT o.id, 'u' || n.i, CASE WHEN n.i % 100 = 0 THEN 'admin' ELSE 'viewer' END,
                o.created_at, o.updated_at
         FROM organizations o, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
                                SELECT i FROM n) n"
    );
    let filled =
        site.app().db().write(move |conn| shared::each_engine!(conn => sql_query(fill).execute(conn)));
    assert_eq!(filled.await.unwrap(), MANY);
    organization
}

#[actix_web::test]
async fn beyond_ten_thousand_members_the_count_is_kept_and_says_so() {
    let site = Site::new(&[]).await;
    let alice = site.member("a");
    let members = format!("{}members/", crowded(&site, &alice).await);
    let bound = alice.get(&members).await;
    assert_eq!((&bound.body["count"], bound.header("x-count")), (&json!(10_001), Some("approximate")));
    site.app().chores().step().await.unwrap();
    let kept = alice.get(&members).await;
    assert_eq!((&kept.body["count"], kept.header("x-count")), (&json!(MANY + 1), Some("approximate")));
    let last = alice.get(&format!("{members}?page=last&page_size=100")).await;
    assert_eq!((column(&last, "user_id").len(), &last.body["next"]), (1, &json!(null)));
    let beyond = alice.get(&format!("{members}?page=107&page_size=100")).await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);

    let few = alice.get(&format!("{members}?role=admin")).await;
    assert_eq!((&few.body["count"], few.header("x-count")), (&json!(MANY / 100), None));
    let filtered = alice.get(&format!("{members}?role=viewer")).await;
    assert_eq!((&filtered.body["count"], filtered.header("x-count")), (&json!(10_001), Some("approximate")));
}

#[actix_web::test]
async fn ten_thousand_members_are_read_by_cursor_in_every_order() {
    let site = Site::new(&[]).await;
    let alice = site.member("a");
    let members = format!("{}members/", crowded(&site, &alice).await);
    for order in ["user_id", "-role", "created_at"] {
        let pages =
            walk(&alice, &format!("{members}?cursor=&page_size=100&ordering={order}"), "user_id").await;
        let mut seen = pages.concat();
        assert_eq!(seen.len(), MANY + 1, "{order}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), MANY + 1, "{order}");
    }
    for order in ["", "user_id", "-user_id", "role", "-role", "created_at", "-created_at"] {
        let query = format!("role=admin&ordering={order}");
        let numbered = alice.get(&format!("{members}?{query}&page=2&page_size=40")).await;
        let first = alice.get(&format!("{members}?{query}&cursor=&page_size=40")).await;
        let second = alice.get(&path(&first.body["next"]).unwrap()).await;
        assert_eq!(column(&second, "user_id"), column(&numbered, "user_id"), "{order}");
        assert_eq!(column(&second, "role"), ["admin"; 40]);
    }
}
