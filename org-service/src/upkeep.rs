//! [`Upkeep`]: organizations that nobody asks for now are looked after. Those of the release before get their
//! owner, records are sealed, and what was deleted long ago is purged.
//!
//! Every replica may do all of it: each task begins with a compare-and-set, so that of any number one does it.
//! What is asked each time is answered by a partial index, most often with nothing.

use std::time::Duration;

use shared::{Clock, Db, DbError};

use crate::{
    Config, adoption, purge,
    seal::{self, AuditKeys},
};

/// Looks after organizations.
#[derive(Debug)]
pub struct Upkeep {
    /// Where they are.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    audit_keys: AuditKeys,
    restore_window: Duration,
}

impl Upkeep {
    /// As the settings say.
    #[must_use]
    pub fn new(db: Db, clock: Clock, config: &Config) -> Self {
        Self { db, clock, audit_keys: config.audit_keys.clone(), restore_window: config.restore_window }
    }

    /// One round. A task that fails keeps none of the others from being done.
    pub async fn step(&self) -> Result<(), DbError> {
        let (db, now) = (&self.db, self.clock.now());
        let done = [
            adoption::adopt_all(db, now).await,
            seal::seal_all(db, &self.audit_keys, now).await,
            purge::purge_all(db, self.restore_window, now).await,
        ];
        done.into_iter().collect()
    }
}
