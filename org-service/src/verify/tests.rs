//! Whatever is done to the rows, the first bad record is named.
//!
//! Each round damages one database in one way, inside a transaction that is undone.

mod damage;

use diesel::prelude::*;
use proptest::{
    prop_assert, prop_assert_eq,
    test_runner::{Config, TestCaseError, TestRunner},
};
use shared::{
    Clock, DbConnection, Timestamp,
    db::{Undone, testing::TestDb},
};

use self::damage::{Damage, RECORDS, SEALED, damages};
use super::{Counts, Fault, VerifyError, database};
use crate::{
    migrations, record,
    schema::organizations as table,
    seal::{self, AuditKeys},
    store::{
        audit::Record,
        organizations::{self, OrgId, Organization},
    },
};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
fn keys() -> AuditKeys {
    AuditKeys::parse(KEY).unwrap()
}

fn add(conn: &mut DbConnection, id: OrgId, clock: &Clock) -> QueryResult<()> {
    let taken = organizations::take(conn, id)?.unwrap();
    let record = Record {
        org_id: id,
        seq: taken.seq,
        at: clock.now(),
        actor: format!("user {}", taken.seq % 3),
        as_superuser: taken.seq % 4 == 0,
        action: "member.role_changed".to_owned(),
        target: format!("{}", taken.seq),
        before: (taken.seq % 5 > 0).then(|| r#"{"role":"viewer"}"#.to_owned()),
        after: (taken.seq % 7 > 0).then(|| r#"{"role":"admin"}"#.to_owned()),
        request_id: format!("request {}", taken.seq),
        hash: Vec::new(),
    };
    record::append(conn, record, taken.hash.as_deref().unwrap_or(&record::BEGINNING))
}

/// An organization with its records and seals.
async fn organization(test: &TestDb, name: &str, keys: &AuditKeys) -> OrgId {
    let clock = Clock::manual(Timestamp::from_secs(1_795_444_848));
    let id = OrgId::new(clock.now());
    let new = Organization {
        id,
        name: name.to_owned(),
        description: String::new(),
        address: String::new(),
        website: String::new(),
        email: None,
        is_active: true,
        created_at: clock.now(),
        updated_at: clock.now(),
        slug: None,
        version: 1,
        membership_version: 1,
    };
    test.db.write(move |conn| organizations::insert(conn, new, "1".to_owned())).await.unwrap();
    for seq in 1..=RECORDS {
        clock.advance(std::time::Duration::from_secs(1));
        let now = clock.clone();
        test.db.transaction(move |conn| add(conn, id, &now)).await.unwrap();
        if SEALED.contains(&seq) {
            seal::seal_all(&test.db, keys, clock.now()).await.unwrap();
        }
    }
    id
}

/// What is found after some damage, which is undone.
async fn found(test: &TestDb, id: OrgId, damage: Damage) -> Result<Counts, Fault> {
    let looked = test.db.attempt(move |conn| -> Result<(), Undone<_>> {
        assert!(damage.inflict(conn, id)? > 0, "{damage:?} did nothing");
        Err(Undone::Refused(database::check(conn, id, &keys())?.unwrap()))
    });
    looked.await.unwrap().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_the_rows_the_first_bad_record_is_named() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "Acme", &keys()).await;
    let fine = Counts { organizations: 1, records: 30, unsealed: 5, proven: 3, ..Counts::default() };
    assert_eq!(database::verify(&test.db, id, &keys()).await.unwrap(), fine);
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    let run = || {
        runner.run(&damages(), |damage| {
            let named = damage.named();
            let found = runtime.block_on(found(&test, id, damage));
            let fault = found.err().ok_or_else(|| TestCaseError::fail("nothing was found"))?;
            prop_assert_eq!(fault.org_id, id);
            prop_assert!(named.contains(&fault.seq), "{} instead of {:?}", fault, named);
            Ok(())
        })
    };
    tokio::task::block_in_place(run).unwrap();
    assert_eq!(database::verify(&test.db, id, &keys()).await.unwrap(), fine, "all damage is undone");
}

#[tokio::test]
async fn the_first_bad_organization_is_named_among_many() {
    let test = TestDb::new(migrations()).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(organization(&test, &format!("Acme {number}"), &keys()).await);
    }
    ids.sort();
    let all = database::verify_all(&test.db, &keys()).await.unwrap();
    // The rest of an organization is sealed with the first records of the next.
    assert_eq!((all.organizations, all.records, all.proven), (4, 120, 15));
    for (place, seq) in [(3, 4), (2, 9), (1, 1)] {
        let id = ids[place];
        test.db.write(move |conn| Damage::Delete(seq).inflict(conn, id)).await.unwrap();
        let fault = database::verify_all(&test.db, &keys()).await.unwrap_err().to_string();
        assert_eq!(fault, format!("organization {id}, record {seq}: missing: the next one is {}", seq + 1));
    }
    let gone = ids[0];
    test.db.write(move |conn| diesel::delete(table::table.find(gone)).execute(conn)).await.unwrap();
    let fault = database::verify_all(&test.db, &keys()).await.unwrap_err().to_string();
    assert_eq!(fault, format!("organization {gone}, record 1: its organization is not there"));
    let nobody = OrgId::from_uuid(uuid::Uuid::from_u128(9));
    let unknown = database::verify(&test.db, nobody, &keys()).await;
    assert!(matches!(unknown, Err(VerifyError::UnknownOrganization(id)) if id == nobody));
}

