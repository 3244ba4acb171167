//! The tokens in an answer beside the recorded description of theirs.
//!
//! Everything recorded must be there with its recorded type and value, in the recorded order; more
//! members and claims (`kid`, `sid`, …) may stand between.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    compare::Findings,
    fixture::{RecordedClaim, RecordedToken},
    json,
    world::{World, seconds},
};

struct Token {
    header_json: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

/// Compares each recorded token with the one found under its name.
pub(crate) fn compare(recorded: &BTreeMap<String, RecordedToken>, world: &World, findings: &mut Findings) {
    for (name, expected) in recorded {
        let Some(text) = findings.tokens.get(name).cloned() else {
            findings.differ(&format!("token {name}"), "a token", "(absent)");
            continue;
        };
        match read(&text) {
            Some(token) => compare_token(name, expected, &token, world, findings),
            None => findings.differ(&format!("token {name}"), "a readable token", text),
        }
    }
}

fn read(text: &str) -> Option<Token> {
    let mut parts = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (header, claims, signature) = (parts.next()??, parts.next()??, parts.next()??);
    let header_json = String::from_utf8(header).ok()?;
    let header = json::parse(&header_json).ok()?.as_object().cloned()?;
    let claims = json::parse(&String::from_utf8(claims).ok()?).ok()?.as_object().cloned()?;
    Some(Token { header_json, header, claims, signature })
}

fn compare_token(
    name: &str,
    expected: &RecordedToken,
    token: &Token,
    world: &World,
    findings: &mut Findings,
) {
    for (member, value) in &expected.header {
        let got = token.header.get(member);
        if got != Some(value) {
            findings.differ(&format!("token {name} header {member}"), json::write(value), show(got));
        }
    }
    let order: Vec<&String> = expected.header.keys().collect();
    compare_order(&format!("token {name} header order"), &order, &token.header, findings);
    if token.header.len() == expected.header.len() && token.header_json != expected.header_json {
        findings.differ(&format!("token {name} header bytes"), &expected.header_json, &token.header_json);
    }
    for (claim, recorded) in &expected.claims {
        let at = format!("token {name} claim {claim}");
        let Some(got) = token.claims.get(claim) else {
            findings.differ(&at, json::write(&recorded.value), "(absent)");
            continue;
        };
        for (what, wanted) in compare_claim(claim, recorded, got, &token.claims, world) {
            findings.differ(&format!("{at}{what}"), wanted, json::write(got));
        }
    }
    let order: Vec<&String> = expected.claims_order.iter().collect();
    compare_order(&format!("token {name} claims order"), &order, &token.claims, findings);
    if let Some(bytes) = expected.signature_bytes.filter(|bytes| *bytes != token.signature.len()) {
        findings.differ(&format!("token {name} signature bytes"), bytes, token.signature.len());
    }
}

/// The recorded names must come in the recorded order, whatever else lies between them.
fn compare_order(at: &str, expected: &[&String], got: &Map<String, Value>, findings: &mut Findings) {
    let ours: Vec<&String> = got.keys().filter(|name| expected.contains(name)).collect();
    if ours != expected {
        findings.differ(at, format!("{expected:?}"), format!("{ours:?}"));
    }
}

/// What is wrong with one claim, and what was recorded of it.
fn compare_claim(
    name: &str,
    recorded: &RecordedClaim,
    got: &Value,
    claims: &Map<String, Value>,
    world: &World,
) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if !is_kind(&recorded.kind, got) {
        wrong.push((" (type)", recorded.kind.clone()));
    }
    let is_recorded = match recorded.value.as_str() {
        Some(text) if text.starts_with('<') => placeholder(text, name, got, claims, world),
        _ => &recorded.value == got,
    };
    if !is_recorded {
        wrong.push(("", json::write(&recorded.value)));
    }
    let is_shared = match &recorded.same_as {
        Value::Array(inputs) => {
            inputs.iter().all(|input| input_claim(input, name, world).as_ref() == Some(got))
        }
        Value::String(text) if text == "new" => {
            let mut inputs = world.saved.keys().filter_map(|saved| world.claims(saved));
            !inputs.any(|input| input.get(name) == Some(got))
        }
        _ => true,
    };
    if !is_shared {
        wrong.push((" (same as)", json::write(&recorded.same_as)));
    }
    wrong
}

fn placeholder(text: &str, name: &str, got: &Value, claims: &Map<String, Value>, world: &World) -> bool {
    let text = text.trim_start_matches('<').trim_end_matches('>');
    let hex = |length: usize, allowed: fn(u8) -> bool| {
        got.as_str().is_some_and(|value| value.len() == length && value.bytes().all(allowed))
    };
    match text {
        "now" => got
            .as_i64()
            .is_some_and(|moment| (seconds(world.sent) - 1..=seconds(world.answered) + 1).contains(&moment)),
        // Which input it equals is in `same_as`.
        "copied" => true,
        "hex32" => hex(32, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "MD5-HEX-UPPER" => hex(32, |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')),
        other => match (other.strip_prefix("iat"), other.strip_prefix("user_id:")) {
            (Some(distance), _) => {
                let iat = claims.get("iat").and_then(Value::as_i64);
                let distance = distance.parse::<i64>().ok();
                let (Some(iat), Some(distance), Some(got)) = (iat, distance, got.as_i64()) else {
                    return false;
                };
                is_after(iat + distance - got, name, got, world)
            }
            (None, Some(user)) => {
                let id = got.as_str().map(str::to_owned).or_else(|| got.as_i64().map(|id| id.to_string()));
                id.is_some() && id.as_deref() == world.users.id(user)
            }
            (None, None) => false,
        },
    }
}

/// A time may be one second short at a second's boundary. One that was copied from an input token
/// (`refresh_exp`) may be short by as long as the setup took.
fn is_after(short_by: i64, name: &str, got: i64, world: &World) -> bool {
    let elapsed = seconds(world.answered) - seconds(world.began);
    let copied = || {
        world.saved.keys().any(|saved| {
            world.claims(saved).and_then(|claims| claims.get(name).and_then(Value::as_i64)) == Some(got)
        })
    };
    (0..=1).contains(&short_by) || (0..=elapsed + 1).contains(&short_by) && copied()
}

fn input_claim(input: &Value, name: &str, world: &World) -> Option<Value> {
    let saved = input.as_str()?.strip_prefix("${")?.strip_suffix('}')?;
    world.claims(saved)?.get(name).cloned()
}

fn is_kind(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64() || value.get("$bigint").is_some(),
        "float" | "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" | "list" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".to_owned(), json::write)
}
