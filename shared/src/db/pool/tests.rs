use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};

use super::*;
use crate::db::testing::TestDb;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    postgres: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// A table with one row, analysed so; and a statement that has been executed often enough to be planned
/// for good.
fn small_table(conn: &mut DbConnection) {
    conn.batch_execute("CREATE TABLE things (id bigint PRIMARY KEY, name text NOT NULL)").unwrap();
    conn.batch_execute("INSERT INTO things VALUES (1, 'one')").unwrap();
    let DbConnection::Postgres(pg) = conn else { return };
    pg.batch_execute("ALTER TABLE things SET (autovacuum_enabled = false); ANALYZE things").unwrap();
    pg.batch_execute("PREPARE look_up (bigint) AS SELECT name FROM things WHERE id = $1").unwrap();
    pg.batch_execute(&"EXECUTE look_up (1);".repeat(10)).unwrap();
}

fn grow(conn: &mut DbConnection) {
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    conn.batch_execute(&format!("INSERT INTO things {numbers} SELECT i, 'more' FROM n")).unwrap();
}

fn reads_index(conn: &mut DbConnection) -> bool {
    match conn {
        DbConnection::Postgres(pg) => {
            let plan: Vec<Line> = sql_query("EXPLAIN EXECUTE look_up (1)").load(pg).unwrap();
            plan.iter().any(|line| line.postgres.contains("Index Scan"))
        }
        DbConnection::Sqlite(lite) => {
            let asked = "EXPLAIN QUERY PLAN SELECT name FROM things WHERE id = 1";
            let plan: Vec<Step> = sql_query(asked).load(lite).unwrap();
            plan.iter().any(|step| step.detail.contains("USING INDEX"))
        }
    }
}

/// Whether a row of a table that has grown is looked up in its index, by a pool that keeps plans for so long.
fn looks_up_after_growth(plans_kept: Duration) -> bool {
    let test = TestDb::empty().unwrap();
    let opener = Arc::new(ScheduledThreadPool::builder().num_threads(1).build());
    let pool = Pool::new(&test.url, 1, plans_kept, opener);
    let run = |work: fn(&mut DbConnection)| {
        pool.run(&mut None, |conn| {
            work(conn);
            Ok(())
        })
    };
    run(small_table).unwrap();
    run(grow).unwrap();
    pool.run(&mut None, |conn| Ok(reads_index(conn))).unwrap()
}

#[test]
fn a_plan_from_when_a_table_was_nearly_empty_is_not_kept() {
    assert!(looks_up_after_growth(Duration::ZERO));
    // Otherwise the test above would say nothing.
    let on_postgres = crate::db::testing::server().unwrap().is_some();
    assert_eq!(looks_up_after_growth(Duration::MAX), !on_postgres, "a kept plan would have done");
}
