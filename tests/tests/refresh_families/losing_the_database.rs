//! A database that hangs up in the middle of refreshes, again and again: no session is lost by it.

use diesel::{RunQueryDsl, sql_query};
use e2e::Actor;
use tokio::sync::watch;

use crate::Replicas;

/// Sessions that are refreshed at the same time: more than a process has database connections.
const WALKERS: usize = 12;

/// Steps of each session. Connections are cut once per few steps, so that each session loses some.
const STEPS: i64 = 15;

/// Refreshes that succeed between two cuts: enough for progress, too few for calm.
const BETWEEN_CUTS: usize = 6;

/// A client that tries again, elsewhere, whenever the answer is 503.
struct Walker {
    actors: [Actor; 2],
    token: String,
    failures: usize,
}

impl Walker {
    /// Refreshes a token until there is an answer that is not 503. Says whether there was one that is.
    async fn refresh(&mut self, token: &str) -> anyhow::Result<(String, String, bool)> {
        let mut failed = false;
        loop {
            self.actors.swap(0, 1);
            let answer = self.actors[0].refresh_with(token).await?;
            if answer.status == 200 {
                return Ok((answer.text_of("refresh")?, answer.text, failed));
            }
            anyhow::ensure!((answer.status, answer.code()) == (503, "unavailable"), "{answer:?}");
            (failed, self.failures) = (true, self.failures + 1);
        }
    }

    async fn walk(mut self, succeeded: watch::Sender<usize>) -> anyhow::Result<Self> {
        for _ in 0..STEPS {
            let spent = self.token.clone();
            let (successor, text, failed) = self.refresh(&spent).await?;
            if failed {
                // Whatever the failed attempts did, there is one successor.
                let (_, again, _) = self.refresh(&spent).await?;
                anyhow::ensure!(again == text, "{again} after {text}");
            }
            self.token = successor;
            succeeded.send_modify(|so_far| *so_far += 1);
        }
        Ok(self)
    }
}

/// Hangs up on every connection to the database but this one; says how many there were.
async fn hang_up(replicas: &Replicas) -> anyhow::Result<usize> {
    const OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
    Ok(replicas.cluster.auth_db.db.read(|conn| sql_query(OTHERS).execute(conn)).await?)
}

/// PostgreSQL only: SQLite has no connection that could break. Its counterpart, a lock held by somebody
/// else for too long, is among the faults of the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_up_costs_no_session() -> anyhow::Result<()> {
    if shared::db::testing::server()?.is_none() {
        return Ok(());
    }
    let replicas = Replicas::start(&[]).await?;
    let succeeded = watch::Sender::new(0);
    let mut walking = Vec::new();
    for _ in 0..WALKERS {
        let (actors, token) = (replicas.actors(), replicas.login().await?);
        walking.push(Walker { actors, token, failures: 0 }.walk(succeeded.clone()));
    }
    // The walkers have the senders that remain: once the last is gone, all are done, or one failed.
    let mut progress = succeeded.subscribe();
    drop(succeeded);
    let walking = tokio::spawn(futures_util::future::try_join_all(walking));
    let mut cut = 0;
    loop {
        cut += hang_up(&replicas).await?;
        let enough = *progress.borrow_and_update() + BETWEEN_CUTS;
        if progress.wait_for(|so_far| *so_far >= enough).await.is_err() {
            break;
        }
    }
    let walkers = walking.await??;
    let failures: usize = walkers.iter().map(|walker| walker.failures).sum();
    assert!(cut > 0 && failures > 0, "{cut} connections were cut and {failures} refreshes noticed");
    for walker in &walkers {
        assert_eq!(replicas.steps(&walker.token).await?, STEPS, "one step per token");
        assert!(replicas.row(&walker.token).await?.revoked_at.is_none());
    }
    Ok(())
}
