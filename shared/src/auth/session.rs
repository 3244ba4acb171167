//! The token in a cookie: `SessionAuthentication`.
//!
//! A token without a `csrf` claim is none of ours here: it was not made for a cookie, and nothing would
//! guard it. Whatever is wrong with the cookie, there is simply no session, as in the original; only
//! an unsafe request by a good one must prove where it comes from.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};

use super::{Attempt, Authenticator, Caller, VaryCookie, Verdict, csrf::is_unsafe, outage};
use crate::{
    Claims,
    token::{Refusal, TokenKind},
};

/// The class's turn.
pub(super) fn attempt(authenticator: &Authenticator, request: &HttpRequest) -> Attempt {
    request.extensions_mut().insert(VaryCookie);
    let Some(token) = authenticator.cookies(request).access() else { return Attempt::NOTHING };
    match authenticator.verifier.decode_now(token) {
        Err(Refusal::UnknownKey(_)) => {}
        _ if authenticator.ask_user_state => {}
        known => {
            let verdict = decide(authenticator, known);
            return Attempt::Said(guard(authenticator, request, verdict));
        }
    }
    let (authenticator, request, token) = (authenticator.clone(), request.clone(), token.to_owned());
    Attempt::Asking(Box::pin(async move {
        let verdict = ask(&authenticator, &token).await;
        guard(&authenticator, &request, verdict)
    }))
}

/// The key has to be fetched, or the user's state asked for.
async fn ask(authenticator: &Authenticator, token: &str) -> Verdict {
    let decoded = authenticator.verifier.decode(token).await;
    match decide(authenticator, decoded)? {
        Some(caller) if authenticator.ask_user_state => {
            let unfit = authenticator.unfit(&caller).await?;
            Ok(unfit.is_none().then_some(caller))
        }
        said => Ok(said),
    }
}

/// Whose session it is, as far as that can be said without asking anybody.
fn decide(authenticator: &Authenticator, decoded: Result<Arc<Claims>, Refusal>) -> Verdict {
    if let Some(outage) = decoded.as_ref().err().and_then(outage) {
        return Err(outage);
    }
    let names = &authenticator.rules().names;
    let access = |claims: Arc<Claims>| claims.check_kind(TokenKind::Access, names).map(|()| claims);
    let claims = match decoded.and_then(access) {
        Ok(claims) => claims,
        Err(refusal) => {
            tracing::debug!(reason = %refusal, "the token in a cookie was refused");
            return Ok(None);
        }
    };
    let names_somebody = claims.user_id().is_some_and(|user_id| !user_id.is_empty());
    let bound = claims.csrf().is_some();
    Ok((names_somebody && bound).then(|| Caller::new(authenticator, claims)))
}

/// Lets an unsafe request pass only if it is no forgery.
fn guard(authenticator: &Authenticator, request: &HttpRequest, verdict: Verdict) -> Verdict {
    if let Ok(Some(caller)) = &verdict
        && is_unsafe(request.method())
    {
        authenticator.cookies(request).check_csrf(caller.claims.csrf())?;
    }
    verdict
}
