//! How long lists are. Up to [`EXACT`] rows are counted for every page; the sizes of longer lists are
//! counted in the background and kept here, for counting costs as much as there is to count.

use diesel::prelude::*;
use shared::{
    DbConnection, Timestamp,
    page::{InvalidPage, Slice},
};

use super::{memberships, organizations, organizations::OrgId};
use crate::schema::tallies;

/// The most rows that are counted for a page.
pub const EXACT: i64 = 10_000;

/// A list that had more rows within the time that its size is kept has more than [`EXACT`] now.
const FAR: i64 = 2 * EXACT;

/// A list whose size is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// All organizations.
    Organizations,
    /// All members of one.
    Members(OrgId),
}

impl List {
    fn key(self) -> String {
        match self {
            Self::Organizations => "organizations".to_owned(),
            Self::Members(org_id) => format!("members/{org_id}"),
        }
    }

    /// Counts all rows.
    pub fn count(self, conn: &mut DbConnection) -> QueryResult<i64> {
        match self {
            Self::Organizations => organizations::count(conn),
            Self::Members(org_id) => memberships::count(conn, org_id),
        }
    }
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The rows; where it is approximate, the size kept or else a lower bound.
    pub rows: i64,
    /// Whether it need not be exact.
    pub approximate: bool,
}

impl Count {
    /// The count of a list; `some` counts rows up to one more than [`EXACT`]. A list whose kept size is far
    /// beyond that is not counted at all.
    pub fn of(
        conn: &mut DbConnection,
        list: Option<List>,
        some: impl FnOnce(&mut DbConnection) -> QueryResult<i64>,
    ) -> QueryResult<Self> {
        let kept = list.map(|list| find(conn, list)).transpose()?.flatten().map_or(0, |(size, _)| size);
        if kept > FAR {
            return Ok(Self { rows: kept, approximate: true });
        }
        let counted = some(conn)?;
        Ok(Self {
            rows: if counted > EXACT { counted.max(kept) } else { counted },
            approximate: counted > EXACT,
        })
    }
}

/// One page of a list by number, and how many rows all pages have.
pub type Numbered<T> = Result<(Slice, Count, Vec<T>), InvalidPage>;

/// The size of a list, and when it was counted.
pub fn find(conn: &mut DbConnection, list: List) -> QueryResult<Option<(i64, Timestamp)>> {
    let kept = tallies::table.find(list.key());
    kept.select((tallies::size, tallies::counted_at)).first(conn).optional()
}

/// Keeps the size of a list.
pub fn keep(conn: &mut DbConnection, list: List, size: i64, now: Timestamp) -> QueryResult<usize> {
    let set = (tallies::size.eq(size), tallies::counted_at.eq(now));
    shared::each_engine!(conn => diesel::insert_into(tallies::table)
        .values((tallies::list.eq(list.key()), set))
        .on_conflict(tallies::list)
        .do_update()
        .set(set)
        .execute(conn))
}

/// Removes the sizes of lists that nobody has asked for since then.
pub fn forget(conn: &mut DbConnection, before: Timestamp) -> QueryResult<usize> {
    diesel::delete(tallies::table.filter(tallies::counted_at.lt(before))).execute(conn)
}
