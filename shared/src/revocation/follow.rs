//! Following the feed of an auth service elsewhere.
//!
//! One connection gives the snapshot and then the stream, so nothing can fall between the two. After a
//! break the connection is made anew and goes on from the last entry, or begins with everything if the
//! feed is another one.
//!
//! How fresh the view is follows from the sender's clock `t`, without comparing clocks: `begin` was
//! written after we sent our request, so whatever the sender says of its moment `t` was true at
//! `sent + (t - t_begin)` of ours, or later. A heartbeat that waited in a buffer or behind a slow proxy
//! counts for when it was written, not for when it came.

use std::time::Duration;

use super::{
    Entry, Revocations,
    wire::{Begin, Entries, Events, Head, NotAFeed, PATH, Place, RoleLine, RoleLines},
};
use crate::{
    Secret,
    clock::monotonic_micros,
    issuer::{IssuerUnavailable, KeySource, SERVICE_SECRET_HEADER},
};

/// With a heartbeat every second, a silence of this long means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(4);
/// Clocks drift against each other by parts in 10,000: after this long the connection begins anew.
const RECALIBRATE: i64 = 600 * 1_000_000;
/// A connection whose first event took longer is calibrated too roughly to last: whatever the delay was,
/// it counts as age of every event to come, also once it is over.
const ROUGH: i64 = 500_000;
/// So it begins anew after this long.
const RECALIBRATE_ROUGH: i64 = 5 * 1_000_000;
/// The first pause after a failure; it doubles up to the last.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often entries that can refuse nothing any more are looked for, in microseconds.
const SWEEP: i64 = 60 * 1_000_000;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Connection(#[from] reqwest::Error),
    #[error(transparent)]
    NotAFeed(#[from] NotAFeed),
    #[error("the auth service ended the stream")]
    Ended,
}

/// Follows an auth service's feed.
#[derive(Debug)]
pub(crate) struct Follower {
    url: url::Url,
    secret: Secret<String>,
    client: reqwest::Client,
    revocations: Revocations,
    keys: KeySource,
    place: Place,
    swept: i64,
}

impl Follower {
    /// A follower of the auth service whose management port is at `issuer`.
    pub(crate) fn new(
        issuer: &url::Url,
        secret: Secret<String>,
        revocations: Revocations,
        keys: KeySource,
    ) -> Result<Self, IssuerUnavailable> {
        let unusable = |e: &dyn std::fmt::Display| IssuerUnavailable(e.to_string());
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| unusable(&e))?;
        let url = issuer.join(PATH).map_err(|e| unusable(&e))?;
        Ok(Self { url, secret, client, revocations, keys, place: Place::default(), swept: 0 })
    }

    /// Follows until nobody else has the view.
    pub(crate) async fn run(mut self) {
        let (mut pause, mut failing) = (PAUSE, false);
        while !self.revocations.is_abandoned() {
            let mut connection = Connection::new(monotonic_micros());
            let lost = self.connect(&mut connection).await;
            if connection.complete {
                (pause, failing) = (PAUSE, false);
            }
            let Err(lost) = lost else { continue };
            // Once when a failure begins, without the address: it may hold credentials.
            let error = match lost {
                Lost::Connection(error) => error.without_url().to_string(),
                other => other.to_string(),
            };
            if failing {
                tracing::debug!(error, "the revocation feed cannot be had");
            } else {
                tracing::warn!(error, "the revocation feed was lost; connecting again");
            }
            failing = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection, until it fails, is old, or nobody wants it any more.
    async fn connect(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        let request = self.client.get(self.url.clone()).query(&self.place);
        let request = request.header(SERVICE_SECRET_HEADER, self.secret.expose());
        let mut response = request.send().await?.error_for_status()?;
        let mut events = Events::default();
        while let Some(bytes) = response.chunk().await? {
            events.feed(&bytes, |name, data| self.event(connection, name, data))?;
            let now = monotonic_micros();
            if self.revocations.is_abandoned() || now > connection.good_until {
                return Ok(());
            }
            if now - self.swept > SWEEP {
                self.swept = now;
                self.revocations.sweep();
            }
        }
        Err(Lost::Ended)
    }

    fn event(&mut self, connection: &mut Connection, name: &str, data: &str) -> Result<(), NotAFeed> {
        match name {
            "begin" => {
                let begin: Begin = read(data)?;
                self.revocations.expect(begin.live);
                if begin.epoch != self.place.epoch {
                    // Another feed, or the first: what was refused stays refused.
                    self.place = Place { epoch: begin.epoch, after: 0 };
                }
                connection.calibrate(begin.t, monotonic_micros());
            }
            "entries" => {
                let Entries { t, lines } = read(data)?;
                for line in lines {
                    self.place.after = self.place.after.max(line.0);
                    self.revocations.receive(Entry::try_from(line));
                }
                if let (Some(offset), true) = (connection.offset, connection.complete) {
                    let age = monotonic_micros().saturating_sub(t.saturating_add(offset));
                    let micros = u64::try_from(age).unwrap_or(0);
                    self.revocations.note_lag(Duration::from_micros(micros));
                }
            }
            "roles" => {
                let RoleLines { roles } = read(data)?;
                for RoleLine(key, version, permissions) in &roles {
                    let permissions = permissions.iter().map(String::as_str);
                    self.revocations.roles().define(key, *version, permissions);
                }
            }
            "head" => {
                let head: Head = read(data)?;
                let offset = connection.offset.ok_or(NotAFeed("`head` before `begin`"))?;
                if !std::mem::replace(&mut connection.complete, true) {
                    self.revocations.count_snapshot();
                }
                self.place.after = head.seq;
                self.keys.announced(head.keys);
                // Nobody knows the future: without this limit, a clock of ours that stood still (a machine
                // that was paused) would have us believe for as long that we had just heard.
                let at = head.t.saturating_add(offset).min(monotonic_micros());
                self.revocations.complete(head.seq, at);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What is known of one connection.
struct Connection {
    /// When the request was sent, on our monotonic clock.
    sent: i64,
    /// What to add to the sender's clock for a moment of ours that was no later.
    offset: Option<i64>,
    /// How long that is good enough, on our clock.
    good_until: i64,
    /// Whether the snapshot has ended.
    complete: bool,
}

impl Connection {
    const fn new(sent: i64) -> Self {
        Self { sent, offset: None, good_until: sent.saturating_add(RECALIBRATE), complete: false }
    }

    /// Takes the sender's clock from its first event, which came at `now`.
    const fn calibrate(&mut self, t: i64, now: i64) {
        self.offset = Some(self.sent.saturating_sub(t));
        let rough = now - self.sent > ROUGH;
        self.good_until = now + if rough { RECALIBRATE_ROUGH } else { RECALIBRATE };
    }
}

fn read<'a, T: serde::Deserialize<'a>>(data: &'a str) -> Result<T, NotAFeed> {
    serde_json::from_str(data).map_err(|_| NotAFeed("an event cannot be read"))
}
