//! Which organizations a list shows.

use std::fmt;

use diesel::{
    AppearsOnTable, BoolExpressionMethods, BoxableExpression, Expression, ExpressionMethods, QueryDsl,
    QueryResult, SelectableExpression,
    expression::{ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Bool, Text},
};
use serde::{Deserialize, Serialize};
use shared::{DbConnection, db::connection::MultiBackend};

use crate::{
    act::Actor,
    schema::{memberships, organizations},
    store::organizations::OrgId,
};

/// `ORG_VISIBILITY`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Whoever is signed in sees and changes everything: the tutorial's rule.
    All,
    /// Superusers see everything, others the organizations whose members they are.
    #[default]
    Member,
}

/// What one caller sees in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every organization.
    Everything,
    /// Those of which the user with this id is a member.
    MemberOf(String),
    /// The one that the token speaks for, if the user with this id is a member.
    Only(OrgId, String),
}

/// A condition on rows of `organizations`, for either engine.
pub type Predicate = Box<dyn BoxableExpression<organizations::table, MultiBackend, SqlType = Bool>>;

/// Names the view, for what must not pass from one reader's list into another's.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::MemberOf(user_id) => write!(f, "member {user_id}"),
            Self::Only(org_id, user_id) => write!(f, "only {org_id} {user_id}"),
        }
    }
}

impl Scope {
    /// What this actor sees.
    #[must_use]
    pub fn of(actor: &Actor) -> Self {
        match actor.bound_to {
            Some(org_id) => Self::Only(org_id, actor.user_id.clone()),
            None if actor.everybody || actor.is_superuser => Self::Everything,
            None => Self::MemberOf(actor.user_id.clone()),
        }
    }

    /// What the rows in sight have in common, for the engine of this connection; nothing, where all are.
    #[must_use]
    pub fn visible(&self, conn: &DbConnection) -> Option<Predicate> {
        match self {
            Self::Everything => None,
            Self::MemberOf(user_id) => {
                let as_array = matches!(conn, DbConnection::Postgres(_));
                Some(Box::new(Mine { user_id: user_id.clone(), as_array }))
            }
            Self::Only(org_id, user_id) => {
                let mine = memberships::table.filter(memberships::user_id.eq(user_id.clone()));
                let one = organizations::id.eq(*org_id);
                Some(Box::new(one.and(organizations::id.eq_any(mine.select(memberships::org_id)))))
            }
        }
    }
}

/// The organizations that somebody is a member of.
///
/// As an array PostgreSQL looks them up one by one. What it would make of a join depends on statistics, and in
/// those of a new installation a user of thousands of organizations seems to have a handful.
#[derive(Debug)]
struct Mine {
    user_id: String,
    as_array: bool,
}

impl Expression for Mine {
    type SqlType = Bool;
}

impl AppearsOnTable<organizations::table> for Mine {}
impl SelectableExpression<organizations::table> for Mine {}

impl ValidGrouping<()> for Mine {
    type IsAggregate = is_aggregate::Never;
}

impl QueryId for Mine {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<MultiBackend> for Mine {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(if self.as_array { "organizations.id = ANY (ARRAY(" } else { "organizations.id IN (" });
        out.push_sql("SELECT memberships.org_id FROM memberships WHERE memberships.user_id = ");
        out.push_bind_param::<Text, _>(&self.user_id)?;
        out.push_sql(if self.as_array { "))" } else { ")" });
        Ok(())
    }
}
