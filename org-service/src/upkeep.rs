//! [`Upkeep`]: organizations that nobody asks for now are looked after. Those of the release before get their
//! owner.
//!
//! Every replica may do all of it: each task begins with a compare-and-set, so that of any number one does it.
//! What is asked each time is answered by a partial index, most often with nothing.

use shared::{Clock, Db, DbError};

use crate::adoption;

/// Looks after organizations.
#[derive(Debug)]
pub struct Upkeep {
    /// Where they are.
    pub db: Db,
    /// The time.
    pub clock: Clock,
}

impl Upkeep {
    /// Of this database.
    #[must_use]
    pub const fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// One round. A task that fails keeps none of the others from being done.
    pub async fn step(&self) -> Result<(), DbError> {
        adoption::adopt_all(&self.db, self.clock.now()).await
    }
}
