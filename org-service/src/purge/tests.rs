use std::collections::BTreeSet;

use diesel::{QueryableByName, prelude::*, sql_query, sql_types::Text};
use shared::db::testing::TestDb;

use super::*;
use crate::{
    migrations, record,
    schema::audit as records,
    store::{
        audit::Record,
        invitations::{Invitation, InvitationId},
        memberships::Membership,
        organizations::{Organization, insert, take},
        roles::StoredRole,
    },
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_795_444_848 + seconds)
}

fn invitation(org_id: OrgId, number: i64) -> Invitation {
    Invitation {
        id: InvitationId::new(at(0)),
        org_id,
        email: format!("{number}@example.org"),
        email_key: format!("{number}@example.org"),
        role: "viewer".to_owned(),
        status: invitations::PENDING.to_owned(),
        invited_by: "1".to_owned(),
        accepted_by: None,
        created_at: at(0),
        asked_at: at(0),
        expires_at: at(1000),
        closed_at: None,
    }
}

/// An organization with more records and members than go at once, two roles and three invitations.
async fn organization(test: &TestDb, name: &str) -> OrgId {
    let (id, name) = (OrgId::new(at(0)), name.to_owned());
    let new = Organization {
        id,
        name: name.clone(),
        description: String::new(),
        address: String::new(),
        website: String::new(),
        email: None,
        is_active: true,
        created_at: at(0),
        updated_at: at(0),
        slug: Some(name),
        version: 1,
        membership_version: 1,
    };
    let fill = move |conn: &mut DbConnection| {
        insert(conn, new, "1".to_owned())?;
        for number in 0..BATCH + 50 {
            let taken = take(conn, id)?.unwrap();
            let record = Record {
                org_id: id,
                seq: taken.seq,
                at: at(number),
                actor: String::new(),
                as_superuser: false,
                action: "x".to_owned(),
                target: String::new(),
                before: None,
                after: None,
                request_id: String::new(),
                hash: Vec::new(),
            };
            record::append(conn, record, taken.hash.as_deref().unwrap_or(&record::BEGINNING))?;
            let (created_at, updated_at) = (at(0), at(0));
            let (user_id, role) = (number.to_string(), "viewer".to_owned());
            memberships::insert(conn, Membership { org_id: id, user_id, role, created_at, updated_at })?;
        }
        for number in 0..3 {
            invitations::insert(conn, &invitation(id, number))?;
        }
        for name in ["clerk", "janitor"] {
            let (name, permissions) = (name.to_owned(), "member:read".to_owned());
            let (created_at, updated_at, description) = (at(0), at(0), String::new());
            let role =
                StoredRole { org_id: id, name, description, permissions, version: 1, created_at, updated_at };
            roles::insert(conn, role)?;
        }
        Ok(())
    };
    test.db.transaction(fill).await.unwrap();
    crate::seal::seal_all(&test.db, &crate::seal::AuditKeys::default(), at(0)).await.unwrap();
    id
}

/// How many rows of each part an organization has.
async fn rows(test: &TestDb, id: OrgId) -> i64 {
    let count = move |conn: &mut DbConnection| {
        use crate::schema::{audit_seals, invitations, memberships, roles};
        Ok([
            records::table.filter(records::org_id.eq(id)).count().get_result::<i64>(conn)?,
            audit_seals::table.filter(audit_seals::org_id.eq(id)).count().get_result(conn)?,
            memberships::table.filter(memberships::org_id.eq(id)).count().get_result(conn)?,
            roles::table.filter(roles::org_id.eq(id)).count().get_result(conn)?,
            invitations::table.filter(invitations::org_id.eq(id)).count().get_result(conn)?,
        ])
    };
    test.db.read(count).await.unwrap().into_iter().sum()
}

async fn delete(test: &TestDb, id: OrgId, seconds: i64) {
    assert!(test.db.write(move |conn| organizations::delete(conn, id, at(seconds))).await.unwrap());
}

