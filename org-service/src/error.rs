//! Every way a request to this service can fail, and what the client is told.

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode};
use diesel::result::{DatabaseErrorKind, Error};
use serde_json::json;
use shared::{
    DbError, Problem,
    input::{FieldErrors, InputError},
    page::InvalidPage,
};

/// How a request failed.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// There is no such organization, or it is out of the caller's sight.
    #[error("there is no such organization")]
    UnknownOrganization,
    /// The path holds no id.
    #[error("the path holds no id")]
    NotAnId,
    /// Another organization has the name.
    #[error("the name is taken")]
    NameTaken,
    /// The list has no such page.
    #[error("there is no such page")]
    InvalidPage(#[from] InvalidPage),
    /// The body or the query string cannot be used.
    #[error("the input was refused")]
    Input(#[from] InputError),
    /// The request cannot be answered, for a reason that is not this service's.
    #[error("the request was refused: {0}")]
    Refused(Problem),
    /// The database is away or a query failed.
    #[error(transparent)]
    Database(#[from] DbError),
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
    /// The error of a statement that writes a name: neither engine's message is looked at, for the
    /// name is the only thing that can be there twice.
    #[must_use]
    pub fn of_write(error: DbError) -> Self {
        match error {
            DbError::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Self::NameTaken,
            other => Self::Database(other),
        }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::UnknownOrganization => {
                Problem::new(StatusCode::NOT_FOUND, "No Organization matches the given query.")
            }
            Self::NotAnId => Problem::new(StatusCode::NOT_FOUND, "Not found."),
            Self::NameTaken => {
                let body = json!({"name": ["organization with this name already exists."]});
                Problem::with_body(StatusCode::BAD_REQUEST, body)
            }
            Self::InvalidPage(invalid) => Problem::new(StatusCode::NOT_FOUND, &invalid.to_string()),
            Self::Input(error) => {
                let (status, body) = error.status_and_body();
                Problem::with_body(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body)
            }
            Self::Refused(problem) => problem.clone(),
            Self::Database(error) => Problem::database(error),
        }
    }
}

impl ResponseError for OrgError {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.problem().error_response()
    }
}
