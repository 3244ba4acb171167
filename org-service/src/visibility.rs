//! Who sees and changes which organizations: the one place that decides it.
//!
//! Every query takes a [`Scope`] and every statement carries its predicate, so that an organization
//! out of sight cannot be told from one that does not exist. (Names are unique over all of them, as
//! in the original: creating one tells that a name is taken.)

use diesel::{BoxableExpression, ExpressionMethods, dsl::sql, sql_types::Bool};
use serde::{Deserialize, Serialize};
use shared::{Caller, db::connection::MultiBackend};

use crate::schema::organizations;

/// `ORG_VISIBILITY`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Whoever is signed in sees and changes everything: the tutorial's rule.
    All,
    /// Superusers see everything, others the organizations that they created.
    #[default]
    Member,
}

/// What one caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every organization.
    Everything,
    /// Those that the user with this id created.
    CreatedBy(String),
}

/// A condition on rows of `organizations`, for either engine.
pub type Predicate = Box<dyn BoxableExpression<organizations::table, MultiBackend, SqlType = Bool>>;

impl Scope {
    /// What this caller sees.
    #[must_use]
    pub fn of(visibility: Visibility, caller: &Caller) -> Self {
        if visibility == Visibility::All || caller.is_superuser() {
            Self::Everything
        } else {
            Self::CreatedBy(caller.user_id().to_owned())
        }
    }

    /// The rows in sight.
    #[must_use]
    pub fn visible(&self) -> Predicate {
        match self {
            Self::Everything => Box::new(sql::<Bool>("TRUE")),
            Self::CreatedBy(user_id) => Box::new(organizations::created_by.eq(user_id.clone())),
        }
    }
}
