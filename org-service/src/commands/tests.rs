use clap::Parser;
use shared::{Clock, Timestamp, config::Source, db::testing::TestDb};
use uuid::Uuid;

use super::*;
use crate::{
    adoption,
    seal::{AuditKeys, seal_all},
    store::organizations::{self, OrgId, Organization},
};

/// 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn settings(test: &TestDb) -> Variables {
    let mut variables = Variables::default();
    variables.set("ORG_DATABASE_URL", test.url.secret_text(), Source::Environment);
    variables
}

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What a command line prints, or complains of.
async fn said(line: &str, variables: &Variables) -> Result<String, String> {
    let line = Line::try_parse_from(["org-service"].into_iter().chain(line.split(' '))).unwrap();
    let mut out = Vec::new();
    let done = run(&line.command, variables, &mut out).await;
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
}

/// An organization without an owner, which is given one: so it has a record.
async fn organization(test: &TestDb, name: &str, now: Timestamp) -> OrgId {
    let id = OrgId::new(now);
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
        membership_version: 0,
    };
    test.db.write(move |conn| organizations::insert(conn, new, "1".to_owned())).await.unwrap();
    adoption::adopt_all(&test.db, now).await.unwrap();
    id
}

#[tokio::test]
async fn deleted_organizations_are_shown_and_purged() {
    let test = TestDb::new(migrations()).await.unwrap();
    let now = Clock::System.now();
    let (id, live) = (organization(&test, "Ac\tme", now).await, organization(&test, "Live", now).await);
    let variables = settings(&test);
    let list = || said("organization list-deleted", &variables);
    let purge = |id: Uuid| {
        let (command, variables) = (format!("organization purge {id}"), &variables);
        async move { said(&command, variables).await }
    };
    assert_eq!(list().await.unwrap(), "");
    assert!(test.db.write(move |conn| organizations::delete(conn, id, now)).await.unwrap());
    let until = now.after(std::time::Duration::from_secs(30 * 24 * 3600));
    assert_eq!(list().await.unwrap(), format!("{id}\t{until}\t-\tAc\\tme\n"));
    for other in [live.uuid(), Uuid::from_u128(7)] {
        let refused = purge(other).await.unwrap_err();
        assert_eq!(refused, format!("there is no deleted organization {other}"));
    }
    assert_eq!(purge(id.uuid()).await.unwrap(), format!("purged {id}\n"));
    assert_eq!(list().await.unwrap(), "");
}

#[tokio::test]
async fn a_key_that_is_set_later_seals_what_was_sealed_without_one() {
    let test = TestDb::new(migrations()).await.unwrap();
    let now = Clock::System.now();
    let id = organization(&test, "Acme", now).await;
    seal_all(&test.db, &AuditKeys::default(), now).await.unwrap();
    let mut variables = settings(&test);
    variables.set("ORG_AUDIT_KEY", KEY, Source::Environment);
    let verify = || said("audit verify", &variables);
    let fault = verify().await.unwrap_err();
    assert!(fault.starts_with(&format!("organization {id}, record 1: seal 1 is under no key")), "{fault}");
    for sealed in [1, 0] {
        let out = said("audit seal", &variables).await.unwrap();
        assert_eq!(out, format!("sealed the records of {sealed} organizations\n"));
    }
    let fine = verify().await.unwrap();
    assert!(fine.starts_with("1 records of 1 organizations are as they were recorded"), "{fine}");
}
