//! What has to be done now and then, off the request path: expired rows go, uses of sessions are
//! written, and the database is told how long this service's tokens live.

use std::time::Duration;

use shared::{Clock, Db, DbError, Timestamp};

use crate::{
    App, Config,
    app::Inner,
    store::{feed, lives, roles, sessions},
};

/// How often.
const PERIOD: Duration = Duration::from_secs(20);
/// How far ahead it is said how long tokens live. Longer than a few periods: one may fail.
const AHEAD: Duration = Duration::from_secs(600);
/// Rows removed by one statement: small, so that logins are not held up.
const BATCH: i64 = 500;
/// Statements in one period, with a pause between: a backlog is worked off over several.
const BATCHES: usize = 20;

/// What must be so before the first token is issued or revoked.
pub(crate) async fn begin(db: &Db, config: &Config, clock: &Clock) -> Result<(), DbError> {
    let (life, now) = (config.tokens.longest_life(&config.rules), clock.now());
    db.transaction(move |conn| {
        feed::begin(conn)?;
        lives::record(conn, life, now.after(AHEAD))
    })
    .await
}

/// Does it every period, until the service is gone.
pub(crate) fn spawn(app: &App) {
    let app = app.downgrade();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PERIOD).await;
            if !period(&app).await {
                return;
            }
        }
    });
}

async fn period(app: &std::sync::Weak<Inner>) -> bool {
    let Some(app) = App::upgrade(app) else { return false };
    if let Err(error) = step(&app).await {
        tracing::warn!(%error, "housekeeping failed; it is tried again");
    }
    true
}

/// One round. It is taken by itself every 20 s of the machine's time; tests with a clock of their own
/// take it when they want to.
pub async fn step(app: &App) -> Result<(), DbError> {
    let (db, now) = (app.db(), app.now());
    let life = app.config().tokens.longest_life(&app.config().rules);
    db.write(move |conn| lives::record(conn, life, now.after(AHEAD))).await?;
    app.last_used().flush(db).await?;
    purge(db, now).await
}

async fn purge(db: &Db, now: Timestamp) -> Result<(), DbError> {
    for _ in 0..BATCHES {
        let removed = db.write(move |conn| {
            let tokens = sessions::purge(conn, now, BATCH)? + feed::purge(conn, now, BATCH)?;
            Ok(tokens + roles::purge(conn, now, BATCH)?)
        });
        let removed = removed.await?;
        if removed == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    db.write(move |conn| lives::forget(conn, now)).await
}
