//! What has to be done now and then, off the request path: organizations are looked after, long lists are
//! counted, copies of profiles renewed, and answers to creations forgotten.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use shared::DbError;

use crate::{
    idempotency::KEPT as ANSWERS_KEPT,
    profiles::Profiles,
    store::{
        idempotency,
        tallies::{self, List},
    },
    upkeep::Upkeep,
};

/// How often.
const PERIOD: Duration = Duration::from_secs(60);
/// How often organizations are looked after within a period.
const ROUNDS: u32 = 6;
/// Lists counted in one period at most.
const MOST_WANTED: usize = 100;
/// How long the size of a list is kept that nobody asks for; then it is counted anew.
const KEPT: Duration = Duration::from_secs(3600);
/// Rows removed by one statement: small, so that creations are not held up.
const BATCH: i64 = 500;
/// Statements in one period, with a pause between: a backlog is worked off over several.
const BATCHES: usize = 20;

/// What is done off the request path.
#[derive(Debug)]
pub struct Chores {
    upkeep: Upkeep,
    profiles: Profiles,
    wanted: Mutex<BTreeSet<List>>,
}

impl Chores {
    /// Begins to do it every period, until the service is gone.
    pub(crate) fn begin(upkeep: Upkeep, profiles: Profiles) -> Arc<Self> {
        let chores = Arc::new(Self { upkeep, profiles, wanted: Mutex::default() });
        let held = Arc::downgrade(&chores);
        tokio::spawn(run(held));
        chores
    }

    /// Asks for the size of a list to be counted.
    pub fn want(&self, list: List) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < MOST_WANTED {
            wanted.insert(list);
        }
    }

    /// All of it, once. It is done by itself every minute of the machine's time; tests with a clock of
    /// their own do it when they want to.
    pub async fn step(&self) -> Result<(), DbError> {
        // Either is done even if the other fails.
        let done = [self.upkeep.step().await, self.lists().await];
        done.into_iter().collect()
    }

    async fn lists(&self) -> Result<(), DbError> {
        let wanted = mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        for list in wanted {
            self.count(list).await?;
        }
        self.profiles.renew().await?;
        self.purge().await?;
        let long_ago = self.upkeep.clock.now().before(KEPT);
        self.upkeep.db.write(move |conn| tallies::forget(conn, long_ago)).await?;
        Ok(())
    }

    async fn purge(&self) -> Result<(), DbError> {
        let old = self.upkeep.clock.now().before(ANSWERS_KEPT);
        for _ in 0..BATCHES {
            if self.upkeep.db.transaction(move |conn| idempotency::purge(conn, old, BATCH)).await? == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Counts a list, unless another process has just done so.
    async fn count(&self, list: List) -> Result<(), DbError> {
        let kept = self.upkeep.db.read(move |conn| tallies::find(conn, list)).await?;
        if kept.is_some_and(|(_, counted_at)| self.upkeep.clock.now().since(counted_at) < PERIOD / 2) {
            return Ok(());
        }
        let size = self.upkeep.db.read(move |conn| list.count(conn)).await?;
        let now = self.upkeep.clock.now();
        self.upkeep.db.write(move |conn| tallies::keep(conn, list, size, now)).await?;
        Ok(())
    }
}

async fn run(chores: Weak<Chores>) {
    // Tests of this crate do it when they want to: on a busy machine it would come in between.
    let pause = if cfg!(test) { Duration::MAX } else { PERIOD / ROUNDS };
    for round in (1..=ROUNDS).cycle() {
        tokio::time::sleep(pause).await;
        let Some(chores) = chores.upgrade() else { return };
        let done = if round == ROUNDS { chores.step().await } else { chores.upkeep.step().await };
        if let Err(error) = done {
            tracing::warn!(%error, "housekeeping failed; it is tried again");
        }
    }
}
