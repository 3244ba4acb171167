use diesel::result::{DatabaseErrorKind, Error};
use shared::{
    DbError,
    db::testing::{TestDb, compare_migrations},
    page::{Order, PageRequest, Paging, Query},
};

use super::*;
use crate::{
    migrations,
    seal::AuditKeys,
    store::{
        audit,
        memberships::{self, Membership},
        profiles,
        roles::{self, StoredRole},
        seals,
        tallies::Numbered,
    },
    visibility::Scope,
};

mod together;

const NOW: i64 = 1_795_444_848;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(NOW + seconds)
}

fn organization(name: &str, seconds: i64) -> Organization {
    Organization {
        id: OrgId::new(at(seconds)),
        name: name.to_owned(),
        description: String::new(),
        address: String::new(),
        website: String::new(),
        email: None,
        is_active: true,
        created_at: at(seconds),
        updated_at: at(seconds),
        slug: None,
        version: 1,
        membership_version: 1,
    }
}

async fn add(test: &TestDb, created_by: &str, new: Organization) -> OrgId {
    let (id, created_by) = (new.id, created_by.to_owned());
    let owner = Membership {
        org_id: id,
        user_id: created_by.clone(),
        role: "owner".to_owned(),
        created_at: new.created_at,
        updated_at: new.created_at,
    };
    let written = test.db.transaction(move |conn| {
        insert(conn, new, created_by)?;
        memberships::insert(conn, owner)
    });
    written.await.unwrap();
    id
}

async fn names(test: &TestDb, scope: Scope, filter: Filter, orders: Vec<Order>) -> Vec<String> {
    let paging = Paging { size: 100, size_param: None, max_size: None };
    let page = PageRequest::from_query(&Query::parse(""), &paging).unwrap();
    let listed = test.db.read(move |conn| list(conn, &scope, &filter, &orders, page)).await.unwrap();
    listed.unwrap().2.into_iter().map(|found| found.name).collect()
}

async fn searched(test: &TestDb, terms: &[&str]) -> Vec<String> {
    let terms = terms.iter().map(|term| (*term).to_owned()).collect();
    names(test, Scope::Everything, Filter { terms, ..Filter::default() }, Vec::new()).await
}

fn by(field: &'static str, descending: bool) -> Order {
    Order { field, descending }
}