#[tokio::test]
async fn a_time_that_cannot_be_read_is_named() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "Acme", &keys()).await;
    let spoilt = if test.url.is_postgres() { "infinity" } else { "soon" };
    let spoil = move |conn: &mut DbConnection| {
        let sql = format!("UPDATE audit SET at = '{spoilt}' WHERE org_id = '{id}' AND seq = 17");
        diesel::sql_query(sql).execute(conn)
    };
    assert_eq!(test.db.write(spoil).await.unwrap(), 1);
    let fault = database::verify(&test.db, id, &keys()).await.unwrap_err().to_string();
    assert!(fault.starts_with(&format!("organization {id}, record 17: ")), "{fault}");
}

#[tokio::test]
async fn a_key_that_comes_later_proves_nothing_until_it_has_sealed() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "Acme", &AuditKeys::default()).await;
    let plain = database::verify(&test.db, id, &AuditKeys::default()).await.unwrap();
    assert_eq!((plain.plain, plain.proven), (3, 0));
    let fault = database::verify(&test.db, id, &keys()).await.unwrap_err().to_string();
    assert!(fault.contains("under no key"), "{fault}");
    for sealed in [1, 0] {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        assert_eq!(seal::seal_all_anew(&test.db, &keys(), &clock).await.unwrap(), sealed);
    }
    let both = database::verify(&test.db, id, &keys()).await.unwrap();
    assert_eq!((both.plain, both.proven, both.unsealed), (3, 1, 0));
    let other = AuditKeys::parse("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=").unwrap();
    let fault = database::verify(&test.db, id, &other).await.unwrap_err().to_string();
    assert!(fault.contains("not in ORG_AUDIT_KEY"), "{fault}");
}

#[tokio::test]
async fn replicas_that_seal_at_once_make_one_seal() {
    let test = TestDb::new(migrations()).await.unwrap();
    let id = organization(&test, "Acme", &keys()).await;
    let keys = keys();
    let now = Timestamp::from_secs(1_800_000_000);
    let replicas = (0..6).map(|_| seal::seal_all(&test.db, &keys, now));
    for done in futures_util::future::join_all(replicas).await {
        done.unwrap();
    }
    let counts = database::verify(&test.db, id, &keys).await.unwrap();
    assert_eq!((counts.proven, counts.unsealed), (4, 0));
}
