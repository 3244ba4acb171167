//! Every way a request to this service can fail, and what the client is told.

use std::time::Duration;

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode};
use diesel::result::{DatabaseErrorKind, Error};
use serde_json::json;
use shared::{
    DbError, Problem,
    input::{FieldErrors, InputError},
    issuer::IssuerUnavailable,
    page::{InvalidCursor, InvalidPage},
};

use crate::{act::Refused, idempotency};

/// How a request failed.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// There is no such organization, or it is out of the caller's sight.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// The path holds no id.
    #[error("the path holds no id")]
    NotAnId,
    /// The caller may see the organization, and not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// Another organization has the name.
    #[error("the name is taken")]
    NameTaken,
    /// Another organization has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// A change was refused.
    #[error("the change was refused: {0:?}")]
    Change(Refused),
    /// The list has no such page.
    #[error("there is no such page")]
    InvalidPage(#[from] InvalidPage),
    /// The auth service cannot be asked about a user.
    #[error(transparent)]
    Issuer(#[from] IssuerUnavailable),
    /// The cursor is not one of this list.
    #[error("the cursor is not one of this list")]
    InvalidCursor(#[from] InvalidCursor),
    /// The body or the query string cannot be used.
    #[error("the input was refused")]
    Input(#[from] InputError),
    /// The request cannot be answered, for a reason that is not this service's.
    #[error("the request was refused: {0}")]
    Refused(Problem),
    /// The database is away or a query failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A fault of ours.
    #[error("{0}")]
    Internal(&'static str),
}

impl From<Refused> for OrgError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::UnknownOrganization => Self::UnknownOrganization,
            Refused::Forbidden => Self::Forbidden,
            refused => Self::Change(refused),
        }
    }
}

impl From<FieldErrors> for OrgError {
    fn from(errors: FieldErrors) -> Self {
        Self::Input(errors.into())
    }
}

impl From<Problem> for OrgError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl OrgError {
    /// Whether a value is taken that only one row may have. Which one neither engine's message is asked.
    #[must_use]
    pub fn is_taken(error: &DbError) -> bool {
        matches!(error, DbError::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }

    fn problem(&self) -> Problem {
        match self {
            Self::UnknownOrganization => {
                Problem::new(StatusCode::NOT_FOUND, "No Organization matches the given query.")
            }
            Self::NotAnId => Problem::new(StatusCode::NOT_FOUND, "Not found."),
            Self::Forbidden => {
                Problem::new(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
                    .code("permission_denied")
            }
            Self::NameTaken => taken("name", "organization with this name already exists."),
            Self::SlugTaken => taken("slug", "organization with this slug already exists."),
            Self::Change(refused) => refusal(refused),
            Self::InvalidPage(invalid) => Problem::new(StatusCode::NOT_FOUND, &invalid.to_string()),
            Self::InvalidCursor(invalid) => Problem::new(StatusCode::NOT_FOUND, &invalid.to_string()),
            Self::Input(error) => {
                let (status, body) = error.status_and_body();
                Problem::with_body(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body)
            }
            Self::Issuer(error) => {
                tracing::warn!(%error, "a request needs to know a user");
                Problem::unavailable(Duration::from_secs(1))
            }
            Self::Refused(problem) => problem.clone(),
            Self::Database(error) => Problem::database(error),
            Self::Internal(what) => {
                tracing::error!(error = what, "a request failed");
                Problem::internal()
            }
        }
    }
}

fn taken(field: &str, message: &str) -> Problem {
    Problem::with_body(StatusCode::BAD_REQUEST, json!({ field: [message] }))
}

fn refusal(refused: &Refused) -> Problem {
    let conflict = |detail: &str, code: &str| Problem::new(StatusCode::CONFLICT, detail).code(code);
    let not_found = |what: &str| {
        let detail = format!("No {what} matches the given query.");
        Problem::new(StatusCode::NOT_FOUND, &detail)
    };
    match refused {
        Refused::UnknownOrganization => not_found("Organization"),
        Refused::Forbidden => OrgError::Forbidden.problem(),
        Refused::NotAMember => not_found("Membership"),
        Refused::UnknownRole => not_found("Role"),
        Refused::LastOwner => conflict("An organization needs an owner.", "last_owner"),
        Refused::BuiltInRole => conflict("This role is built in.", "built_in_role"),
        Refused::RoleExists => taken("name", "role with this name already exists."),
        Refused::RoleHeld => conflict("Somebody holds this role.", "role_held"),
        Refused::Changed => {
            let detail = "What is to be changed has changed meanwhile.";
            Problem::new(StatusCode::PRECONDITION_FAILED, detail).code("precondition_failed")
        }
        Refused::UnderWay => idempotency::under_way(),
        Refused::KeyReused => idempotency::key_reused(),
        Refused::TooManyRoles => conflict("The organization has too many roles.", "too_many_roles"),
        Refused::UnknownInvitation => not_found("Invitation"),
        Refused::AlreadyInvited => taken("email", "This address has a pending invitation."),
        Refused::InvitationClosed => conflict("The invitation is not pending.", "invitation_closed"),
        Refused::TooManyInvitations => {
            conflict("The organization has too many pending invitations.", "too_many_invitations")
        }
        Refused::TooSoon(wait) => {
            let seconds = wait.as_millis().div_ceil(1000);
            Problem::throttled(Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)))
        }
        Refused::OtherAddress => Problem::new(
            StatusCode::FORBIDDEN,
            "The invitation is to another address than your verified one.",
        )
        .code("other_address"),
        Refused::AlreadyMember => conflict("You are a member of this organization.", "already_member"),
        Refused::RoleGone => conflict("The invitation's role has been removed.", "role_gone"),
        Refused::NameTaken => OrgError::NameTaken.problem(),
    }
}

impl ResponseError for OrgError {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.problem().error_response()
    }
}
