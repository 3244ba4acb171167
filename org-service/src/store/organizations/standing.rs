//! An organization and the role that somebody holds in it: what nearly every request asks first.
//!
//! Requests that come at the same time are answered together, on PostgreSQL by one statement: they share its
//! round trip and a wake-up.
//!
//! It must not answer from the index over roles: it guesses from organizations of common size, and would read
//! every member of a large one for the one asked for. So nothing is joined that wants that order, and a column
//! is read that the index lacks.

use std::collections::HashMap;

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::{
        Batcher,
        opaque::push_array,
        types::{Id, Instant},
    },
    each_engine,
};

use super::{super::roles, COLUMNS, Columns, Name, OrgId, Organization};
use crate::{
    policy::BUILT_IN,
    schema::{memberships, organizations},
};

/// A member's role, and its definition if it is not built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Its name.
    pub name: String,
    /// The permissions as stored.
    pub definition: Option<String>,
}

/// Which organization, and whose role in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The organization.
    pub name: Name,
    /// The user.
    pub user_id: String,
}

/// The organization, if there is one, and the role, if the user is a member.
pub type Found = Option<(Organization, Option<HeldRole>)>;

/// Answers such questions, many at a time.
pub type Standings = Batcher<Asked, Found>;

/// As it is stored: the time is read for the sake of the plan.
type Stored = (Organization, Option<String>, Option<Timestamp>);

/// One organization with the role that this user holds in it; of a role of the organization's own a second
/// statement gives the definition.
pub fn find_with_role(conn: &mut DbConnection, name: &Name, user_id: &str) -> QueryResult<Found> {
    let member = memberships::org_id.eq(organizations::id).and(memberships::user_id.eq(user_id.to_owned()));
    let query = organizations::table
        .left_join(memberships::table.on(member))
        .filter(organizations::deleted_at.is_null())
        .select((COLUMNS, memberships::role.nullable(), memberships::updated_at.nullable()));
    // The derived connection would write the text anew each time.
    let stored: Option<Stored> = match name {
        Name::Id(id) => each_engine!(conn => query.filter(organizations::id.eq(*id)).first(conn)),
        Name::Slug(slug) => {
            each_engine!(conn => query.filter(organizations::slug.eq(slug.clone())).first(conn))
        }
    }
    .optional()?;
    stored.map(|stored| found(conn, stored)).transpose()
}

/// The same for many, in their order.
pub fn find_together(conn: &mut DbConnection, asked: &[Asked]) -> QueryResult<Vec<Found>> {
    let mut by_id = match conn {
        DbConnection::Postgres(pg) if asked.len() > 1 => find_by_id(pg, asked)?,
        DbConnection::Postgres(_) | DbConnection::Sqlite(_) => {
            return asked.iter().map(|one| find_with_role(conn, &one.name, &one.user_id)).collect();
        }
    };
    let one = |(place, one): (i64, &Asked)| match one.name {
        Name::Id(_) => by_id.remove(&place).map(|stored| found(conn, stored)).transpose(),
        Name::Slug(_) => find_with_role(conn, &one.name, &one.user_id),
    };
    (0..).zip(asked).map(one).collect()
}

fn found(
    conn: &mut DbConnection,
    (organization, role, _): Stored,
) -> QueryResult<(Organization, Option<HeldRole>)> {
    let held = role.map(|name| held_role(conn, organization.id, name)).transpose()?;
    Ok((organization, held))
}

/// A role that has been removed meanwhile has no definition, and so allows nothing.
fn held_role(conn: &mut DbConnection, org_id: OrgId, name: String) -> QueryResult<HeldRole> {
    let own = !BUILT_IN.contains(&name.as_str());
    let stored = if own { roles::find(conn, org_id, &name)? } else { None };
    Ok(HeldRole { name, definition: stored.map(|role| role.permissions) })
}

/// Those of these that are asked for by id, by their places.
fn find_by_id(pg: &mut PgConnection, asked: &[Asked]) -> QueryResult<HashMap<i64, Stored>> {
    let mut together = Together { place: Vec::new(), org_id: Vec::new(), user_id: Vec::new() };
    for (place, one) in (0..).zip(asked) {
        if let Name::Id(id) = one.name {
            together.place.push(place);
            together.org_id.push(id);
            together.user_id.push(&one.user_id);
        }
    }
    let stored: Vec<(i64, Organization, Option<String>, Option<Timestamp>)> = together.load(pg)?;
    Ok(stored.into_iter().map(|(place, organization, role, at)| (place, (organization, role, at))).collect())
}

/// What is asked for by id, a column of it each.
struct Together<'a> {
    place: Vec<i64>,
    org_id: Vec<OrgId>,
    user_id: Vec<&'a str>,
}

impl QueryId for Together<'_> {
    type QueryId = Together<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Together<'_> {
    type SqlType = (BigInt, diesel::dsl::SqlTypeOf<Columns>, Nullable<Text>, Nullable<Instant>);
}

impl<Conn> RunQueryDsl<Conn> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.place, ");
        COLUMNS.walk_ast(out.reborrow())?;
        out.push_sql(", memberships.role, memberships.updated_at FROM unnest(");
        push_array::<BigInt, _>(&mut out, &self.place)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Id>, _>(&self.org_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.user_id)?;
        out.push_sql(
            ") AS asked (place, org_id, user_id) \
             JOIN organizations ON organizations.id = asked.org_id \
             LEFT JOIN memberships ON memberships.org_id = organizations.id \
             AND memberships.user_id = asked.user_id \
             WHERE organizations.deleted_at IS NULL",
        );
        Ok(())
    }
}
