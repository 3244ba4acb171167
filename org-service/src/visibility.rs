//! Which organizations a list shows.

use std::fmt;

use diesel::{BoxableExpression, ExpressionMethods, QueryDsl, sql_types::Bool};
use serde::{Deserialize, Serialize};
use shared::db::connection::MultiBackend;

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

    /// What the rows in sight have in common; nothing, where all are.
    #[must_use]
    pub fn visible(&self) -> Option<Predicate> {
        let of = |user_id: &String| {
            let mine = memberships::table.filter(memberships::user_id.eq(user_id.clone()));
            organizations::id.eq_any(mine.select(memberships::org_id))
        };
        match self {
            Self::Everything => None,
            Self::MemberOf(user_id) => Some(Box::new(of(user_id))),
            Self::Only(org_id, user_id) => {
                use diesel::BoolExpressionMethods;
                Some(Box::new(organizations::id.eq(*org_id).and(of(user_id))))
            }
        }
    }
}
