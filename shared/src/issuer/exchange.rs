//! Exchanging a name and a password for an access token: what HTTP Basic authentication asks of the
//! issuer.
//!
//! A validator never sees a hash and never decides about a password. The auth service does both, as
//! it does at a login, and answers with a short-lived token that the validator verifies as any other:
//! so a changed password or a deactivation ends Basic access as it ends a session.

use std::{net::IpAddr, time::Duration};

use reqwest::{StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::SERVICE_SECRET_HEADER;
use crate::{Problem, Secret};

/// Where the auth service answers exchanges, on its management port.
pub const EXCHANGE_PATH: &str = "/internal/credentials";

/// What a client presented, and the client itself, so that attempts count against it and not against
/// the service in between.
#[derive(Clone, Deserialize)]
pub struct Presented {
    /// The user name, case-sensitive.
    pub username: String,
    /// The password, exactly as presented.
    pub password: Secret<String>,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`, may be empty.
    pub user_agent: String,
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The issuer's decision.
#[derive(Debug, Clone)]
pub enum Exchanged {
    /// The password is the user's.
    Token {
        /// An access token for the user.
        access: Secret<String>,
        /// How long it lives from now on.
        expires_in: Duration,
    },
    /// No such user, or another password: the answer does not say which.
    Refused,
    /// The password is the user's, who may log in but is not active.
    Inactive,
}

/// The issuer decided nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// It cannot be reached, or its answer is none.
    #[error("the issuer cannot be asked: {0}")]
    Unavailable(String),
    /// It does not accept the service secret, or there is none.
    #[error("the issuer does not accept SERVICE_SECRET")]
    NotAService,
    /// It has too much to do.
    #[error("the issuer is busy")]
    Busy(Duration),
    /// The client tries too often.
    #[error("the client has tried too often")]
    Throttled(Duration),
}

impl ExchangeError {
    /// What an answer of this status means, if it decides nothing. `wait` is its `Retry-After`.
    #[must_use]
    pub fn of_status(status: u16, wait: Option<Duration>) -> Self {
        let wait = wait.unwrap_or(Duration::from_secs(1));
        match status {
            403 => Self::NotAService,
            429 => Self::Throttled(wait),
            503 => Self::Busy(wait),
            other => Self::Unavailable(format!("the answer has status {other}")),
        }
    }

    /// The answer to the client: nothing is wrong with its credentials as far as anybody knows, so
    /// never 401.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Throttled(wait) => Problem::throttled(*wait),
            Self::Busy(wait) => Problem::unavailable(*wait),
            Self::Unavailable(_) | Self::NotAService => Problem::unavailable(Duration::from_secs(1)),
        }
    }
}

/// An answer as it is sent: 200 with one of these, anything else decides nothing.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Token { access: String, expires_in: u64 },
    Refused,
    Inactive,
}

impl Exchanged {
    /// The body of the answer.
    #[must_use]
    pub fn into_body(self) -> serde_json::Value {
        let wire = match self {
            Self::Token { access, expires_in } => {
                Wire::Token { access: access.expose().clone(), expires_in: expires_in.as_secs() }
            }
            Self::Refused => Wire::Refused,
            Self::Inactive => Wire::Inactive,
        };
        json!(wire)
    }
}

impl From<Wire> for Exchanged {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Token { access, expires_in } => {
                Self::Token { access: Secret::new(access), expires_in: Duration::from_secs(expires_in) }
            }
            Wire::Refused => Self::Refused,
            Wire::Inactive => Self::Inactive,
        }
    }
}

/// Asks an auth service elsewhere.
pub(super) async fn over_http(
    client: &reqwest::Client,
    issuer: &url::Url,
    secret: Option<&Secret<String>>,
    presented: &Presented,
) -> Result<Exchanged, ExchangeError> {
    // Its text would name the address, which may hold credentials, but never the body.
    let unusable = |e: reqwest::Error| ExchangeError::Unavailable(e.without_url().to_string());
    let Some(secret) = secret else { return Err(ExchangeError::NotAService) };
    let url = issuer.join(EXCHANGE_PATH).map_err(|e| ExchangeError::Unavailable(e.to_string()))?;
    let body = json!({
        "username": presented.username,
        "password": presented.password.expose(),
        "address": presented.address,
        "user_agent": presented.user_agent,
    });
    let request = client.post(url).header(SERVICE_SECRET_HEADER, secret.expose()).json(&body);
    let response = request.send().await.map_err(unusable)?;
    let status = response.status();
    if status != StatusCode::OK {
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(ExchangeError::of_status(status.as_u16(), wait.map(Duration::from_secs)));
    }
    response.json::<Wire>().await.map(Exchanged::from).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_the_wire() {
        let sent =
            Exchanged::Token { access: Secret::new("a.b.c".to_owned()), expires_in: Duration::from_secs(59) };
        assert!(!format!("{sent:?}").contains("a.b.c"));
        let received: Wire = serde_json::from_value(sent.into_body()).unwrap();
        let Exchanged::Token { access, expires_in } = received.into() else { panic!("a token was sent") };
        assert_eq!((access.expose().as_str(), expires_in.as_secs()), ("a.b.c", 59));
        for (sent, text) in [(Exchanged::Refused, "\"refused\""), (Exchanged::Inactive, "\"inactive\"")] {
            assert_eq!(sent.into_body().to_string(), text);
        }
    }

    #[test]
    fn what_was_presented_does_not_show() {
        let presented = Presented {
            username: "ada@example.org".to_owned(),
            password: Secret::new("hunter2".to_owned()),
            address: None,
            user_agent: String::new(),
        };
        let shown = format!("{presented:?}");
        assert!(!shown.contains("ada") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn no_answer_of_the_issuer_becomes_a_refusal_by_its_status() {
        for status in [301, 400, 401, 403, 404, 500, 502, 503, 504] {
            assert_eq!(ExchangeError::of_status(status, None).problem().status().as_u16(), 503, "{status}");
        }
        let throttled = ExchangeError::of_status(429, Some(Duration::from_secs(7)));
        assert_eq!(throttled.problem().status().as_u16(), 429);
    }
}
