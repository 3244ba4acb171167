//! The permitted deviations, one named rule each, asked only after the plain comparison has failed.
//!
//! A rule permits an answer either by looking at it ([`Permits::Answer`]) or by naming another request
//! whose answer, after the same setup on an empty database, ours must equal ([`Permits::SameAs`]).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    compare::{Findings, compare},
    fixture::{Recorded, RecordedToken, Request},
    history::History,
    json,
    wire::Answer,
};

#[path = "rules_input.rs"]
mod input;
#[path = "rules_session.rs"]
mod session;

/// One exchange whose answer differs from its recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) history: History<'a>,
    /// The request as recorded and as it was sent.
    pub(crate) request: &'a Request,
    pub(crate) sent: &'a Request,
    pub(crate) recorded: &'a Recorded,
    pub(crate) tokens: &'a BTreeMap<String, RecordedToken>,
    pub(crate) answer: &'a Answer,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) original: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) permits: Permits,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Permits {
    Answer(fn(&Case) -> bool),
    SameAs(fn(&Case) -> Option<Request>),
}

const fn rule(name: &'static str, original: &'static str, ours: &'static str, permits: Permits) -> Rule {
    Rule { name, original, ours, permits }
}

use Permits::{Answer as By, SameAs};

/// D1..D12; D13 belongs to a whole variant and is decided where it is started.
pub(crate) const RULES: &[Rule] = &[
    rule("D1", "500", "401 for a token or its user, 400 for other input", By(input::is_answered_500)),
    rule("D2", "an HTML body", "the same status in the JSON envelope", By(input::is_json_for_html)),
    rule("D3", "integer ids", "UUIDs", By(input::is_integer_in_path)),
    rule("D3", "integer ids", "UUIDs", By(input::is_uuid_in_options)),
    rule("D4", "Python's wording of a JSON error", "ours", By(input::is_reworded_parse_error)),
    rule("D5", "the tutorial's parsers", "std_parsers", By(input::is_unsupported_media_type)),
    rule("D5", "the tutorial's parsers", "std_parsers", SameAs(input::form_as_multipart)),
    rule("D5", "the tutorial's parsers", "std_parsers", SameAs(input::chunked_as_whole)),
    rule("D5", "the tutorial's parsers", "std_parsers", By(input::is_true_parses_list)),
    rule("D6", "301 to the slashed path", "what the slashed path answers", SameAs(input::slashed)),
    rule("D7", "a scheme in another case is not seen", "it is (RFC 9110)", SameAs(input::exact_scheme)),
    rule("D8", "non-canonical token text accepted", "refused as invalid", By(session::is_strict)),
    rule("D9", "200 for a token without a live user", "401", By(session::is_userless)),
    rule("D10", "200 after a password change", "401 Token is blacklisted", By(session::is_outdated)),
    rule("D11", "a reused session lives, a flush revives", "it has ended", By(session::is_ended_for_good)),
    rule("D12", "access outlives its session", "refused", By(session::is_of_blacklisted_session)),
];

impl Case<'_> {
    /// The plain comparison with a recording changed in one place.
    pub(crate) fn matches(&self, change: impl FnOnce(&mut Recorded)) -> Findings {
        let mut recorded = self.recorded.clone();
        change(&mut recorded);
        compare(&recorded, self.tokens, self.answer, self.history.world)
    }

    /// Our body, where it is an object in the JSON envelope's content type.
    pub(crate) fn envelope(&self) -> Option<Value> {
        let is_json = self.answer.header("Content-Type").as_deref() == Some("application/json");
        json::parse(&self.answer.text()).ok().filter(|body| is_json && body.is_object())
    }

    /// `detail` of our envelope.
    pub(crate) fn detail(&self) -> Option<String> {
        self.envelope()?.get("detail")?.as_str().map(str::to_owned)
    }

    /// A 401 in the envelope with its challenge.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.answer.status == 401
            && self.detail().is_some()
            && self.answer.header("WWW-Authenticate").is_some()
            && self.answer.header("Retry-After").is_none()
    }

    /// A 401 whose body is this token error, alone or (on the API) as the message of each class.
    pub(crate) fn is_token_error(&self, text: &str) -> bool {
        let Some(body) = self.envelope().filter(|_| self.is_unauthorized()) else { return false };
        let messages = body.get("messages").and_then(Value::as_array);
        let named = match messages {
            Some(list) => {
                !list.is_empty() && list.iter().all(|entry| entry.get("message") == Some(&text.into()))
            }
            None => body.get("detail") == Some(&text.into()),
        };
        named && body.get("code") == Some(&"token_not_valid".into())
    }
}
