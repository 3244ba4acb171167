//! Live revocations by the million, written straight into the database: what the feed holds after a bad
//! day, without living through it.

use std::time::Duration;

use auth_service::store::feed;
use diesel::connection::SimpleConnection;
use e2e::Cluster;
use shared::{Clock, DbConnection};

/// How long the entries live: longer than any run.
const LIFE: Duration = Duration::from_secs(86_400);

/// Adds so many revoked sessions, none of them anybody's, to an auth service that does not run. It must
/// have run before.
pub(crate) async fn fill(cluster: &Cluster, entries: u32) -> anyhow::Result<()> {
    let ends = format!("{:.6}", Clock::System.now().after(LIFE).as_jiff());
    let fill = format!(
        "INSERT INTO feed (seq, kind, key, bound, expires_at)
         SELECT head.seq + n, 'session', gen_random_uuid()::text, NULL, '{ends}'
         FROM feed_head head, generate_series(1, {entries}) n;
         UPDATE feed_head SET seq = seq + {entries};
         ANALYZE feed"
    );
    let work = move |conn: &mut DbConnection| {
        feed::begin(conn)?;
        conn.batch_execute(&fill)
    };
    Ok(cluster.auth_db.db.transaction(work).await?)
}
