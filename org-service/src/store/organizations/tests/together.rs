//! What many requests ask for at a time: pages of their own organizations, and new ones.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use shared::db::testing::plans_are_kept;

use super::*;

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

/// Creates, finds and lists two at a time, often; gives those of the statements that are planned each time.
fn planned(conn: &mut DbConnection, prefix: &str) -> Vec<&'static str> {
    let paging = Paging { size: 3, size_param: Some("size"), max_size: None };
    let page = PageRequest::from_query(&Query::parse(""), &paging).unwrap();
    let own = vec![OwnPage { user_id: "1".to_owned(), page }; 2];
    for number in 0..10 {
        let both = ["a", "b"].map(|name| beginning(&format!("{prefix}{name}{number}"), None, "1"));
        assert_eq!(create_together(conn, &both).unwrap(), [true, true]);
        let by_id = |one: &Beginning| Asked { name: Name::Id(one.organization.id), user_id: "1".to_owned() };
        assert!(find_together(conn, &both.each_ref().map(by_id)).unwrap().iter().all(Option::is_some));
        list_own_together(conn, &own).unwrap();
    }
    let mut planned =
        vec!["WITH asked AS%", "SELECT asked.place, CARDINALITY%", "%AS asked (place, org_id, user_id)%"];
    planned.retain(|statement| !plans_are_kept(conn, statement));
    planned
}

#[tokio::test]
async fn what_is_asked_together_is_not_planned_each_time() {
    let test = TestDb::new(migrations()).await.unwrap();
    assert_eq!(planned(&mut test.db.dedicated().unwrap(), "new"), Vec::<&str>::new());
    // So many others that PostgreSQL looks for each by its key, which takes longer for more; and a connection
    // that has planned nothing yet.
    let mut conn = test.db.dedicated().unwrap();
    let crowd: Vec<_> = (0..3000).map(|number| beginning(&format!("c{number}"), None, "2")).collect();
    create_together(&mut conn, &crowd).unwrap();
    conn.batch_execute("ANALYZE").unwrap();
    assert_eq!(planned(&mut test.db.dedicated().unwrap(), "grown"), Vec::<&str>::new());
}
