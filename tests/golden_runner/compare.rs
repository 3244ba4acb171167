//! The plain comparison of an answer with its recording.
//!
//! Compared: the status, the body exactly (member order included), the tokens in it, and of the headers
//! `Content-Type`, `WWW-Authenticate`, `Allow`, `Retry-After` and whether `Vary` names `Cookie`.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use crate::{
    fixture::{Recorded, RecordedToken},
    json, tokens,
    wire::Answer,
    world::World,
};

/// The headers whose values count.
pub(crate) const COMPARED: [&str; 4] = ["Content-Type", "WWW-Authenticate", "Allow", "Retry-After"];

/// One difference between a recording and an answer.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) differences: Vec<Difference>,
    /// Ids that were UUIDs where the original has integers (D3).
    pub(crate) uuids: usize,
    /// The tokens of the answer by the names they were recorded under.
    pub(crate) tokens: BTreeMap<String, String>,
}

impl Findings {
    pub(crate) fn is_match(&self) -> bool {
        self.differences.is_empty()
    }

    pub(crate) fn differ(&mut self, what: &str, expected: impl fmt::Display, got: impl fmt::Display) {
        let (expected, got) = (json::clip(&expected.to_string(), 600), json::clip(&got.to_string(), 600));
        self.differences.push(Difference { what: what.to_owned(), expected, got });
    }
}

/// Compares everything.
pub(crate) fn compare(
    recorded: &Recorded,
    tokens: &BTreeMap<String, RecordedToken>,
    answer: &Answer,
    world: &World,
) -> Findings {
    let mut findings = Findings::default();
    if recorded.status != answer.status {
        findings.differ("status", recorded.status, answer.status);
    }
    for name in COMPARED {
        let (expected, got) = (recorded.header(name), answer.header(name));
        if expected != got.as_deref() {
            findings.differ(name, expected.unwrap_or("(absent)"), got.as_deref().unwrap_or("(absent)"));
        }
    }
    let (expected, got) = (recorded.header("Vary"), answer.header("Vary"));
    if names_cookie(expected) != names_cookie(got.as_deref()) {
        findings.differ("Vary", expected.unwrap_or("(absent)"), got.as_deref().unwrap_or("(absent)"));
    }
    compare_body(recorded, answer, world, &mut findings);
    tokens::compare(tokens, world, &mut findings);
    findings
}

/// Whether a `Vary` header names `Cookie`.
pub(crate) fn names_cookie(vary: Option<&str>) -> bool {
    vary.is_some_and(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case("Cookie")))
}

fn compare_body(recorded: &Recorded, answer: &Answer, world: &World, findings: &mut Findings) {
    let got = answer.text();
    if let Some(text) = &recorded.text {
        let same = match text.split_once("... <long HTML>") {
            Some((start, _)) => got.starts_with(start),
            None => got == *text,
        };
        if !same {
            findings.differ("body", text, got);
        }
    } else if let Some(expected) = recorded.body.as_ref().filter(|_| !recorded.empty) {
        match json::parse(&got) {
            Ok(value) => walk("body", expected, &value, world, findings),
            Err(_) => findings.differ("body", json::write(expected), got),
        }
    } else if !got.is_empty() {
        findings.differ("body", "(empty)", got);
    }
}

fn walk(at: &str, expected: &Value, got: &Value, world: &World, findings: &mut Findings) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => walk_object(at, expected, got, world, findings),
        (Value::Array(expected), Value::Array(got)) => {
            if expected.len() != got.len() {
                findings.differ(&format!("{at} (length)"), expected.len(), got.len());
            }
            for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
                walk(&format!("{at}[{index}]"), expected, got, world, findings);
            }
        }
        (Value::String(text), got) => walk_text(at, text, got, world, findings),
        (expected, got) if expected != got => {
            findings.differ(at, json::write(expected), json::write(got));
        }
        _ => {}
    }
}

fn walk_object(
    at: &str,
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    world: &World,
    findings: &mut Findings,
) {
    for (name, value) in expected {
        match got.get(name) {
            Some(got) => walk(&format!("{at}.{name}"), value, got, world, findings),
            None => findings.differ(&format!("{at}.{name}"), json::write(value), "(absent)"),
        }
    }
    for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
        findings.differ(&format!("{at}.{name}"), "(absent)", json::write(value));
    }
    let names = |object: &Map<String, Value>| object.keys().cloned().collect::<Vec<_>>().join(", ");
    if expected.len() == got.len()
        && expected.keys().all(|name| got.contains_key(name))
        && names(expected) != names(got)
    {
        findings.differ(&format!("{at} (member order)"), names(expected), names(got));
    }
}

fn walk_text(at: &str, expected: &str, got: &Value, world: &World, findings: &mut Findings) {
    let text = got.as_str();
    let matches = if let Some(name) = expected.strip_prefix("<jwt:").and_then(|rest| rest.strip_suffix('>')) {
        let token = text.filter(|text| text.split('.').count() == 3);
        findings.tokens.extend(token.map(|token| (name.to_owned(), token.to_owned())));
        token.is_some()
    } else if expected == "<int:id>" {
        let is_uuid = text.is_some_and(is_uuid);
        findings.uuids += usize::from(is_uuid);
        is_uuid || got.as_u64().is_some()
    } else if expected.starts_with("<datetime:") {
        text.is_some_and(is_datetime)
    } else {
        let expected = expected.replace("<base>", &world.base).replace("<host>", world.host());
        text == Some(expected.as_str())
    };
    if !matches {
        findings.differ(at, json::write(&Value::String(expected.to_owned())), json::write(got));
    }
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`; the fraction is absent when it is exactly zero.
pub(crate) fn is_datetime(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    matches!(shape.as_str(), "0000-00-00T00:00:00.000000Z" | "0000-00-00T00:00:00Z")
        && text.parse::<jiff::Timestamp>().is_ok()
}

pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
