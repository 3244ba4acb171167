//! One follower's stream: first what it lacks, from the database; then what is new, as it comes.

use std::{sync::Arc, time::Duration};

use actix_web::web::Bytes;
use futures_util::{Stream, stream::try_unfold};
use shared::{
    Db, DbConnection, DbError,
    clock::monotonic_micros,
    revocation::wire::{Begin, HEARTBEAT, Head, Place, event},
};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::JoinHandle,
};

use super::{Batch, Feed, Heard, definitions};
use crate::store::{feed, roles};

/// Entries of the snapshot read by one statement and sent as one event.
const SNAPSHOT: i64 = 5000;
/// A database that has not answered for this long is not vouched for: no heartbeat.
const OUT_OF_TOUCH: Duration = Duration::from_secs(3);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub enum StreamEnd {
    /// The database failed during the snapshot.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An event could not be written.
    #[error(transparent)]
    Event(#[from] serde_json::Error),
    /// The follower must begin anew: the feed is another one now.
    #[error("the feed began anew")]
    Restarted,
}

struct Follower {
    feed: Feed,
    db: Db,
    epoch: String,
    /// The latest entry that was sent.
    sent: i64,
    /// When the database had it, at the latest: what the thread heard before says nothing of it.
    as_of: i64,
    batches: Receiver<Arc<Batch>>,
    keys: watch::Receiver<i64>,
    phase: Phase,
    /// The next part of what the follower lacks, read while the last one is sent: the database and the
    /// network work at once, and no more than two parts are in memory.
    ahead: Option<JoinHandle<Result<Part, DbError>>>,
    heartbeat: tokio::time::Interval,
}

/// What the database says of the entries behind a place.
struct Part {
    head: feed::Head,
    /// When it was asked.
    asked: i64,
    /// The next entries; none if there are no more.
    batch: Option<Batch>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begin,
    /// What roles permit, behind the place of the entry that it came with: the entry itself may have
    /// expired.
    Roles(i64),
    CatchUp,
    Live,
}

/// The events for a follower that has everything up to `place`.
pub fn stream(feed: &Feed, db: &Db, place: &Place) -> impl Stream<Item = Result<Bytes, StreamEnd>> + use<> {
    // Listening begins before the database is read: nothing can fall in between.
    let batches = feed.news.batches.subscribe();
    let heard = feed.news.heard.borrow().clone();
    let epoch = heard.as_ref().map(|heard| heard.epoch.clone()).unwrap_or_default();
    let behind = heard.is_some_and(|heard| place.after <= heard.head.seq);
    let sent = if behind && place.epoch == epoch { place.after } else { 0 };
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let follower = Follower {
        feed: feed.clone(),
        db: db.clone(),
        epoch,
        sent,
        as_of: 0,
        batches,
        keys: feed.news.keys.subscribe(),
        phase: Phase::Begin,
        ahead: None,
        heartbeat,
    };
    try_unfold(follower, |mut follower| async move {
        let text = follower.next().await?;
        Ok(Some((Bytes::from(text), follower)))
    })
}

impl Follower {
    async fn next(&mut self) -> Result<String, StreamEnd> {
        loop {
            let text = match self.phase {
                Phase::Begin => Some(self.begin()?),
                Phase::Roles(behind) => self.roles(behind).await?,
                Phase::CatchUp => Some(self.catch_up().await?),
                Phase::Live => self.live().await?,
            };
            if let Some(text) = text {
                return Ok(text);
            }
        }
    }

    fn begin(&mut self) -> Result<String, StreamEnd> {
        self.phase = Phase::Roles(self.sent);
        let live = self.feed.revocations.len();
        Ok(event("begin", &Begin { epoch: self.epoch.clone(), t: monotonic_micros(), live })?)
    }

    /// The next definitions from the database, if there are more.
    async fn roles(&mut self, behind: i64) -> Result<Option<String>, StreamEnd> {
        let read = move |conn: &mut DbConnection| roles::list_behind(conn, behind, definitions::BATCH);
        let some = self.db.read(read).await?;
        self.phase = some.last().map_or(Phase::CatchUp, |last| Phase::Roles(last.seq));
        Ok((!some.is_empty()).then(|| definitions::events(&some)))
    }

    /// The next entries from the database; when there are no more, the head.
    async fn catch_up(&mut self) -> Result<String, StreamEnd> {
        let reading = self.ahead.take().unwrap_or_else(|| self.read_behind(self.sent));
        let Part { head, asked, batch } = reading.await.map_err(|_| DbError::Interrupted)??;
        if head.epoch != self.epoch || head.seq < self.sent {
            return Err(StreamEnd::Restarted);
        }
        self.as_of = batch.as_ref().map_or_else(monotonic_micros, |batch| batch.read_at);
        if let Some(Batch { last, text, .. }) = batch {
            self.sent = last;
            self.ahead = Some(self.read_behind(last));
            return Ok(text);
        }
        self.phase = Phase::Live;
        self.sent = self.sent.max(head.seq);
        Ok(event("head", &Head { seq: self.sent, keys: head.keys_version, t: asked })?)
    }

    /// Begins to read what lies behind a place. The text is made on the same thread: what a million
    /// entries take must not come between the worker and its other requests.
    fn read_behind(&self, after: i64) -> JoinHandle<Result<Part, DbError>> {
        let (db, now, asked) = (self.db.clone(), self.feed.revocations.clock().now(), monotonic_micros());
        let read = move |conn: &mut DbConnection| {
            // The head first: whatever has a place up to it is committed.
            let head = feed::load_head(conn)?;
            let rows = feed::list_after(conn, after, now, SNAPSHOT)?;
            let definitions = definitions::of_rows(conn, &rows)?;
            let batch = rows.last().map(|last| Batch::of(&rows, &definitions, last.seq));
            Ok(Part { head, asked, batch })
        };
        tokio::spawn(async move { db.read(read).await })
    }

    async fn live(&mut self) -> Result<Option<String>, StreamEnd> {
        tokio::select! {
            // New entries go before the heartbeat that vouches for them.
            biased;
            batch = self.batches.recv() => match batch {
                Ok(batch) if batch.last > self.sent => {
                    (self.sent, self.as_of) = (batch.last, batch.read_at);
                    Ok(Some(batch.text.clone()))
                }
                Ok(_) => Ok(None),
                Err(RecvError::Lagged(_)) => {
                    self.phase = Phase::CatchUp;
                    Ok(None)
                }
                Err(RecvError::Closed) => Err(StreamEnd::Restarted),
            },
            // Validators fetch new keys before the first token under them.
            Ok(()) = self.keys.changed() => self.head(),
            _ = self.heartbeat.tick() => self.head(),
        }
    }

    /// The heartbeat, unless the database is out of touch: then silence says so.
    fn head(&self) -> Result<Option<String>, StreamEnd> {
        let Some(Heard { epoch, head }) = self.feed.news.heard.borrow().clone() else { return Ok(None) };
        if epoch != self.epoch || head.seq < self.sent && head.t > self.as_of {
            return Err(StreamEnd::Restarted);
        }
        if head.seq < self.sent {
            // The catch-up read the database after the thread did, which will hear of it any moment.
            return Ok(None);
        }
        let age = monotonic_micros() - head.t;
        let out_of_touch = u128::try_from(age).unwrap_or(0) > OUT_OF_TOUCH.as_micros();
        // What was heard but not sent yet comes first.
        if out_of_touch || head.seq > self.sent {
            return Ok(None);
        }
        Ok(Some(event("head", &head)?))
    }
}
