//! How long access tokens live, by what the running services say: so that a revocation outlives every
//! token it must refuse, also those of a service whose settings differ or have changed since.

use std::time::Duration;

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, each_engine};

use crate::schema::token_lives;

/// Added to every life: clocks differ, and a token's times are whole seconds.
const MARGIN: Duration = Duration::from_secs(60);
/// Assumed while no service has said anything: longer than any default.
const UNKNOWN: Duration = Duration::from_secs(86_400);

/// Says that tokens which live `life` may be issued until `until`.
pub fn record(conn: &mut DbConnection, life: Duration, until: Timestamp) -> QueryResult<()> {
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
    let row = (token_lives::seconds.eq(seconds), token_lives::issued_until.eq(until));
    each_engine!(conn => diesel::insert_into(token_lives::table)
        .values(row)
        .on_conflict(token_lives::seconds)
        .do_update()
        .set(token_lives::issued_until.eq(until))
        .execute(conn))
    .map(|_| ())
}

/// When every token issued up to `now` has expired.
pub fn last_expiry(conn: &mut DbConnection, now: Timestamp) -> QueryResult<Timestamp> {
    let lives: Vec<(i64, Timestamp)> =
        token_lives::table.select((token_lives::seconds, token_lives::issued_until)).load(conn)?;
    let expiry = |(seconds, until): (i64, Timestamp)| until.min(now).after(secs(seconds));
    let last = lives.into_iter().map(expiry).max().unwrap_or_else(|| now.after(UNKNOWN));
    Ok(with_margin(last.max(now)))
}

/// When a token that expires at `end` is refused as expired by every clock.
#[must_use]
pub fn with_margin(end: Timestamp) -> Timestamp {
    end.after(MARGIN)
}

/// Forgets lives whose last token has expired.
pub fn forget(conn: &mut DbConnection, now: Timestamp) -> QueryResult<()> {
    let lives: Vec<(i64, Timestamp)> =
        token_lives::table.select((token_lives::seconds, token_lives::issued_until)).load(conn)?;
    let over = lives.into_iter().filter(|(seconds, until)| until.after(secs(*seconds)).after(MARGIN) < now);
    let over: Vec<i64> = over.map(|(seconds, _)| seconds).collect();
    diesel::delete(token_lives::table.filter(token_lives::seconds.eq_any(over))).execute(conn).map(|_| ())
}

fn secs(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use shared::db::testing::TestDb;

    use super::*;
    use crate::migrations;

    const START: i64 = 1_795_444_848;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(START + seconds)
    }

    #[tokio::test]
    async fn a_revocation_outlives_the_tokens_of_every_service_that_says_so() {
        let test = TestDb::new(migrations()).await.unwrap();
        let (last, unknown) = test
            .db
            .transaction(|conn| {
                let unknown = last_expiry(conn, at(0))?;
                record(conn, Duration::from_secs(300), at(600))?;
                // A service with longer lives stopped a while ago: its last token decides.
                record(conn, Duration::from_secs(3600), at(-60))?;
                Ok((last_expiry(conn, at(0))?, unknown))
            })
            .await
            .unwrap();
        assert_eq!(last, at(-60 + 3601 + 60));
        assert!(unknown >= at(86_400), "nothing said: the longest is assumed");
    }

    #[tokio::test]
    async fn a_life_is_forgotten_once_its_last_token_has_expired() {
        let test = TestDb::new(migrations()).await.unwrap();
        let last = |conn: &mut DbConnection, now| {
            forget(conn, now)?;
            last_expiry(conn, now)
        };
        let ends = test.db.transaction(move |conn| {
            record(conn, Duration::from_secs(300), at(5000))?;
            record(conn, Duration::from_secs(3600), at(0))?;
            Ok([last(conn, at(1000))?, last(conn, at(4000))?])
        });
        assert_eq!(ends.await.unwrap(), [at(3601 + 60), at(4000 + 301 + 60)]);
    }
}
