//! Secrets that the service makes for itself, once, and shares with its replicas.

use diesel::prelude::*;
use shared::{Db, DbConnection, DbError, Secret, Timestamp, random};

use crate::schema::secrets;

/// The secret of this name, made if there is none yet.
pub async fn load(db: &Db, name: &'static str, now: Timestamp) -> Result<Secret<Vec<u8>>, DbError> {
    if let Some(value) = db.read(move |conn| find(conn, name)).await? {
        return Ok(Secret::new(value));
    }
    // Of replicas that start at once one makes it; the others find that one's.
    let made = db.transaction(move |conn| {
        let new = (
            secrets::name.eq(name),
            secrets::value.eq(random::bytes::<32>().to_vec()),
            secrets::created_at.eq(now),
        );
        shared::each_engine!(conn => diesel::insert_into(secrets::table)
            .values(new)
            .on_conflict_do_nothing()
            .execute(conn))?;
        secrets::table.find(name).select(secrets::value).first(conn)
    });
    Ok(Secret::new(made.await?))
}

fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<Vec<u8>>> {
    secrets::table.find(name).select(secrets::value).first(conn).optional()
}

#[cfg(test)]
mod tests {
    use shared::db::testing::TestDb;

    use super::*;
    use crate::migrations;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn replicas_that_start_at_once_share_one_secret() {
        let test = TestDb::new(migrations()).await.unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let starts = (0..4).map(|_| load(&test.db, "cursors", now));
        let found = futures_util::future::join_all(starts).await;
        let found: Vec<_> = found.into_iter().map(|secret| secret.unwrap()).collect();
        assert!(found.iter().all(|secret| *secret == found[0] && secret.expose().len() == 32));
        let other = load(&test.db, "another", now).await.unwrap();
        assert_ne!(other, found[0]);
        assert_eq!(format!("{other:?}"), "<redacted>");
    }
}
