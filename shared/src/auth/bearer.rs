//! The token in a header: `JWTAuthentication`, and `JWTStatelessUserAuthentication`, which never asks
//! for the user's state.

use std::sync::Arc;

use actix_web::HttpRequest;
use serde_json::{Value, json};

use super::{
    Attempt, Authenticator, Caller, Unfit, Verdict,
    header::{Credentials, credentials},
    outage,
};
use crate::{
    Claims, Problem,
    token::{Refusal, TokenKind},
    verifier::first_kind,
};

/// The class's turn; `asks` for one that looks at the user behind the token.
pub(super) fn attempt(authenticator: &Authenticator, request: &HttpRequest, asks: bool) -> Attempt {
    let rules = authenticator.rules();
    let token = match credentials(request, &rules.header_name, &rules.header_types) {
        Credentials::Absent => return Attempt::NOTHING,
        Credentials::Malformed => {
            let detail = "Authorization header must contain two space-delimited values";
            return Attempt::Said(Err(authenticator.refuse(detail, Some("bad_authorization_header"))));
        }
        Credentials::Token(token) => token,
    };
    if !asks {
        match authenticator.verifier.decode_now(&token) {
            Err(Refusal::UnknownKey(_)) => {}
            known => return Attempt::Said(decide(authenticator, known, asks).map(Some)),
        }
    }
    let (authenticator, token) = (authenticator.clone(), token.into_owned());
    Attempt::Asking(Box::pin(async move { ask(&authenticator, &token, asks).await }))
}

/// The key has to be fetched, or the user's state asked for.
async fn ask(authenticator: &Authenticator, token: &str, asks: bool) -> Verdict {
    let verifier = &authenticator.verifier;
    if !asks {
        return decide(authenticator, verifier.decode(token).await, asks).map(Some);
    }
    // The user's state says more precisely what the feed says too, so its words come first.
    let authentic = verifier.authenticate(token).await;
    let revoked = authentic.as_ref().map_or(Ok(()), |token| verifier.check_revoked(token));
    let caller = decide(authenticator, authentic.map(|token| token.claims), asks)?;
    if let Some(unfit) = authenticator.unfit(&caller).await? {
        return Err(refuse_user(authenticator, unfit));
    }
    match revoked {
        Ok(()) => Ok(Some(caller)),
        Err(refusal) => decide(authenticator, Err(refusal), asks).map(Some),
    }
}

/// The caller, as far as that can be said without asking anybody.
fn decide(
    authenticator: &Authenticator,
    decoded: Result<Arc<Claims>, Refusal>,
    asks: bool,
) -> Result<Caller, Problem> {
    if let Some(outage) = decoded.as_ref().err().and_then(outage) {
        return Err(outage);
    }
    let rules = authenticator.rules();
    let claims = first_kind(decoded, &rules.token_kinds, rules)
        .map_err(|refusals| refuse_token(authenticator, &refusals))?;
    match claims.user_id() {
        // An id that no user has is the issuer's to answer, where it is asked.
        Some(user_id) if asks || !user_id.is_empty() => Ok(Caller::new(authenticator, claims)),
        _ => {
            let detail = "Token contained no recognizable user identification";
            Err(authenticator.refuse(detail, Some("token_not_valid")))
        }
    }
}

fn refuse_token(authenticator: &Authenticator, refusals: &[(TokenKind, Refusal)]) -> Problem {
    let messages = refusals.iter().map(|(kind, refusal)| {
        tracing::debug!(token.kind = kind.name(), reason = %refusal, "a token was refused");
        json!({"token_class": kind.class(), "token_type": kind.name(), "message": refusal.message()})
    });
    let messages: Value = messages.collect();
    let detail = "Given token not valid for any token type";
    authenticator.refuse(detail, Some("token_not_valid")).member("messages", messages)
}

fn refuse_user(authenticator: &Authenticator, unfit: Unfit) -> Problem {
    let (detail, code) = match unfit {
        Unfit::Unknown => ("User not found", "user_not_found"),
        Unfit::Inactive => ("User is inactive", "user_inactive"),
        Unfit::PasswordChanged => ("The user's password has been changed.", "password_changed"),
    };
    authenticator.refuse(detail, Some(code))
}
