//! [`Problem`]: every error answer, in Django REST framework's envelope.
//!
//! `{"detail": "...", "code": "..."}`, or `{"field": ["..."]}` for input. A 401 names its challenge
//! (RFC 9110, section 11.6.1). The cause of a 5xx is logged where it becomes a `Problem`, once, and
//! shows nowhere else.

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use serde_json::{Value, json};

use crate::db::DbError;

/// An error answer: status, body and the headers that belong to it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    body: Value,
    challenge: Option<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// `{"detail": detail}` with a status.
    #[must_use]
    pub fn new(status: StatusCode, detail: &str) -> Self {
        Self::with_body(status, json!({ "detail": detail }))
    }

    /// Any body with a status.
    #[must_use]
    pub const fn with_body(status: StatusCode, body: Value) -> Self {
        Self { status, body, challenge: None, retry_after: None }
    }

    /// Adds `code`, the part that programs compare.
    #[must_use]
    pub fn code(self, code: &str) -> Self {
        self.member("code", json!(code))
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        if let Value::Object(body) = &mut self.body {
            body.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds `WWW-Authenticate`.
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// 404 `Not found.`
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found.").code("not_found")
    }

    /// 403 in the framework's words.
    #[must_use]
    pub fn permission_denied() -> Self {
        let detail = "You do not have permission to perform this action.";
        Self::new(StatusCode::FORBIDDEN, detail).code("permission_denied")
    }

    /// 403: the token is good, but speaks for no organization.
    #[must_use]
    pub fn organization_required() -> Self {
        let detail = "This needs a token for an organization.";
        Self::new(StatusCode::FORBIDDEN, detail).code("organization_required")
    }

    /// 405 in the framework's words. `Allow` is set by the endpoint.
    #[must_use]
    pub fn method_not_allowed(method: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, &format!("Method \"{method}\" not allowed."))
    }

    /// 503 with `Retry-After`: nothing is wrong with the request, try again.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service temporarily unavailable, try again later.")
                .code("unavailable");
        problem.retry_after = Some(retry_after);
        problem
    }

    /// 429 with `Retry-After`, in the framework's words.
    #[must_use]
    pub fn throttled(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().max(1);
        let plural = if seconds == 1 { "" } else { "s" };
        let detail = format!("Request was throttled. Expected available in {seconds} second{plural}.");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, &detail).code("throttled");
        problem.retry_after = Some(retry_after);
        problem
    }

    /// 500 that shows nothing. The caller logs the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.").code("error")
    }

    /// What a failed database call means to a client; a fault of ours is logged here, once.
    #[must_use]
    pub fn database(error: &DbError) -> Self {
        if error.is_unavailable() {
            // Told once per outage where connections are made; each request only in detail.
            tracing::debug!(error = %error, "the database is unavailable");
            return Self::unavailable(Duration::from_secs(1));
        }
        tracing::error!(error = %error, "a query failed");
        Self::internal()
    }

    /// The answer's status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.body)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        if let Some(challenge) = self.challenge.as_deref().and_then(|c| HeaderValue::from_str(c).ok()) {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(wait) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1)));
        }
        response.json(&self.body)
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        Self::database(&error)
    }
}
