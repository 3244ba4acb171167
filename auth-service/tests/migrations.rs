//! Both engines get the same tables, and the code's idea of them matches.

use diesel::migration::MigrationSource;
use shared::db::testing::{TestDb, compare_migrations};

#[tokio::test]
async fn both_migration_trees_make_the_same_schema() {
    compare_migrations(auth_service::migrations()).await.unwrap();
}

#[tokio::test]
async fn migrating_twice_applies_nothing() {
    let database = TestDb::new(auth_service::migrations()).await.unwrap();
    let again = shared::db::migrate(&database.url, auth_service::migrations()).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_an_empty_database_take_turns() {
    let database = TestDb::empty().unwrap();
    let starts = (0..4).map(|_| {
        let url = database.url.clone();
        tokio::spawn(async move { shared::db::migrate(&url, auth_service::migrations()).await })
    });
    let mut applied = 0;
    for start in starts.collect::<Vec<_>>() {
        applied += start.await.unwrap().unwrap().len();
    }
    let all = auth_service::migrations().sqlite;
    let all = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&all()).unwrap().len();
    assert_eq!(applied, all, "each migration was applied by one of them");
}
