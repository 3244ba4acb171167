//! The revocation feed: what every validator must refuse, in the order of commit.
//!
//! Sequence numbers come from one row that every writer updates. Its lock is held to the end of the
//! transaction, so whoever gets the next number commits later: with a plain database sequence, an
//! entry that commits late would never be delivered.

use diesel::prelude::*;
use shared::{
    DbConnection, Timestamp, each_engine, random,
    revocation::{Entry, Kind, Line, UnknownKind},
};

use super::lives;
use crate::schema::{feed, feed_head};

/// The only row of `feed_head`.
const HEAD: i64 = 1;
/// The PostgreSQL channel that tells replicas of a change.
pub const CHANNEL: &str = "tessera_feed";
/// Rows inserted by one statement: engines bound the number of parameters.
const BATCH: usize = 1000;

/// What is to be refused from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// What it is about.
    pub kind: Kind,
    /// Whom it is about.
    pub key: String,
    /// See [`Kind`].
    pub bound: Option<i64>,
}

impl New {
    /// An entry without a bound.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "typed ids are small, and read better without a reference"
    )]
    pub fn of(kind: Kind, key: impl ToString) -> Self {
        Self { kind, key: key.to_string(), bound: None }
    }
}

/// A row of `feed`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
// On SQLite diesel would insert rows with defaults one by one, in a transaction within ours.
#[diesel(table_name = feed, treat_none_as_default_value = false)]
pub struct Row {
    /// Its place.
    pub seq: i64,
    /// See [`Kind`].
    pub kind: String,
    /// See [`Kind`].
    pub key: String,
    /// See [`Kind`].
    pub bound: Option<i64>,
    /// When the last token that it could refuse has expired.
    pub expires_at: Timestamp,
}

impl Row {
    /// As it is sent to validators.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        // Rounded up: an entry must not end before the tokens it refuses.
        let ends = self.expires_at.as_secs() + 1;
        Line(self.seq, self.kind.as_str().into(), self.key.as_str().into(), self.bound, ends)
    }

    /// As validators in this process know it.
    pub fn entry(&self) -> Result<Entry, UnknownKind> {
        Ok(Entry {
            seq: self.seq,
            kind: self.kind.parse()?,
            key: self.key.clone(),
            bound: self.bound,
            expires_at: self.expires_at,
        })
    }
}

/// How far the feed has come.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = feed_head)]
pub struct Head {
    id: i64,
    /// Tells this database's feed from any other's.
    pub epoch: String,
    /// The place of the latest entry.
    pub seq: i64,
    /// Moves with every change of the key set.
    pub keys_version: i64,
}

/// Appends entries, as the last statement of the transaction that makes them true. Each expires with
/// the last token that it could refuse.
pub fn append(conn: &mut DbConnection, now: Timestamp, new: &[New]) -> QueryResult<Appended> {
    append_until(conn, now, now, new)
}

/// Where entries stand that were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The place of the first.
    pub first: i64,
    /// When they can refuse nothing any more.
    pub expires_at: Timestamp,
}

/// The same for entries that must also outlive a token which expires at `end`, whoever made it.
pub fn append_until(
    conn: &mut DbConnection,
    now: Timestamp,
    end: Timestamp,
    new: &[New],
) -> QueryResult<Appended> {
    let expires_at = lives::last_expiry(conn, now)?.max(lives::with_margin(end));
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let advance = |conn: &mut DbConnection| {
        diesel::update(feed_head::table.find(HEAD))
            .set(feed_head::seq.eq(feed_head::seq + count))
            .returning(feed_head::seq)
            .get_result::<i64>(conn)
            .optional()
    };
    let seq = if let Some(seq) = advance(conn)? {
        seq
    } else {
        begin(conn)?;
        advance(conn)?.ok_or(diesel::result::Error::NotFound)?
    };
    let row = |(new, seq): (&New, i64)| Row {
        seq,
        kind: new.kind.as_str().to_owned(),
        key: new.key.clone(),
        bound: new.bound,
        expires_at,
    };
    let first = seq - count + 1;
    let rows: Vec<Row> = new.iter().zip(first..).map(row).collect();
    for batch in rows.chunks(BATCH) {
        each_engine!(conn => diesel::insert_into(feed::table).values(batch).execute(conn))?;
    }
    notify(conn)?;
    Ok(Appended { first, expires_at })
}

/// Says that the key set has changed, within the transaction that changes it.
pub fn bump_keys_version(conn: &mut DbConnection) -> QueryResult<()> {
    begin(conn)?;
    diesel::update(feed_head::table.find(HEAD))
        .set(feed_head::keys_version.eq(feed_head::keys_version + 1))
        .execute(conn)?;
    notify(conn)
}

/// Makes the feed's head if there is none.
pub fn begin(conn: &mut DbConnection) -> QueryResult<()> {
    let head = Head { id: HEAD, epoch: random::hex32(), seq: 0, keys_version: 0 };
    each_engine!(conn => diesel::insert_into(feed_head::table)
        .values(head.clone())
        .on_conflict_do_nothing()
        .execute(conn))
    .map(|_| ())
}

/// Wakes the other replicas once the transaction commits. SQLite's poll.
fn notify(conn: &mut DbConnection) -> QueryResult<()> {
    match conn {
        DbConnection::Sqlite(_) => Ok(()),
        DbConnection::Postgres(pg) => diesel::sql_query(format!("NOTIFY {CHANNEL}")).execute(pg).map(|_| ()),
    }
}

/// How far the feed has come.
pub fn load_head(conn: &mut DbConnection) -> QueryResult<Head> {
    feed_head::table.find(HEAD).select(Head::as_select()).first(conn)
}

/// Up to `limit` live entries behind `seq`, in order.
pub fn list_after(conn: &mut DbConnection, seq: i64, now: Timestamp, limit: i64) -> QueryResult<Vec<Row>> {
    feed::table
        .filter(feed::seq.gt(seq))
        .filter(feed::expires_at.gt(now))
        .order(feed::seq)
        .limit(limit)
        .select(Row::as_select())
        .load(conn)
}

/// How many live entries there are.
pub fn count(conn: &mut DbConnection, now: Timestamp) -> QueryResult<i64> {
    feed::table.filter(feed::expires_at.gt(now)).count().get_result(conn)
}

/// Removes up to `limit` entries that can refuse nothing any more.
pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let over: Vec<i64> =
        feed::table.filter(feed::expires_at.le(now)).select(feed::seq).limit(limit).load(conn)?;
    diesel::delete(feed::table.filter(feed::seq.eq_any(over))).execute(conn)
}
