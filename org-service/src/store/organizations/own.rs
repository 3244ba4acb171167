//! The organizations that somebody is a member of, oldest first: the list that clients ask for most.
//!
//! It begins with the memberships of the user, and PostgreSQL is left no other way. Joined as one would write it,
//! the tables of a new installation, of which it has no statistics yet, were compared each row with each: a user
//! of 2,000 organizations waited 0.2 s for a page, and so did everybody else. An expression in the place of a
//! join, and an `OFFSET 0`, are what its planner does not look into.
//!
//! Requests that come at the same time are answered by one statement.

use std::collections::HashMap;

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Integer, Nullable, Text},
};
use shared::{
    DbConnection,
    db::{Batcher, opaque::push_array},
    page::PageRequest,
};

use super::{COLUMNS, Columns, Filter, Organization, list};
use crate::{
    store::tallies::{Count, EXACT, Numbered},
    visibility::Scope,
};

/// Whose list, and which page of it.
#[derive(Debug, Clone)]
pub struct OwnPage {
    /// The user.
    pub user_id: String,
    /// The page.
    pub page: PageRequest,
}

/// Gives such pages, many at a time.
pub type OwnLists = Batcher<OwnPage, Numbered<Organization>>;

/// One page for each, in their order.
pub fn list_own_together(
    conn: &mut DbConnection,
    asked: &[OwnPage],
) -> QueryResult<Vec<Numbered<Organization>>> {
    let mut pages = match conn {
        DbConnection::Postgres(pg) => find_pages(pg, asked)?,
        DbConnection::Sqlite(_) => HashMap::new(),
    };
    let one = |(place, one): (i64, &OwnPage)| {
        let Some((rows, found)) = pages.remove(&place) else {
            let scope = Scope::MemberOf(one.user_id.clone());
            return list(conn, &scope, &Filter::default(), &[], one.page);
        };
        let count = Count { rows, approximate: rows > EXACT };
        Ok(one.page.within(rows).map(|slice| (slice, count, found)))
    };
    (0..).zip(asked).map(one).collect()
}

/// How many rows all pages have, and those of this one, by its place among those asked for.
type Pages = HashMap<i64, (i64, Vec<Organization>)>;

/// The pages whose rows are among those that are counted; of the last page that is not known before.
fn find_pages(pg: &mut PgConnection, asked: &[OwnPage]) -> QueryResult<Pages> {
    let mut together = Together::default();
    for (place, one) in (0..).zip(asked) {
        if let Some((skip, take)) = one.page.rows().and_then(counted) {
            together.place.push(place);
            together.user_id.push(&one.user_id);
            together.skip.push(skip);
            together.take.push(take);
        }
    }
    let mut pages = Pages::new();
    if together.place.is_empty() {
        return Ok(pages);
    }
    let rows: Vec<(i64, i64, Option<Organization>)> = together.load(pg)?;
    for (place, count, organization) in rows {
        pages.entry(place).or_insert_with(|| (count, Vec::new())).1.extend(organization);
    }
    Ok(pages)
}

fn counted((skip, take): (i64, i64)) -> Option<(i32, i32)> {
    let all = skip.checked_add(take).is_some_and(|end| end <= EXACT);
    all.then_some(())?;
    Some((i32::try_from(skip).ok()?, i32::try_from(take).ok()?))
}

/// What is asked for, a column of it each.
#[derive(Default)]
struct Together<'a> {
    place: Vec<i64>,
    user_id: Vec<&'a str>,
    /// Rows before the page.
    skip: Vec<i32>,
    /// The most rows on it.
    take: Vec<i32>,
}

impl QueryId for Together<'_> {
    type QueryId = Together<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Together<'_> {
    type SqlType = (BigInt, BigInt, Nullable<diesel::dsl::SqlTypeOf<Columns>>);
}

impl<Conn> RunQueryDsl<Conn> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.place, CARDINALITY(mine.ids)::bigint, ");
        COLUMNS.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest(");
        push_array::<BigInt, _>(&mut out, &self.place)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.user_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.skip)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.take)?;
        out.push_sql(
            ") AS asked (place, user_id, skip, take) \
             CROSS JOIN LATERAL (SELECT ARRAY(\
             SELECT memberships.org_id FROM memberships WHERE memberships.user_id = asked.user_id \
             AND (SELECT live.deleted_at IS NULL FROM organizations AS live WHERE live.id = memberships.org_id) \
             ORDER BY memberships.org_id LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&(EXACT + 1))?;
        out.push_sql(
            ") AS ids OFFSET 0) AS mine \
             LEFT JOIN organizations ON organizations.id = ANY (mine.ids[asked.skip + 1 : asked.skip + asked.take]) \
             ORDER BY asked.place, organizations.id",
        );
        Ok(())
    }
}
