//! [`Feed`]: this process's end of the revocation feed.
//!
//! A thread with a database connection of its own reads new entries in the order of commit, puts them
//! into the view that validators in this process share, and hands them to every stream. Whatever this
//! process, another replica or a command beside it has written comes the same way, so there is one
//! order for all.

mod definitions;
mod stream;
mod tail;

use std::{sync::Arc, time::Duration};

use shared::{
    Db,
    revocation::{Revocations, wire::Head},
};
use tokio::sync::{broadcast, oneshot, watch};

pub use stream::stream;

use crate::keyring::Keyring;

/// Batches that a stream may lag behind before it reads the database instead.
const BACKLOG: usize = 256;
/// How long a million entries may take to be read when the service starts.
const BEGINNING: Duration = Duration::from_secs(60);
/// How long a request that has revoked something waits until this process has passed it on.
const PATIENCE: Duration = Duration::from_secs(2);

/// The feed. Clones share it; the thread ends with the last of them.
#[derive(Debug, Clone)]
pub struct Feed {
    revocations: Revocations,
    nudges: std::sync::mpsc::Sender<Nudge>,
    news: News,
}

/// Asks the thread to look now; it answers once everything committed before has been passed on.
type Nudge = oneshot::Sender<()>;

/// What streams listen to.
#[derive(Debug, Clone)]
struct News {
    batches: broadcast::Sender<Arc<Batch>>,
    heard: watch::Sender<Option<Heard>>,
    /// The version of the key set; changes far more seldom than the rest, and must not wait for a
    /// heartbeat: validators need a key before its first token.
    keys: watch::Sender<i64>,
}

/// Entries in order, with their event as text: made once for all streams.
#[derive(Debug)]
struct Batch {
    last: i64,
    /// When the database had said all of them, by the monotonic clock.
    read_at: i64,
    text: String,
}

/// What the database said last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    epoch: String,
    head: Head,
}

impl Feed {
    /// Starts the thread, and waits until it has read everything there is.
    pub async fn start(db: &Db, revocations: Revocations, keyring: Keyring) -> std::io::Result<Self> {
        let (nudges, looking) = std::sync::mpsc::channel();
        let news = News {
            batches: broadcast::Sender::new(BACKLOG),
            heard: watch::Sender::new(None),
            keys: watch::Sender::new(0),
        };
        let feed = Self { revocations, nudges, news };
        let mut heard = feed.news.heard.subscribe();
        tail::spawn(db.clone(), feed.revocations.clone(), feed.news.clone(), keyring, looking)?;
        let first = heard.wait_for(Option::is_some);
        match tokio::time::timeout(BEGINNING, first).await {
            Ok(Ok(_)) => Ok(feed),
            _ => Err(std::io::Error::other("the revocation feed could not be read")),
        }
    }

    /// What has been revoked, as this process knows it.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Waits until what has been committed is known in this process and sent to whoever follows it.
    /// If the database is gone by now, others will hear of it when it is back.
    pub async fn passed_on(&self) {
        let (done, passed) = oneshot::channel();
        let passed = async { self.nudges.send(done).is_ok() && passed.await.is_ok() };
        if tokio::time::timeout(PATIENCE, passed).await != Ok(true) {
            tracing::warn!("a revocation is committed, but could not be passed on yet");
        }
    }

    /// The version of the key set that this process has.
    #[must_use]
    pub fn keys_version(&self) -> i64 {
        self.news.heard.borrow().as_ref().map_or(0, |heard| heard.head.keys)
    }
}
