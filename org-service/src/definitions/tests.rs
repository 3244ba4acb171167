use std::time::Duration;

use diesel::prelude::*;
use shared::db::testing::TestDb;

use super::*;
use crate::{
    migrations,
    schema::organizations as rows,
    store::{organizations::Organization, roles::StoredRole},
};

const FIRST: &str = "app:p0";

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_444_848)
}

/// `app:p{n}` for each number.
fn numbered(numbers: std::ops::Range<usize>) -> Permissions {
    numbers.map(|n| format!("app:p{n}").parse().unwrap()).collect()
}

/// What is registered when these permissions of applications are; members and viewers hold none of them.
fn policy(application: &Permissions) -> Policy {
    Policy::new(application, &Permissions::default(), &Permissions::default()).unwrap()
}

/// An organization with roles of these names and permissions.
async fn organization(test: &TestDb, name: &str, own: &[(&str, Permissions)]) -> OrgId {
    let (id, now) = (OrgId::new(now()), now());
    let new = Organization {
        id,
        name: name.to_owned(),
        description: String::new(),
        address: String::new(),
        website: String::new(),
        email: None,
        is_active: true,
        created_at: now,
        updated_at: now,
        slug: None,
        version: 1,
        membership_version: 5,
    };
    let role = |(name, permissions): &(&str, Permissions)| StoredRole {
        org_id: id,
        name: (*name).to_owned(),
        description: String::new(),
        permissions: permissions.to_text(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let own: Vec<_> = own.iter().map(role).collect();
    let added = test.db.transaction(move |conn| {
        organizations::insert(conn, new, "1".to_owned())?;
        own.into_iter().try_for_each(|role| roles::insert(conn, role).map(drop))
    });
    added.await.unwrap();
    id
}

/// What a start under this policy has validators told: keys, versions and permissions, by key.
async fn told(test: &TestDb, policy: &Policy) -> Vec<(String, i64, Permissions)> {
    announce(&test.db, policy, now()).await.unwrap();
    let taken = test.db.transaction(|conn| {
        let found = announcements::list(conn, 1000)?;
        announcements::delete(conn, found.iter().map(|one| one.id).collect())?;
        Ok(found)
    });
    let mut told: Vec<_> = taken
        .await
        .unwrap()
        .into_iter()
        .map(|one| {
            assert_eq!(one.kind, "role");
            (one.key, one.min_version, Permissions::of_text(&one.permissions.unwrap()))
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

/// The same without built-in roles.
async fn told_of_own(test: &TestDb, policy: &Policy) -> Vec<(String, i64, Permissions)> {
    let mut told = told(test, policy).await;
    told.retain(|(key, ..)| !key.starts_with(EVERY_ORGANIZATION));
    told
}

async fn version(test: &TestDb, id: OrgId) -> i64 {
    let row = rows::table.find(id).select(rows::membership_version);
    test.db.read(move |conn| row.first(conn)).await.unwrap()
}

#[tokio::test]
async fn roles_that_a_change_of_the_catalogue_touches_are_told_anew() {
    let test = TestDb::new(migrations()).await.unwrap();
    let (all, some) = (numbered(0..60), numbered(5..50));
    let roles = [("clerk", all.clone()), ("small", numbered(0..2))];
    let touched = organization(&test, "Acme", &roles).await;
    let other = organization(&test, "Other", &[("clerk", some.clone())]).await;
    let (clerk, others) = (format!("{touched}/clerk"), format!("{other}/clerk"));

    // Nobody knows what validators were told before.
    let mut first = vec![(clerk.clone(), 6, all.clone()), (others.clone(), 6, some.clone())];
    first.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told_of_own(&test, &policy(&all)).await, first);
    assert_eq!(told_of_own(&test, &policy(&all)).await, [], "the same is not told twice");

    let fewer = numbered(1..60);
    assert_eq!(told_of_own(&test, &policy(&fewer)).await, [(clerk.clone(), 7, fewer)]);
    assert_eq!((version(&test, touched).await, version(&test, other).await), (7, 6));

    // What is left fits into tokens, and the large definition still has to go.
    let mut least = vec![(clerk.clone(), 8, numbered(5..6)), (others.clone(), 7, numbered(5..6))];
    least.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told_of_own(&test, &policy(&numbered(5..6))).await, least);
    assert_eq!(told_of_own(&test, &policy(&Permissions::default())).await[0].2, Permissions::default());

    let back = told_of_own(&test, &policy(&all)).await;
    assert!(back.contains(&(clerk, 10, all)) && back.contains(&(others, 9, some)), "{back:?}");
}

#[tokio::test]
async fn built_in_roles_are_told_without_what_is_registered_no_more() {
    let test = TestDb::new(migrations()).await.unwrap();
    let names = |told: Vec<(String, i64, Permissions)>| -> Vec<String> {
        assert!(told.iter().all(|(_, version, _)| *version == now().as_secs()));
        told.into_iter().map(|(key, ..)| key).collect()
    };
    assert_eq!(names(told(&test, &policy(&numbered(0..60))).await), ["*/admin", "*/owner"]);
    assert_eq!(names(told(&test, &policy(&numbered(0..60))).await), ["*/admin", "*/owner"]);
    let small = told(&test, &policy(&numbered(1..3))).await;
    assert!(small.iter().all(|(.., permissions)| !permissions.contains(FIRST)));
    assert_eq!(names(small), ["*/admin", "*/member", "*/owner", "*/viewer"]);
    assert_eq!(told(&test, &policy(&numbered(1..3))).await, []);
    let fresh = TestDb::new(migrations()).await.unwrap();
    assert_eq!(told(&fresh, &policy(&numbered(1..3))).await, [], "tokens say it themselves");
}

#[tokio::test]
async fn nothing_is_told_of_what_is_being_purged() {
    let test = TestDb::new(migrations()).await.unwrap();
    let all = numbered(0..60);
    let own = [("clerk", all.clone())];
    let (deleted, doomed) =
        (organization(&test, "Deleted", &own).await, organization(&test, "Doomed", &own).await);
    let gone = test.db.transaction(move |conn| {
        organizations::delete(conn, deleted, now())?;
        organizations::delete(conn, doomed, now())?;
        organizations::doom(conn, doomed, now().after(Duration::from_secs(1)))
    });
    assert_eq!(gone.await.unwrap(), Some(6));
    // One can come back, with what its roles permit then.
    assert_eq!(told_of_own(&test, &policy(&all)).await, [(format!("{deleted}/clerk"), 6, all)]);
    assert_eq!(version(&test, doomed).await, 6);
}

#[tokio::test]
async fn more_organizations_than_one_statement_finds_are_told_of() {
    let test = TestDb::new(migrations()).await.unwrap();
    let all = numbered(0..60);
    let count = usize::try_from(BATCH).unwrap() + 1;
    for number in 0..count {
        organization(&test, &number.to_string(), &[("clerk", all.clone())]).await;
    }
    assert_eq!(told_of_own(&test, &policy(&all)).await.len(), count);
}
