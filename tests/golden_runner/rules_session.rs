//! D8 to D12: tokens, their users and their sessions. All of them refuse what the original accepted.

use super::Case;
use crate::{
    craft::is_canonical,
    history::{Owner, presented, presented_text},
};

const BLACKLISTED: &str = "Token is blacklisted";
const TOKEN: &str = "/token";

/// D8: padded or non-canonical token text is refused as invalid.
pub(super) fn is_strict(case: &Case) -> bool {
    was_accepted(case)
        && presented_text(case.sent).is_some_and(|token| !is_canonical(token))
        && case.is_token_error("Token is invalid")
}

/// D9: a token endpoint refuses a token that names no user, or an unknown, deleted or inactive one.
pub(super) fn is_userless(case: &Case) -> bool {
    was_accepted(case)
        && at(case, &["/refresh/", "/verify/", "/blacklist/"])
        && presented_text(case.sent).is_some_and(|token| case.history.owner(token) != Owner::Good)
        && case.is_unauthorized()
}

/// D10: a password change has ended the sessions.
pub(super) fn is_outdated(case: &Case) -> bool {
    was_accepted(case)
        && at(case, &["/refresh/", "/verify/"])
        && presented(case.request).is_some_and(|name| case.history.password_changed_since(name))
        && case.is_token_error(BLACKLISTED)
}

/// D11: a session that ended by reuse or blacklisting stays ended.
pub(super) fn is_ended_for_good(case: &Case) -> bool {
    let history = case.history;
    was_accepted(case)
        && presented(case.request)
            .is_some_and(|name| history.was_reused(name) || history.was_flushed_after_blacklisting(name))
        && is_refused(case)
}

/// D12: the access or sliding token of a blacklisted session is refused.
pub(super) fn is_of_blacklisted_session(case: &Case) -> bool {
    let is_other_kind = |name: &str| {
        let kind = case.history.variant.jwt_text("TOKEN_TYPE_CLAIM").unwrap_or_default();
        let claims = case.history.world.claims(name);
        let kind = claims.as_ref().and_then(|claims| claims.get(kind)).and_then(|kind| kind.as_str());
        matches!(kind, Some("access" | "sliding"))
    };
    was_accepted(case)
        && presented(case.request)
            .is_some_and(|name| is_other_kind(name) && case.history.was_blacklisted(name))
        && is_refused(case)
}

fn was_accepted(case: &Case) -> bool {
    (200..300).contains(&case.recorded.status)
}

/// Whether the request went to one of these token endpoints.
fn at(case: &Case, ends: &[&str]) -> bool {
    let path = case.request.path.split('?').next().unwrap_or_default();
    path.contains(TOKEN) && ends.iter().any(|end| path.ends_with(end))
}

/// A 401 of a token error, or what `verify` says of a blacklisted one.
fn is_refused(case: &Case) -> bool {
    let by_verify = || {
        let errors = case.envelope().and_then(|body| body.get("non_field_errors").cloned());
        case.answer.status == 400
            && at(case, &["/verify/"])
            && errors == Some(serde_json::json!([BLACKLISTED]))
    };
    case.is_unauthorized()
        && case.envelope().is_some_and(|body| body.get("code") == Some(&"token_not_valid".into()))
        || by_verify()
}
