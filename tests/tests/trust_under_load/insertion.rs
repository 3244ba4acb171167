//! Live entries by the million, written straight into the database: what the feed holds after a bad
//! day, without living through it.

use std::time::Duration;

use auth_service::{migrations, store::feed};
use diesel::connection::SimpleConnection;
use shared::{Clock, DbConnection, db::testing::TestDb};

/// How long the entries live: longer than any test.
const LIFE: Duration = Duration::from_secs(86_400);

/// Makes the auth service's tables, and so many revoked sessions with random ids.
pub(crate) async fn insert(database: &TestDb, entries: u32) -> anyhow::Result<()> {
    shared::db::migrate(&database.url, migrations()).await?;
    let ends = format!("{:.6}", Clock::System.now().after(LIFE).as_jiff());
    let work = move |conn: &mut DbConnection| {
        feed::begin(conn)?;
        conn.batch_execute(&match conn {
            DbConnection::Postgres(_) => postgres(entries, &ends),
            DbConnection::Sqlite(_) => sqlite(entries, &ends),
        })
    };
    Ok(database.db.transaction(work).await?)
}

fn postgres(entries: u32, ends: &str) -> String {
    format!(
        "INSERT INTO feed (seq, kind, key, bound, expires_at)
         SELECT n, 'session', gen_random_uuid()::text, NULL, '{ends}' FROM generate_series(1, {entries}) n;
         UPDATE feed_head SET seq = {entries}"
    )
}

fn sqlite(entries: u32, ends: &str) -> String {
    let hex = |bytes: u8| format!("lower(hex(randomblob({bytes})))");
    let id = [4, 2, 2, 2, 6].map(hex).join(" || '-' || ");
    format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {entries})
         INSERT INTO feed (seq, kind, key, bound, expires_at)
         SELECT n, 'session', {id}, NULL, '{ends}' FROM numbers WHERE n > 0;
         UPDATE feed_head SET seq = {entries}"
    )
}