const WINDOW: Duration = Duration::from_secs(100);

#[tokio::test]
async fn what_was_deleted_long_ago_goes_with_all_that_belongs_to_it() {
    let test = TestDb::new(migrations()).await.unwrap();
    let (gone, recent) = (organization(&test, "gone").await, organization(&test, "recent").await);
    let (live, all) = (organization(&test, "live").await, 2 * (BATCH + 50) + 6);
    delete(&test, gone, 0).await;
    delete(&test, recent, 1).await;
    let purges = (0..3).map(|_| purge_all(&test.db, WINDOW, at(100)));
    for done in futures_util::future::join_all(purges).await {
        done.unwrap();
    }
    assert_eq!((rows(&test, gone).await, rows(&test, recent).await, rows(&test, live).await), (0, all, all));
    let left = test.db.read(|conn| crate::schema::organizations::table.count().get_result::<i64>(conn));
    assert_eq!(left.await.unwrap(), 2);
    assert!(!purge(&test.db, live, at(1000), at(1000)).await.unwrap(), "it is not deleted");
    assert!(!purge(&test.db, recent, at(0), at(1000)).await.unwrap(), "it was deleted later");
    assert_eq!(rows(&test, live).await, all);
}

#[tokio::test]
async fn validators_hear_of_it_a_last_time() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "gone").await;
    delete(&test, id, 0).await;
    purge_all(&test.db, WINDOW, at(100)).await.unwrap();
    let told = test.db.read(|conn| announcements::list(conn, 100)).await.unwrap();
    let mut told: Vec<_> =
        told.into_iter().map(|one| (one.kind, one.key, one.min_version, one.permissions)).collect();
    told.sort();
    let empty = Some(String::new());
    assert_eq!(
        told,
        [
            ("organization".to_owned(), id.to_string(), 2, None),
            ("role".to_owned(), format!("{id}/clerk"), 2, empty.clone()),
            ("role".to_owned(), format!("{id}/janitor"), 2, empty),
        ]
    );
}

#[tokio::test]
async fn a_purge_that_broke_off_goes_on_and_cannot_be_taken_back() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "gone").await;
    delete(&test, id, 50).await;
    assert!(test.db.transaction(move |conn| begin(conn, id, at(50), at(100))).await.unwrap());
    assert_eq!(test.db.write(move |conn| audit::purge(conn, id, 10)).await.unwrap(), 10);
    let restored =
        test.db.write(move |conn| organizations::restore(conn, id, at(0).before(WINDOW * 1_000_000)));
    assert!(!restored.await.unwrap());
    let keys = crate::seal::AuditKeys::default();
    let counts = crate::verify::database::verify_all(&test.db, &keys).await.unwrap();
    assert_eq!(counts, crate::verify::Counts { purging: 1, ..Default::default() });
    // However long the window has become.
    purge_all(&test.db, WINDOW * 100_000_000, at(100)).await.unwrap();
    assert_eq!(rows(&test, id).await, 0);
    let told = test.db.read(|conn| announcements::list(conn, 100)).await.unwrap();
    assert_eq!(told.len(), 3, "once");
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// A table that belongs to organizations and is none of the parts would keep what should be gone.
#[tokio::test]
async fn every_table_with_an_organization_is_purged() {
    let test = TestDb::new(migrations()).await.unwrap();
    let sql = if test.url.is_postgres() {
        "SELECT table_name::text AS name FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'org_id'"
    } else {
        "SELECT t.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND c.name = 'org_id'"
    };
    let found: Vec<Table> = test.db.read(move |conn| sql_query(sql).load(conn)).await.unwrap();
    let found: BTreeSet<String> = found.into_iter().map(|table| table.name).collect();
    let purged = ["audit", "audit_seals", "invitations", "memberships", "roles"];
    assert_eq!(found.len(), PARTS.len());
    assert_eq!(found, purged.into_iter().map(str::to_owned).collect());
}
