//! [`Upkeep`]: organizations that nobody asks for now are looked after. Those of the release before get their
//! owner, and records are sealed.
//!
//! Every replica may do all of it: each task begins with a compare-and-set, so that of any number one does it.
//! What is asked each time is answered by a partial index, most often with nothing.

use shared::{Clock, Db, DbError};

use crate::{
    Config, adoption,
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
}

impl Upkeep {
    /// As the settings say.
    #[must_use]
    pub fn new(db: Db, clock: Clock, config: &Config) -> Self {
        let audit_keys = config.audit_keys.clone();
        if audit_keys.is_empty() {
            tracing::info!(
                "ORG_AUDIT_KEY is not set: whoever can write the database can forge the record of changes"
            );
        }
        Self { db, clock, audit_keys }
    }

    /// One round. A task that fails keeps none of the others from being done.
    pub async fn step(&self) -> Result<(), DbError> {
        let (db, now) = (&self.db, self.clock.now());
        let done = [
            adoption::adopt_all(db, now).await,
            seal::seal_all(db, &self.audit_keys, now).await,
        ];
        done.into_iter().collect()
    }
}
