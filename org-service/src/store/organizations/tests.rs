use std::time::{Duration, Instant};

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

/// How pages are asked for, of lists with so many rows.
const PAGES: [&str; 6] = ["", "page=2", "page=3", "page=last", "page=4", "page=99999999999999999"];

#[tokio::test]
async fn lists_of_ones_own_are_the_same_together_as_alone() {
    let test = TestDb::new(migrations()).await.unwrap();
    for number in 0..12 {
        let user = if number % 4 == 0 { "2" } else { "1" };
        let id = add(&test, user, organization(&format!("o{number}"), number)).await;
        if number % 5 == 1 {
            test.db.write(move |conn| delete(conn, id, at(100))).await.unwrap();
        }
    }
    let paging = Paging { size: 3, size_param: Some("size"), max_size: None };
    let request = |query: &str| PageRequest::from_query(&Query::parse(query), &paging).unwrap();
    let every_size =
        PAGES.iter().flat_map(|page| ["", "&size=9223372036854775807"].map(|size| format!("{page}{size}")));
    let asked: Vec<OwnPage> = every_size
        .flat_map(|query| ["1", "nobody", "2", "1"].map(|user| (user.to_owned(), request(&query))))
        .map(|(user_id, page)| OwnPage { user_id, page })
        .collect();
    let pages = |listed: Vec<Numbered<Organization>>| {
        let pages =
            listed.into_iter().map(|page| page.map(|(slice, count, rows)| (slice.offset(), count, rows)));
        pages.collect::<Vec<_>>()
    };
    let all = asked.clone();
    let together = pages(test.db.read(move |conn| list_own_together(conn, &all)).await.unwrap());
    let alone = test.db.read(move |conn| {
        let one = |one: &OwnPage| {
            let scope = Scope::MemberOf(one.user_id.clone());
            list(conn, &scope, &Filter::default(), &[], one.page)
        };
        asked.iter().map(one).collect::<QueryResult<Vec<_>>>()
    });
    assert_eq!(together, pages(alone.await.unwrap()));
    let counts: Vec<_> = together.iter().take(3).map(|page| page.as_ref().unwrap().1.rows).collect();
    assert_eq!(counts, [6, 0, 3]);
}

/// Makes a user of so many organizations while PostgreSQL gathers no statistics.
async fn grown(rows: i64) -> TestDb {
    let test = TestDb::new(migrations()).await.unwrap();
    let fill = test.db.transaction(move |conn| {
        if let DbConnection::Postgres(pg) = conn {
            for table in ["organizations", "memberships"] {
                diesel::sql_query(format!("ALTER TABLE {table} SET (autovacuum_enabled = false)"))
                    .execute(pg)?;
                diesel::sql_query(format!("ANALYZE {table}")).execute(pg)?;
            }
        }
        for number in 0..rows {
            let new = organization(&format!("o{number}"), number);
            let owner = Membership {
                org_id: new.id,
                user_id: "1".to_owned(),
                role: "owner".to_owned(),
                created_at: new.created_at,
                updated_at: new.created_at,
            };
            insert(conn, new, "1".to_owned())?;
            memberships::insert(conn, owner)?;
        }
        Ok(())
    });
    fill.await.unwrap();
    test
}

/// How long the first page of one's own organizations takes at best.
async fn first_page(test: &TestDb, orders: &[Order]) -> Duration {
    let paging = Paging { size: 10, size_param: None, max_size: None };
    let page = PageRequest::from_query(&Query::parse(""), &paging).unwrap();
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let orders = orders.to_vec();
        let began = Instant::now();
        let listed = test.db.read(move |conn| {
            let user_id = "1".to_owned();
            if orders.is_empty() {
                return Ok(list_own_together(conn, &[OwnPage { user_id, page }])?.remove(0));
            }
            list(conn, &Scope::MemberOf(user_id), &Filter::default(), &orders, page)
        });
        assert_eq!(listed.await.unwrap().unwrap().2.len(), 10);
        best = best.min(began.elapsed());
    }
    best
}

