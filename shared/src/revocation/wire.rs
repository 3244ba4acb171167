//! The feed on the wire: server-sent events (HTML standard, section 9.2) from the auth service's
//! management port.
//!
//! - `begin`: `{"epoch", "t", "live"}`, the first event of a connection;
//! - `roles`: `{"roles"}`, an array of [`RoleLine`]s: all there are before the snapshot's entries, and then
//!   each before the entry that refuses the tokens made before it;
//! - `entries`: `{"t", "lines"}`, the latter an array of [`Line`]s;
//! - `head`: `{"seq", "keys", "t"}`: up to here nothing is missing. It ends the snapshot and then comes
//!   every second.
//!
//! `t` is the sender's monotonic clock in microseconds at the moment for which the event speaks: for
//! `head`, when the database was asked. So a receiver can tell how old a belated event is without
//! comparing clocks; see `revocation/follow.rs`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Line;

/// The path on the management port.
pub const PATH: &str = "/internal/revocations/";
/// How often `head` comes when there is nothing else to say, in seconds.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(1);

/// What a receiver asks for: everything, or what lies behind `after` of the same epoch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Place {
    /// See [`Begin::epoch`]
    #[serde(default)]
    pub epoch: String,
    /// The place of the latest entry that the receiver has.
    #[serde(default)]
    pub after: i64,
}

/// The first event of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Tells this feed from any other's.
    pub epoch: String,
    /// The sender's monotonic clock.
    pub t: i64,
    /// About how many entries are live, so that a receiver makes room once instead of growing.
    #[serde(default)]
    pub live: usize,
}

/// Some entries, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries<'a> {
    /// The sender's monotonic clock when it read them.
    pub t: i64,
    /// The entries.
    #[serde(borrow)]
    pub lines: Vec<Line<'a>>,
}

/// Some definitions of roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLines<'a> {
    /// The definitions.
    #[serde(borrow)]
    pub roles: Vec<RoleLine<'a>>,
}

/// What a role permits: `[key, version, permissions]`; see [`super::Roles::define`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLine<'a>(#[serde(borrow)] pub Cow<'a, str>, pub i64, pub Vec<String>);

/// Up to here nothing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The place of the latest entry.
    pub seq: i64,
    /// The version of the key set.
    pub keys: i64,
    /// The sender's monotonic clock when it asked the database.
    pub t: i64,
}

/// One event as text.
pub fn event(name: &str, data: &impl Serialize) -> Result<String, serde_json::Error> {
    // JSON has no line breaks outside of strings, and escapes them inside.
    serde_json::to_string(data).map(|data| format!("event: {name}\ndata: {data}\n\n"))
}

/// Takes a stream of bytes apart into events.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// So much of the buffer holds no end of an event.
    searched: usize,
}

/// An event longer than this is no feed of ours.
const LONGEST: usize = 4 * 1024 * 1024;

/// The stream is not a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a revocation feed: {0}")]
pub(super) struct NotAFeed(pub(super) &'static str);

impl Events {
    /// Adds bytes and gives every event that is whole to `each`, as name and data.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&str, &str) -> Result<(), NotAFeed>,
    ) -> Result<(), NotAFeed> {
        self.buffer.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(rest) = self.buffer.get(self.searched..)
            && let Some(found) = rest.windows(2).position(|pair| pair == b"\n\n")
        {
            let end = self.searched + found;
            let text = self.buffer.get(done..end).unwrap_or_default();
            let text = std::str::from_utf8(text).map_err(|_| NotAFeed("not UTF-8"))?;
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            if let Some(name) = field("event: ") {
                each(name, field("data: ").unwrap_or_default())?;
            }
            (done, self.searched) = (end + 2, end + 2);
        }
        self.buffer.drain(..done);
        // The last byte may be the first half of an end.
        self.searched = self.buffer.len().saturating_sub(1);
        if self.buffer.len() > LONGEST { Err(NotAFeed("an event without an end")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let text = [
            event("begin", &Begin { epoch: "e\n".into(), t: 1, live: 2 }).unwrap(),
            ": a comment\n\n".to_owned(),
            event("head", &Head { seq: 2, keys: 3, t: 4 }).unwrap(),
        ]
        .concat();
        for size in 1..text.len() {
            let seen = seen_in_parts(text.as_bytes(), size);
            let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["begin", "head"], "{size}");
            let begin: Begin = serde_json::from_str(&seen[0].1).unwrap();
            assert_eq!(begin.epoch, "e\n");
        }
    }

    /// The events in these bytes, which come in parts of this size.
    fn seen_in_parts(bytes: &[u8], size: usize) -> Vec<(String, String)> {
        let (mut events, mut seen) = (Events::default(), Vec::new());
        for part in bytes.chunks(size) {
            let keep = |name: &str, data: &str| {
                seen.push((name.to_owned(), data.to_owned()));
                Ok(())
            };
            events.feed(part, keep).unwrap();
        }
        seen
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        let endless = vec![b'x'; LONGEST + 1];
        assert!(events.feed(&endless, |_, _| Ok(())).is_err());
    }
}
