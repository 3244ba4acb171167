//! Which form of an answer a client takes: JSON, or nothing we have.
//!
//! The rules are those of Django REST framework 3.18.3 with its JSON renderer alone.
//! They know no quality values: `application/json;q=0` still gets JSON.

use actix_web::{HttpRequest, http::header::ACCEPT};
use serde_json::{Value, json};

use crate::input::python;
use crate::page::Query;

/// Longer media types count as unknown.
pub(crate) const MAX_MEDIA_TYPE: usize = 256;
const MAX_ACCEPT: usize = 8192;
const MAX_ACCEPT_TYPES: usize = 64;
const MAX_INDENT: i64 = 8;

/// What came of a request's `Accept` header and `format` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// JSON; with `indent` as in `Accept: application/json; indent=4`, spread over lines.
    Json {
        /// Spaces for each level, 1 to 8.
        indent: Option<u8>,
    },
    /// Only types that we do not have.
    NotAcceptable,
    /// A `format` other than `json`.
    UnknownFormat,
}

impl Accept {
    /// Negotiates for a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let sent = request.headers().get_all(ACCEPT);
        let sent: Vec<_> = sent.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let query = Query::parse(request.query_string());
        Self::negotiate((!sent.is_empty()).then(|| sent.join(",")).as_deref(), query.get("format"))
    }

    /// Negotiates from the header, if there was one, and the last `format` parameter.
    #[must_use]
    pub fn negotiate(accept: Option<&str>, format: Option<&str>) -> Self {
        if format.is_some_and(|format| !format.is_empty() && format != "json") {
            return Self::UnknownFormat;
        }
        let mut chosen: Option<MediaType> = None;
        for range in ranges(accept.unwrap_or("*/*")).filter(|range| range.covers("application", "json")) {
            if chosen.as_ref().is_none_or(|best| range.precedence() > best.precedence()) {
                chosen = Some(range);
            }
        }
        match chosen {
            Some(range) => Self::Json { indent: range.param("indent").and_then(indent) },
            None => Self::NotAcceptable,
        }
    }

    /// The status and body of the answer where there is nothing to agree on.
    #[must_use]
    pub fn refusal(self) -> Option<(u16, Value)> {
        match self {
            Self::Json { .. } => None,
            Self::NotAcceptable => {
                Some((406, json!({ "detail": "Could not satisfy the request Accept header." })))
            }
            Self::UnknownFormat => Some((404, json!({ "detail": "Not found." }))),
        }
    }
}

/// Another form than JSON that an endpoint can answer in.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What `?format=` calls it.
    pub format: &'static str,
    /// The media type's first part.
    pub main: &'static str,
    /// The media type's second part.
    pub sub: &'static str,
}

impl Form {
    /// Whether a request asks for this form: by its `format`, or else by naming its media type and not
    /// JSON's. Ranges such as `*/*` get JSON.
    #[must_use]
    pub fn is_asked_for(&self, request: &HttpRequest) -> bool {
        match Query::parse(request.query_string()).get("format") {
            Some(format) if !format.is_empty() => format == self.format,
            _ => {
                let sent = request.headers().get_all(ACCEPT);
                let sent: Vec<_> = sent.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
                let sent = sent.join(",");
                let names = |main, sub| ranges(&sent).any(|range| range.main == main && range.sub == sub);
                names(self.main, self.sub) && !names("application", "json")
            }
        }
    }
}

fn indent(text: &str) -> Option<u8> {
    let spaces = python::int(text)?.clamp(0, MAX_INDENT);
    u8::try_from(spaces).ok().filter(|spaces| *spaces > 0)
}

/// The media ranges of a header that are short enough to be looked at.
fn ranges(accept: &str) -> impl Iterator<Item = MediaType> {
    let whole = accept.len() <= MAX_ACCEPT;
    let end = if whole { accept.len() } else { accept.floor_char_boundary(MAX_ACCEPT) };
    let kept = accept.split_at_checked(end).map_or("", |(kept, _)| kept);
    let kept = if whole { kept } else { kept.rsplit_once(',').map_or("", |(kept, _)| kept) };
    let ranges = kept.split(',').map(python::trim);
    ranges
        .filter(|range| (1..=MAX_MEDIA_TYPE).contains(&range.chars().count()))
        .take(MAX_ACCEPT_TYPES)
        .map(MediaType::parse)
}