#[tokio::test]
async fn both_migration_trees_make_the_same_schema() {
    compare_migrations(migrations()).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_read_back() {
    let test = TestDb::new(migrations()).await.unwrap();
    let full = Organization {
        description: "Makers of things\n\t🎉".into(),
        email: Some("hi@acme.example".into()),
        is_active: false,
        created_at: Timestamp::from_micros(NOW * 1_000_000 + 123_456),
        ..organization("Ünïcødé 組織", 0)
    };
    let id = add(&test, "1", full.clone()).await;
    let found = test.db.read(move |conn| find(conn, id)).await.unwrap();
    assert_eq!(found, Some(full));
}

#[tokio::test]
async fn a_name_can_be_taken_once_on_insert_and_on_update() {
    let test = TestDb::new(migrations()).await.unwrap();
    add(&test, "1", organization("Acme", 0)).await;
    let other = add(&test, "1", organization("acme", 1)).await;
    let taken = |error: &DbError| {
        matches!(error, DbError::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    };
    let again = test.db.write(|conn| insert(conn, organization("Acme", 2), "2".into())).await;
    assert!(taken(&again.unwrap_err()));
    let changes = Changes { name: Some("Acme".into()), ..Changes::default() };
    let renamed = test.db.write(move |conn| update(conn, other, changes, at(3))).await;
    assert!(taken(&renamed.unwrap_err()));
}

#[tokio::test]
async fn an_update_sets_what_is_given_and_always_the_time() {
    let test = TestDb::new(migrations()).await.unwrap();
    let before = Organization { email: Some("a@b.example".into()), ..organization("Acme", 0) };
    let id = add(&test, "1", before.clone()).await;
    let save = async |changes: Changes, seconds: i64| {
        let saved = test.db.write(move |conn| update(conn, id, changes, at(seconds)));
        saved.await.unwrap().unwrap()
    };
    let untouched = save(Changes::default(), 1).await;
    assert_eq!(untouched, Organization { updated_at: at(1), version: 2, ..before.clone() });
    let named = Changes { name: Some("Solo".into()), email: Some(None), ..Changes::default() };
    let named = save(named, 2).await;
    let expected = Organization { name: "Solo".into(), email: None, updated_at: at(2), version: 3, ..before };
    assert_eq!(named, expected);
    assert_eq!(searched(&test, &["SOLO"]).await, ["Solo"]);
    assert!(searched(&test, &["acme"]).await.is_empty());
}

#[tokio::test]
async fn lists_show_what_is_in_scope_and_not_deleted() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = add(&test, "1", organization("Acme", 0)).await;
    let other = add(&test, "2", organization("Other", 1)).await;
    let listed = async |scope: Scope| names(&test, scope, Filter::default(), Vec::new()).await;
    assert_eq!(listed(Scope::MemberOf("2".into())).await, ["Other"]);
    assert_eq!(listed(Scope::Only(other, "2".into())).await, ["Other"]);
    assert!(listed(Scope::Only(id, "2".into())).await.is_empty());
    assert!(test.db.write(move |conn| delete(conn, id, at(2))).await.unwrap());
    assert!(!test.db.write(move |conn| delete(conn, id, at(3))).await.unwrap());
    assert!(listed(Scope::MemberOf("1".into())).await.is_empty());
    assert_eq!(listed(Scope::Everything).await, ["Other"]);
    assert_eq!(test.db.read(move |conn| find(conn, id)).await.unwrap(), None);
    let changed = test.db.write(move |conn| update(conn, id, Changes::default(), at(4)));
    assert_eq!(changed.await.unwrap(), None);
}

#[tokio::test]
async fn an_organization_is_found_with_the_role_that_its_reader_holds() {
    let test = TestDb::new(migrations()).await.unwrap();
    let slugged = Organization { slug: Some("acme".into()), ..organization("Acme", 0) };
    let id = add(&test, "1", slugged.clone()).await;
    let role = async |name: Name, user_id: &'static str| {
        let found = test.db.read(move |conn| find_with_role(conn, &name, user_id)).await.unwrap();
        found.map(|(organization, role)| (organization.id, role.map(|held| (held.name, held.definition))))
    };
    for name in [Name::Id(id), Name::of(&id.to_string()), Name::of("acme")] {
        assert_eq!(role(name.clone(), "1").await, Some((id, Some(("owner".into(), None)))), "{name:?}");
        assert_eq!(role(name, "2").await, Some((id, None)));
    }
    assert_eq!(role(Name::of("Acme"), "1").await, None);
}

#[tokio::test]
async fn many_are_found_as_each_is_by_itself() {
    let test = TestDb::new(migrations()).await.unwrap();
    let acme = add(&test, "1", Organization { slug: Some("acme".into()), ..organization("Acme", 0) }).await;
    let other = add(&test, "2", organization("Other", 1)).await;
    let gone = add(&test, "1", organization("Gone", 2)).await;
    test.db.write(move |conn| delete(conn, gone, at(3))).await.unwrap();
    let role = StoredRole {
        org_id: other,
        name: "helper".to_owned(),
        description: String::new(),
        permissions: "member:read".to_owned(),
        version: 1,
        created_at: at(4),
        updated_at: at(4),
    };
    let helper = Membership {
        org_id: other,
        user_id: "1".to_owned(),
        role: "helper".to_owned(),
        created_at: at(4),
        updated_at: at(4),
    };
    let written = test.db.transaction(move |conn| {
        roles::insert(conn, role)?;
        memberships::insert(conn, helper)
    });
    written.await.unwrap();
    let ids = [acme, other, gone, OrgId::new(at(5))].map(Name::Id);
    let names = ids.into_iter().chain([Name::of("acme"), Name::of("nobody")]);
    // The same twice over, as many ask at once.
    let asked: Vec<_> = names
        .flat_map(|name| {
            ["1", "2", "3", "1"].map(|user| Asked { name: name.clone(), user_id: user.to_owned() })
        })
        .collect();
    let (together, each) = test
        .db
        .read(move |conn| {
            let each: QueryResult<Vec<Found>> =
                asked.iter().map(|one| find_with_role(conn, &one.name, &one.user_id)).collect();
            Ok((find_together(conn, &asked)?, each?))
        })
        .await
        .unwrap();
    assert_eq!(together, each);
    let held = |place: usize| each.get(place).cloned().flatten().map(|(_, role)| role);
    let own = HeldRole { name: "helper".to_owned(), definition: Some("member:read".to_owned()) };
    assert_eq!((held(4), held(6), held(8)), (Some(Some(own)), Some(None), None));
}