/// Compared each with each, ten times as many rows take a hundred times as long.
#[tokio::test]
async fn lists_of_a_new_installation_cost_no_more_than_their_rows() {
    let (few, many) = (grown(200).await, grown(2000).await);
    for (what, orders) in [("own", Vec::new()), ("by name", vec![by("name", false)])] {
        let (among_few, among_many) = (first_page(&few, &orders).await, first_page(&many, &orders).await);
        let ratio = among_many.as_secs_f64() / among_few.as_secs_f64();
        println!("{what}: {ratio:.1} times as long ({among_few:.1?}, {among_many:.1?})");
        assert!(ratio < 30.0, "{what}: {ratio:.1} times as long ({among_few:.1?}, {among_many:.1?})");
    }
}

/// What an organization begins with that this user creates.
fn beginning(name: &str, slug: Option<&str>, user_id: &str) -> Beginning {
    let new = Organization { slug: slug.map(str::to_owned), ..organization(name, 7) };
    crate::organization::beginning(new, user_id.to_owned(), "r".to_owned(), &AuditKeys::default())
}

#[tokio::test]
async fn organizations_that_begin_together_are_whole_and_of_one_name_one_begins() {
    let test = TestDb::new(migrations()).await.unwrap();
    add(&test, "9", organization("Taken", 0)).await;
    let all = [
        beginning("Zeta", Some("zeta"), "6"),
        beginning("Taken", None, "2"),
        beginning("Acme", Some("acme"), "1"),
        beginning("Acme", None, "3"),
        beginning("Other", Some("zeta"), "4"),
        beginning("Ünïcødé 🎉", None, "5"),
    ];
    let asked = all.to_vec();
    let made = test.db.write(move |conn| create_together(conn, &asked)).await.unwrap();
    assert_eq!((made[1], made[5]), (false, true));
    // Which of two of one statement has the name or the slug is not for anybody to know.
    assert_ne!(made[2], made[3], "{made:?}");
    assert_ne!(made[0], made[4], "{made:?}");
    for (beginning, made) in all.iter().zip(made) {
        let (id, user_id) = (beginning.organization.id, beginning.record.actor.clone());
        let found = test.db.read(move |conn| {
            let found = find_with_role(conn, &Name::Id(id), &user_id)?;
            let records = audit::list_within(conn, id, &audit::Filter::default(), (0, i64::MAX), 10)?;
            let (seals, end) = (seals::list(conn, id, 0, 10)?, find_audit_end(conn, id)?);
            Ok((found, records, seals, end, profiles::find(conn, vec![user_id])?.len()))
        });
        let (found, records, seals, end, profiles) = found.await.unwrap();
        if !made {
            assert_eq!((found, records.len(), seals.len(), end, profiles), (None, 0, 0, None, 0));
            continue;
        }
        let held = HeldRole { name: "owner".to_owned(), definition: None };
        assert_eq!(found, Some((beginning.organization.clone(), Some(held))));
        assert_eq!(
            (&records[..], &seals[..]),
            (&[beginning.record.clone()][..], &[beginning.seal.clone()][..])
        );
        let hash = Some(beginning.record.hash.clone());
        assert_eq!(end, Some(AuditEnd { seq: 1, hash, sealed_seq: 1, deleted_at: None }));
        assert_eq!(profiles, 1);
        assert_eq!(searched(&test, &[&beginning.organization.name]).await.len(), 1);
    }
    let again = [all[2].clone(), all[3].clone()];
    assert_eq!(test.db.write(move |conn| create_together(conn, &again)).await.unwrap(), [false, false]);
}

/// Batches that want the same names and slugs, the other way about.
#[tokio::test]
async fn batches_that_want_the_same_names_do_not_fail() {
    let test = TestDb::new(migrations()).await.unwrap();
    let mut racing = Vec::new();
    for batch in 0..8 {
        let (db, mut all) = (test.db.clone(), Vec::new());
        for number in 0..30 {
            let (name, slug) = (format!("o{number}"), format!("s{}", (number * 7 + batch) % 30));
            all.push(beginning(&name, Some(&slug), &batch.to_string()));
        }
        racing.push(tokio::spawn(async move { db.write(move |conn| create_together(conn, &all)).await }));
    }
    let mut made = 0;
    for batch in racing {
        made += batch.await.unwrap().unwrap().into_iter().filter(|made| *made).count();
    }
    let all = names(&test, Scope::Everything, Filter::default(), Vec::new()).await;
    assert_eq!(made, all.len());
}
