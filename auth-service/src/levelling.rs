//! What the time of a login is levelled to, so that it tells neither whether a user exists nor how old
//! their hash is.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use shared::Db;

use crate::{
    password::{Argon2Params, CostTable, Costliest, HashPool},
    store::users,
};

/// The costliest scheme stored, kept current until it is dropped.
#[derive(Debug)]
pub struct Level(ArcSwap<Costliest>);

impl Level {
    /// Begins with documented prices, and measures this machine's in the background.
    #[must_use]
    pub fn follow(db: Db, hashing: Arc<HashPool>, schemes: Vec<String>) -> Arc<Self> {
        let documented = Costliest::new(CostTable::documented(), Argon2Params::default());
        let level =
            Arc::new(Self(ArcSwap::from_pointee(documented.with(schemes.iter().map(String::as_str)))));
        tokio::spawn(follow(Arc::downgrade(&level), db, hashing, schemes));
        level
    }

    /// The level now.
    #[must_use]
    pub fn current(&self) -> Arc<Costliest> {
        self.0.load_full()
    }

    /// Measures these schemes on the hashing threads; false if those are busy.
    async fn measure(&self, hashing: &HashPool, schemes: Vec<String>) -> bool {
        let measure =
            move || Costliest::measured(Argon2Params::default(), schemes.iter().map(String::as_str));
        let measured = hashing.run(measure).await.map(|costliest| self.0.store(Arc::new(costliest)));
        measured.is_ok()
    }
}

/// How often the stored schemes are looked at again: users may be imported beside the server.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

async fn follow(level: Weak<Level>, db: Db, hashing: Arc<HashPool>, mut known: Vec<String>) {
    let mut measured = false;
    while let Some(level) = level.upgrade() {
        match db.read(users::password_schemes).await {
            Ok(mut schemes) => {
                schemes.sort();
                if !measured || schemes != known {
                    known.clone_from(&schemes);
                    measured = level.measure(&hashing, schemes).await;
                }
            }
            Err(error) => tracing::debug!(%error, "the stored password schemes could not be read"),
        }
        drop(level);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