/// A media type or range with its parameters, as in `Content-Type` and `Accept`.
#[derive(Debug)]
pub(crate) struct MediaType {
    main: String,
    sub: String,
    params: Vec<(String, String)>,
}

impl MediaType {
    /// Anything parses; what is no media type matches none.
    pub(crate) fn parse(text: &str) -> Self {
        let mut quoted = false;
        let mut parts = text.split(|c| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let full = python::trim(parts.next().unwrap_or_default()).to_lowercase();
        let (main, sub) = full.split_once('/').unwrap_or((&full, ""));
        let params = parts.filter_map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (python::trim(name).to_lowercase(), unquote(python::trim(value)));
            (!name.is_empty()).then_some((name, value))
        });
        Self { main: main.to_owned(), sub: sub.to_owned(), params: params.collect() }
    }

    /// The last parameter of this name.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether this range takes in the type.
    pub(crate) fn covers(&self, main: &str, sub: &str) -> bool {
        [(&self.main, main), (&self.sub, sub)].iter().all(|(range, name)| *range == "*" || *range == *name)
    }

    /// How specific the range is, from 0 for `*/*` to 3 for a type with parameters.
    fn precedence(&self) -> u8 {
        match (self.main.as_str(), self.sub.as_str()) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ if self.params.iter().all(|(name, _)| name == "q") => 2,
            _ => 3,
        }
    }
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\\", "\\").replace("\\\"", "\""),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation_is_that_of_the_original() {
        // Accept, format; checked against DRF 3.18.3.
        for (accept, format, outcome) in [
            (None, None, Accept::Json { indent: None }),
            (Some("*/*"), None, Accept::Json { indent: None }),
            (Some("application/json"), None, Accept::Json { indent: None }),
            (Some("APPLICATION/JSON"), None, Accept::Json { indent: None }),
            (Some("application/*"), None, Accept::Json { indent: None }),
            (Some("text/html"), None, Accept::NotAcceptable),
            (Some("text/html, */*"), None, Accept::Json { indent: None }),
            (Some("text/html,application/json;q=0.1"), None, Accept::Json { indent: None }),
            (Some("application/json;q=0"), None, Accept::Json { indent: None }),
            (Some("*/*;q=0"), None, Accept::Json { indent: None }),
            (Some("*"), None, Accept::NotAcceptable),
            (Some("*/json"), None, Accept::Json { indent: None }),
            (Some("text/json"), None, Accept::NotAcceptable),
            (Some("application/*+json"), None, Accept::NotAcceptable),
            (Some("application/vnd.api+json"), None, Accept::NotAcceptable),
            (Some("application/json; indent=4"), None, Accept::Json { indent: Some(4) }),
            (Some("application/json;indent=2"), None, Accept::Json { indent: Some(2) }),
            (Some("application/json; indent=0"), None, Accept::Json { indent: None }),
            (Some("application/json; indent=-3"), None, Accept::Json { indent: None }),
            (Some("application/json; indent=99"), None, Accept::Json { indent: Some(8) }),
            (Some("application/json; indent=x"), None, Accept::Json { indent: None }),
            (Some("application/json; indent=\"3\""), None, Accept::Json { indent: Some(3) }),
            (Some("application/json; INDENT=3"), None, Accept::Json { indent: Some(3) }),
            (Some("application/json; indent= +1_0"), None, Accept::Json { indent: Some(8) }),
            (Some("*/*; indent=4"), None, Accept::Json { indent: Some(4) }),
            (Some("application/*; indent=4"), None, Accept::Json { indent: Some(4) }),
            (Some("application/*; indent=4, application/json"), None, Accept::Json { indent: None }),
            (Some("application/json, application/json; indent=2"), None, Accept::Json { indent: Some(2) }),
            (Some("application/json; q=0.5; indent=2"), None, Accept::Json { indent: Some(2) }),
            (Some("application/json; a=\"x;indent=5\""), None, Accept::Json { indent: None }),
            (Some("application/json; a=\"x;y\"; indent=5"), None, Accept::Json { indent: Some(5) }),
            (Some("application/json; a=\"x,y\"; indent=5"), None, Accept::Json { indent: None }),
            (Some(""), None, Accept::NotAcceptable),
            (Some(" "), None, Accept::NotAcceptable),
            (Some(",,"), None, Accept::NotAcceptable),
            (Some("application/json,"), None, Accept::Json { indent: None }),
            (Some(";"), None, Accept::NotAcceptable),
            (Some("/"), None, Accept::NotAcceptable),
            (Some("json"), None, Accept::NotAcceptable),
            (Some("application/json; charset=utf-8"), None, Accept::Json { indent: None }),
            (Some("application/json; indent=4; indent=2"), None, Accept::Json { indent: Some(2) }),
            (None, Some("json"), Accept::Json { indent: None }),
            (None, Some("xml"), Accept::UnknownFormat),
            (None, Some(""), Accept::Json { indent: None }),
            (None, Some("JSON"), Accept::UnknownFormat),
            (Some("text/html"), Some("json"), Accept::NotAcceptable),
            (Some("text/html"), Some("xml"), Accept::UnknownFormat),
            (None, Some("json"), Accept::Json { indent: None }),
        ] {
            assert_eq!(Accept::negotiate(accept, format), outcome, "{accept:?} {format:?}");
        }
    }

    #[test]
    fn another_form_is_given_to_whoever_names_it_and_not_json() {
        let form = Form { format: "jsonl", main: "application", sub: "x-ndjson" };
        for (accept, query, asked) in [
            (None, "", false),
            (None, "?format=jsonl", true),
            (None, "?format=JSONL", false),
            (None, "?format=jsonl&format=json", false),
            (Some("text/html"), "?format=jsonl", true),
            (Some("application/x-ndjson"), "?format=json", false),
            (Some("application/x-ndjson"), "?format=", true),
            (Some("Application/X-NDJSON; q=0.5"), "", true),
            (Some("application/x-ndjson, */*"), "", true),
            (Some("application/x-ndjson, application/json"), "", false),
            (Some("application/*"), "", false),
            (Some("*/*"), "", false),
        ] {
            let request = actix_web::test::TestRequest::with_uri(&format!("/{query}"));
            let request = match accept {
                Some(accept) => request.insert_header((ACCEPT, accept)),
                None => request,
            };
            assert_eq!(form.is_asked_for(&request.to_http_request()), asked, "{accept:?} {query}");
        }
    }

    #[test]
    fn overlong_headers_are_cut_where_the_original_cuts_them() {
        // Checked against DRF 3.18.3.
        let json = Accept::Json { indent: None };
        for (accept, outcome) in [
            (format!("{}, application/json", "x".repeat(257)), json),
            (format!("{}application/json", "text/html,".repeat(63)), json),
            (format!("{}application/json", "text/html,".repeat(64)), Accept::NotAcceptable),
            (format!("application/json,{}", "x".repeat(8200)), json),
            (format!("{},application/json", "x".repeat(8200)), Accept::NotAcceptable),
            ("é".repeat(8200), Accept::NotAcceptable),
        ] {
            assert_eq!(Accept::negotiate(Some(&accept), None), outcome, "{accept:.40}");
        }
    }

    #[test]
    fn several_accept_headers_count_as_one() {
        let request = actix_web::test::TestRequest::with_uri("/?format=json")
            .append_header((ACCEPT, "text/html"))
            .append_header((ACCEPT, "application/json; indent=2"))
            .to_http_request();
        assert_eq!(Accept::of(&request), Accept::Json { indent: Some(2) });
    }

    #[test]
    fn refusals_say_what_the_original_says() {
        assert_eq!(Accept::Json { indent: None }.refusal(), None);
        let (status, body) = Accept::NotAcceptable.refusal().unwrap();
        assert_eq!(
            (status, body["detail"].as_str()),
            (406, Some("Could not satisfy the request Accept header."))
        );
        let (status, body) = Accept::UnknownFormat.refusal().unwrap();
        assert_eq!((status, body["detail"].as_str()), (404, Some("Not found.")));
    }
}
