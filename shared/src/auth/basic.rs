//! `BasicAuthentication`: a name and a password on each request (RFC 7617).
//!
//! The issuer decides about the password; the validator holds the token that it was exchanged for
//! and verifies it on each request. So Basic costs a signature check, as a bearer token does, and
//! ends when a bearer token of that user would.

mod header;
mod held;

use std::time::Duration;

use actix_web::{HttpRequest, http::header::USER_AGENT};

pub use held::HeldTokens;

use self::held::{Denied, Token};
use super::{Attempt, Authenticator, Caller, Verdict, outage};
use crate::{Problem, http::origin::client_address, issuer::Presented, token::TokenKind};

/// The class's turn.
pub(super) fn attempt(authenticator: &Authenticator, request: &HttpRequest) -> Attempt {
    let login = match header::read(request) {
        Ok(Some(login)) => login,
        Ok(None) => return Attempt::NOTHING,
        Err(text) => return Attempt::Said(Err(authenticator.refuse(text, None))),
    };
    let agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let presented = Presented {
        username: login.username,
        password: login.password,
        address: client_address(request, &authenticator.proxies),
        user_agent: agent.unwrap_or_default().into_owned(),
    };
    let authenticator = authenticator.clone();
    Attempt::Asking(Box::pin(async move { ask(&authenticator, &presented).await }))
}

/// Who presented the credentials. A held token that is refused is exchanged anew, once: it may be the
/// token that is over, and not the user's right.
async fn ask(authenticator: &Authenticator, presented: &Presented) -> Verdict {
    let held = &authenticator.held;
    let key = held.key(presented);
    for _ in 0..2 {
        let obtained = held.obtain(&key, &authenticator.issuer, presented).await;
        let token = obtained.map_err(|denied| deny(authenticator, &denied))?;
        if let Some(caller) = bearer_of(authenticator, &token).await? {
            return Ok(Some(caller));
        }
        held.forget(&key, &token);
    }
    tracing::warn!("a token given for Basic credentials is refused here: do keys and AUTH_* agree?");
    Err(Problem::unavailable(Duration::from_secs(1)))
}

fn deny(authenticator: &Authenticator, denied: &Denied) -> Problem {
    match denied {
        Denied::Refused => authenticator.refuse("Invalid username/password.", None),
        Denied::Inactive => authenticator.refuse("User inactive or deleted.", None),
        Denied::Undecided(error) => error.problem(),
    }
}

/// Whom the token speaks for; nobody once it is over, or its user is.
async fn bearer_of(authenticator: &Authenticator, token: &Token) -> Verdict {
    let claims = match authenticator.verifier.verify(token.expose(), TokenKind::Access).await {
        Ok(claims) => claims,
        Err(refusal) => {
            tracing::debug!(reason = %refusal, "a token held for Basic credentials was refused");
            return outage(&refusal).map_or(Ok(None), Err);
        }
    };
    if claims.user_id().is_none_or(str::is_empty) {
        return Ok(None);
    }
    let caller = Caller::new(authenticator, claims);
    let unfit = authenticator.ask_user_state && authenticator.unfit(&caller).await?.is_some();
    Ok((!unfit).then_some(caller))
}
