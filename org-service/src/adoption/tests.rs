use diesel::prelude::*;
use shared::db::testing::TestDb;

use super::*;
use crate::{
    migrations,
    schema::{audit, organizations as table},
    store::organizations::{Name, find_with_role},
};

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_444_848)
}

/// Adds an organization as the release before members does: it knows no more columns than these.
async fn insert(test: &TestDb, name: &str) -> OrgId {
    let (id, name) = (OrgId::new(now()), name.to_owned());
    let insert = move |conn: &mut DbConnection| {
        diesel::insert_into(table::table)
            .values((
                table::id.eq(id),
                table::name.eq(&name),
                table::name_key.eq(&name),
                table::description.eq(""),
                table::description_key.eq(""),
                table::address.eq(""),
                table::website.eq(""),
                table::is_active.eq(true),
                table::created_by.eq("alice"),
                table::created_at.eq(now()),
                table::updated_at.eq(now()),
                table::version.eq(1),
            ))
            .execute(conn)
    };
    test.db.write(insert).await.unwrap();
    id
}

async fn role(test: &TestDb, id: OrgId, user_id: &'static str) -> Option<String> {
    let found = test.db.read(move |conn| find_with_role(conn, &Name::Id(id), user_id)).await.unwrap();
    found.unwrap().1.map(|role| role.name)
}

async fn actions(test: &TestDb, id: OrgId) -> Vec<(i64, String)> {
    let all = audit::table.filter(audit::org_id.eq(id)).order(audit::seq).select((audit::seq, audit::action));
    test.db.read(move |conn| all.load(conn)).await.unwrap()
}

#[tokio::test]
async fn what_the_release_before_adds_gets_its_creator_as_owner_once() {
    let test = TestDb::new(migrations()).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(insert(&test, &format!("Acme {number}")).await);
    }
    assert_eq!(role(&test, ids[0], "alice").await, None);
    // As many replicas as there are do it at once.
    let replicas = (0..4).map(|_| adopt_all(&test.db, now()));
    for done in futures_util::future::join_all(replicas).await {
        done.unwrap();
    }
    adopt_all(&test.db, now()).await.unwrap();
    for id in ids {
        assert_eq!(role(&test, id, "alice").await.as_deref(), Some("owner"));
        assert_eq!(actions(&test, id).await, [(1, "organization.adopted".to_owned())]);
    }
}

#[tokio::test]
async fn the_first_change_finds_an_owner_too() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = insert(&test, "Acme").await;
    let taken = test.db.transaction(move |conn| take(conn, id, now())).await.unwrap().unwrap();
    assert_eq!((taken.seq, taken.membership_version), (2, 1));
    assert_eq!(role(&test, id, "alice").await.as_deref(), Some("owner"));
    assert_eq!(actions(&test, id).await, [(1, "organization.adopted".to_owned())]);
    let nobody = OrgId::new(now());
    assert_eq!(test.db.transaction(move |conn| take(conn, nobody, now())).await.unwrap(), None);
}
