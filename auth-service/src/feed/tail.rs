//! The thread that reads the feed's end.
//!
//! It blocks on its own connection instead of the pool's: a pool that is full must not delay a
//! revocation. PostgreSQL says when there is something new (`LISTEN`), and is asked every second all
//! the same; SQLite is asked every 25 ms, so that commands beside the server count too.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use diesel::{QueryResult, connection::SimpleConnection};
use shared::{
    Clock, Db, DbConnection, DbError,
    clock::monotonic_micros,
    revocation::{Revocations, wire},
};

use super::{Batch, Heard, News, Nudge, definitions};
use crate::{
    keyring::Keyring,
    store::{
        feed::{self, CHANNEL, Head, Row},
        roles::{self, Definition},
    },
};

/// How often SQLite is asked.
const POLL: Duration = Duration::from_millis(25);
/// How often it is looked whether PostgreSQL has said something. That reads a socket and asks nobody.
const LOOK: Duration = Duration::from_millis(10);
/// Looks between two questions to PostgreSQL that nothing has caused.
const LOOKS: u32 = 50;
/// The pause after a failure.
const RETRY: Duration = Duration::from_millis(250);
/// Entries read by one statement.
const BATCH: i64 = 1000;
/// How often entries that can refuse nothing any more are dropped from memory, in microseconds.
const SWEEP: i64 = 60 * 1_000_000;

struct Tail {
    db: Db,
    clock: Clock,
    revocations: Revocations,
    news: News,
    keyring: Keyring,
    /// What has been passed on so far.
    known: Option<Head>,
    keys_failing: bool,
    swept: i64,
}

pub(super) fn spawn(
    db: Db,
    revocations: Revocations,
    news: News,
    keyring: Keyring,
    nudges: Receiver<Nudge>,
) -> std::io::Result<()> {
    let clock = revocations.clock().clone();
    let tail = Tail { db, clock, revocations, news, keyring, known: None, keys_failing: false, swept: 0 };
    std::thread::Builder::new().name("feed".to_owned()).spawn(move || tail.run(&nudges)).map(|_| ())
}

/// Everybody who could listen is gone.
struct Over;

impl Tail {
    fn run(mut self, nudges: &Receiver<Nudge>) {
        let mut failing = false;
        loop {
            let (error, pause) = match self.connect() {
                Ok(mut connection) => match self.follow(&mut connection, nudges, &mut failing) {
                    Ok(Over) => return,
                    Err(error) => (DbError::Query(error), Duration::ZERO),
                },
                Err(error) => (error, RETRY),
            };
            if std::mem::replace(&mut failing, true) {
                tracing::debug!(%error, "the revocation feed cannot be read");
            } else {
                tracing::warn!(%error, "the revocation feed cannot be read; trying again");
            }
            // A nudge is dropped here, which tells its sender that nothing could be passed on.
            if let Err(RecvTimeoutError::Disconnected) = nudges.recv_timeout(pause) {
                return;
            }
        }
    }

    fn connect(&self) -> Result<DbConnection, DbError> {
        let mut connection = self.db.dedicated()?;
        if let DbConnection::Postgres(pg) = &mut connection {
            pg.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        }
        Ok(connection)
    }

    fn follow(
        &mut self,
        connection: &mut DbConnection,
        nudges: &Receiver<Nudge>,
        failing: &mut bool,
    ) -> QueryResult<Over> {
        let mut waiting: Vec<Nudge> = Vec::new();
        loop {
            self.step(connection)?;
            *failing = false;
            for nudge in waiting.drain(..) {
                // Whoever asked may have given up.
                nudge.send(()).ok();
            }
            match wait(connection, nudges)? {
                Woken::Over => return Ok(Over),
                Woken::Nudged(nudge) => waiting.push(nudge),
                Woken::Due => {}
            }
            // Whatever was committed before these were sent is read by the next step.
            waiting.extend(nudges.try_iter());
        }
    }

