//! Every way a request to this service can fail, and what the client is told.

use std::time::Duration;

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode};
use serde_json::json;
use shared::{
    DbError, Problem,
    auth::cookies::TooLong,
    input::{FieldErrors, InputError},
    keys::KeyError,
    organizations::OrganizationsUnavailable,
    token::Refusal,
};

use crate::session::Ended;

/// How a request failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The body cannot be used.
    #[error("the body was refused")]
    Input(#[from] InputError),
    /// Unknown user, wrong password or inactive user: the answer does not say which.
    #[error("the credentials were refused")]
    Credentials {
        /// `WWW-Authenticate`
        challenge: String,
    },
    /// A token was refused.
    #[error("a token was refused: {refusal}")]
    Token {
        /// Why.
        refusal: Refusal,
        /// `WWW-Authenticate`
        challenge: String,
    },
    /// The token's session or user is gone.
    #[error("the session has ended")]
    Ended {
        /// In which words.
        ended: Ended,
        /// `WWW-Authenticate`
        challenge: String,
    },
    /// `verify/` of a blacklisted refresh token: 400 in the original, unlike every other refusal.
    #[error("the token is blacklisted")]
    BlacklistedOnVerify,
    /// All hashing threads are busy and their queue is full.
    #[error("too many logins at once")]
    HashingBusy,
    /// There is no such organization, or the user is no member: the answer does not say which.
    #[error("no such organization")]
    NoSuchOrganization,
    /// The organization service could not be asked.
    #[error(transparent)]
    Organizations(#[from] OrganizationsUnavailable),
    /// The token belongs to no session, so no other token of it can be had.
    #[error("the token belongs to no session")]
    NoSession,
    /// The caller has no live session of this id.
    #[error("no such session")]
    NoSuchSession,
    /// The user of a valid token does not exist any more, or is inactive.
    #[error("the token's user is gone")]
    UserGone {
        /// `User not found` or `User is inactive`
        detail: &'static str,
        /// `user_not_found` or `user_inactive`
        code: &'static str,
        /// `WWW-Authenticate`
        challenge: String,
    },
    /// Refused by what all services share: the authenticator, the rules of cookies.
    #[error("the request was refused: {0}")]
    Refused(Problem),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A token could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A fault of ours that is none of the above.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl From<FieldErrors> for AuthError {
    fn from(errors: FieldErrors) -> Self {
        Self::Input(errors.into())
    }
}

impl From<Problem> for AuthError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<TooLong> for AuthError {
    fn from(_: TooLong) -> Self {
        Self::Internal("a token is too long for a cookie")
    }
}

impl AuthError {
    /// The answer. A 5xx is logged here, once.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Input(error) => {
                let (status, body) = error.status_and_body();
                Problem::with_body(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body)
            }
            Self::Credentials { challenge } => {
                unauthorized("No active account found with the given credentials", challenge)
            }
            Self::Token { refusal, .. } if refusal.is_outage() => {
                Problem::unavailable(Duration::from_secs(1))
            }
            Self::HashingBusy => Problem::unavailable(Duration::from_secs(1)),
            Self::NoSuchSession => Problem::not_found(),
            Self::NoSuchOrganization => {
                let detail = "No Organization matches the given query.";
                Problem::new(StatusCode::NOT_FOUND, detail).code("not_found")
            }
            Self::Organizations(error) => {
                tracing::warn!(%error, "a token for an organization could not be given");
                Problem::unavailable(Duration::from_secs(1))
            }
            Self::NoSession => {
                let detail = "This token belongs to no session.";
                Problem::new(StatusCode::FORBIDDEN, detail).code("session_required")
            }
            Self::Refused(problem) => problem.clone(),
            Self::Token { refusal, challenge } => token_not_valid(&refusal.message(), challenge),
            Self::Ended { ended: Ended::Inactive, challenge } => {
                unauthorized("No active account found for the given token.", challenge)
            }
            Self::Ended { ended: Ended::Blacklisted, challenge } => {
                token_not_valid("Token is blacklisted", challenge)
            }
            Self::Ended { ended: Ended::TooOld, challenge } => token_not_valid("Token is expired", challenge),
            Self::BlacklistedOnVerify => {
                let body = json!({"non_field_errors": ["Token is blacklisted"]});
                Problem::with_body(StatusCode::BAD_REQUEST, body)
            }
            Self::UserGone { detail, code, challenge } => unauthorized(detail, challenge).code(code),
            Self::Database(error) => Problem::database(error),
            Self::Key(error) => {
                tracing::error!(%error, "a token could not be signed");
                Problem::internal()
            }
            Self::Internal(what) => {
                tracing::error!(what, "an internal error");
                Problem::internal()
            }
        }
    }
}

fn unauthorized(detail: &str, challenge: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail).challenge(challenge)
}

fn token_not_valid(detail: &str, challenge: &str) -> Problem {
    unauthorized(detail, challenge).code("token_not_valid")
}

impl ResponseError for AuthError {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.problem().error_response()
    }
}