#[tokio::test]
async fn search_finds_every_term_in_any_case_and_takes_wildcards_literally() {
    let test = TestDb::new(migrations()).await.unwrap();
    for (i, (name, description)) in
        (0..).zip([("Straße 100%", "ÜBER alles"), ("STRASSE 1000", "under_score"), ("back\\slash", "ΟΔΟΣ")])
    {
        let described = Organization { description: description.into(), ..organization(name, i) };
        add(&test, "1", described).await;
    }
    for (terms, expected) in [
        (vec!["strasse"], vec!["Straße 100%", "STRASSE 1000"]),
        (vec!["0%"], vec!["Straße 100%"]),
        (vec!["r_s"], vec!["STRASSE 1000"]),
        (vec!["k\\s"], vec!["back\\slash"]),
        (vec!["über", "STRAẞE"], vec!["Straße 100%"]),
        (vec!["οδος"], vec!["back\\slash"]),
        (vec!["strasse", "back"], vec![]),
        (vec![], vec!["Straße 100%", "STRASSE 1000", "back\\slash"]),
    ] {
        assert_eq!(searched(&test, &terms).await, expected, "{terms:?}");
    }
    let part = Filter { name_contains: Some("STRASSE 100".into()), ..Filter::default() };
    assert_eq!(names(&test, Scope::Everything, part, Vec::new()).await.len(), 2);
    let endless = Filter { name_contains: Some("%".repeat(100_000)), ..Filter::default() };
    assert!(names(&test, Scope::Everything, endless, Vec::new()).await.is_empty());
    assert_eq!(searched(&test, &["a"; 127]).await.len(), 3);
}

#[tokio::test]
async fn filters_add_up() {
    let test = TestDb::new(migrations()).await.unwrap();
    for (i, name) in (0..).zip(["a", "b", "c", "d"]) {
        let mut new = organization(name, i);
        new.is_active = i % 2 == 0;
        new.email = Some(format!("{name}@x.example"));
        add(&test, "1", new).await;
    }
    let filter = Filter { created_from: Some(at(1)), created_to: Some(at(2)), ..Filter::default() };
    assert_eq!(names(&test, Scope::Everything, filter.clone(), Vec::new()).await, ["b", "c"]);
    let filter = Filter { is_active: Some(true), ..filter };
    assert_eq!(names(&test, Scope::Everything, filter.clone(), Vec::new()).await, ["c"]);
    let filter = Filter { email: Some("d@x.example".into()), ..filter };
    assert!(names(&test, Scope::Everything, filter, Vec::new()).await.is_empty());
    let filter = Filter { name: Some("A".into()), ..Filter::default() };
    assert!(names(&test, Scope::Everything, filter, Vec::new()).await.is_empty());
}

#[tokio::test]
async fn every_order_is_total_and_the_same_on_both_engines() {
    let test = TestDb::new(migrations()).await.unwrap();
    for (i, name) in (0..).zip(["b", "A", "ä", "_", "Z"]) {
        add(&test, "1", Organization { created_at: at(i / 2), ..organization(name, i) }).await;
    }
    for (orders, expected) in [
        (vec![], ["b", "A", "ä", "_", "Z"]),
        (vec![by("name", false)], ["A", "Z", "_", "b", "ä"]),
        (vec![by("name", true)], ["ä", "b", "_", "Z", "A"]),
        (vec![by("created_at", true)], ["Z", "_", "ä", "A", "b"]),
        (vec![by("created_at", true), by("name", false)], ["Z", "_", "ä", "A", "b"]),
        (vec![by("updated_at", false)], ["b", "A", "ä", "_", "Z"]),
    ] {
        assert_eq!(names(&test, Scope::Everything, Filter::default(), orders).await, expected);
    }
}