    /// Passes on what is new.
    fn step(&mut self, connection: &mut DbConnection) -> QueryResult<()> {
        let asked = monotonic_micros();
        let mut head = feed::load_head(connection)?;
        self.follow_keys(connection, &mut head);
        if self.known.as_ref() != Some(&head) {
            self.read_up_to(connection, &head)?;
            self.known = Some(head.clone());
        }
        self.revocations.complete(head.seq, asked);
        let told = wire::Head { seq: head.seq, keys: head.keys_version, t: asked };
        self.news.heard.send_replace(Some(Heard { epoch: head.epoch, head: told }));
        if asked - self.swept > SWEEP {
            self.swept = asked;
            self.revocations.sweep();
        }
        Ok(())
    }

    /// Loads the keys anew if they have changed. If they cannot be used, the old ones and their version
    /// stay, and the next step tries again.
    fn follow_keys(&mut self, connection: &mut DbConnection, head: &mut Head) {
        let known = self.known.as_ref().map(|known| known.keys_version);
        if known == Some(head.keys_version) {
            return;
        }
        let reloaded = self.keyring.reload(connection);
        match (reloaded, known) {
            (Ok(()), _) => self.keys_failing = false,
            (Err(error), known) => {
                head.keys_version = known.unwrap_or_default();
                if !std::mem::replace(&mut self.keys_failing, true) {
                    tracing::error!(%error, "the new keys cannot be used");
                }
            }
        }
    }

    fn read_up_to(&mut self, connection: &mut DbConnection, head: &Head) -> QueryResult<()> {
        let known = self.known.as_ref();
        // A head that went back is a database that was put back: everything is read anew.
        let mut last = known
            .filter(|known| known.epoch == head.epoch && known.seq <= head.seq)
            .map_or(0, |known| known.seq);
        if last == 0 {
            self.read_definitions(connection)?;
        }
        while last < head.seq {
            let rows = feed::list_after(connection, last, self.clock.now(), BATCH)?;
            // Afterwards: whatever these entries came with is there.
            let definitions = definitions::of_rows(connection, &rows)?;
            definitions::receive(&definitions, &self.revocations);
            // What expired before anybody saw it leaves a gap.
            last = rows.last().map_or(head.seq, |row| row.seq);
            for row in &rows {
                self.revocations.receive(row.entry());
            }
            // Whoever begins to listen after this question reads the database after it, and these are
            // there. So nothing is written for nobody, which is most of a start with a million entries.
            if self.news.batches.receiver_count() > 0 {
                drop(self.news.batches.send(Arc::new(Batch::of(&rows, &definitions, last))));
            }
        }
        Ok(())
    }

    /// What roles permit, also where the entry that it came with has expired.
    fn read_definitions(&self, connection: &mut DbConnection) -> QueryResult<()> {
        let mut last = 0;
        loop {
            let some = roles::list_behind(connection, last, definitions::BATCH)?;
            let Some(end) = some.last() else { return Ok(()) };
            last = end.seq;
            definitions::receive(&some, &self.revocations);
        }
    }
}

impl Batch {
    pub(super) fn of(rows: &[Row], definitions: &[Definition], last: i64) -> Self {
        let lines = rows.iter().map(Row::line).collect();
        let read_at = monotonic_micros();
        let entries = wire::Entries { t: read_at, lines };
        // Numbers and strings can always be written.
        let entries = wire::event("entries", &entries).unwrap_or_default();
        Self { last, read_at, text: definitions::events(definitions) + &entries }
    }
}

enum Woken {
    Nudged(Nudge),
    Due,
    Over,
}

/// Waits until there may be something new.
fn wait(connection: &mut DbConnection, nudges: &Receiver<Nudge>) -> QueryResult<Woken> {
    let (pause, looks) = match connection {
        DbConnection::Sqlite(_) => (POLL, 1),
        DbConnection::Postgres(_) => (LOOK, LOOKS),
    };
    for _ in 0..looks {
        match nudges.recv_timeout(pause) {
            Ok(nudge) => return Ok(Woken::Nudged(nudge)),
            Err(RecvTimeoutError::Disconnected) => return Ok(Woken::Over),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let DbConnection::Postgres(pg) = connection {
            let mut told = false;
            for notification in pg.notifications_iter() {
                notification?;
                told = true;
            }
            if told {
                return Ok(Woken::Due);
            }
        }
    }
    Ok(Woken::Due)
}
