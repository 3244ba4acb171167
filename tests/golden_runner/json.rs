//! JSON as Python writes and reads it: the two things `serde_json` cannot hold.
//!
//! A recording may contain a lone surrogate (`"\ud800"`) and integers beyond 64 bits. Before parsing,
//! the first becomes a character of the last private-use plane, the second the object
//! `{"$bigint": "digits"}`; [`write`] turns both back.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;

const BIG: &str = "$bigint";
/// Lone surrogates U+D800..U+DFFF are kept as U+10D800..U+10DFFF.
const SHIFT: u32 = 0x0010_0000;

/// Parses one JSON text.
pub(crate) fn parse(text: &str) -> anyhow::Result<Value> {
    let prepared = prepare(text);
    serde_json::from_str(&prepared).with_context(|| format!("not JSON: {}", clip(text, 200)))
}

/// Compact JSON in ASCII, as `json.dumps(value, separators=(",", ":"))` writes it.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// At most `limit` characters of a text, with a mark where it was cut.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
    }
}

fn prepare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => {
                quoted = !quoted;
                1
            }
            '\\' if quoted => escape(rest, &mut out),
            '-' | '0'..='9' if !quoted => number(rest, &mut out),
            _ => next.len_utf8(),
        };
        if !(quoted && next == '\\' || !quoted && (next == '-' || next.is_ascii_digit())) {
            out.push(next);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// Copies one escape sequence, a lone surrogate as its stand-in, and says how many bytes it took.
fn escape(rest: &str, out: &mut String) -> usize {
    let unit = |at: usize| {
        let text = rest.get(at..)?.strip_prefix("\\u")?;
        u32::from_str_radix(text.get(..4)?, 16).ok()
    };
    let (taken, lone) = match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
        (Some(code @ 0xD800..=0xDFFF), _) => (6, char::from_u32(code + SHIFT)),
        (Some(_), _) => (6, None),
        (None, _) => (2, None),
    };
    match lone {
        Some(stand_in) => out.push(stand_in),
        None => out.push_str(rest.get(..taken).unwrap_or(rest)),
    }
    taken
}

/// Copies one number, a long integer as its stand-in, and says how many bytes it took.
fn number(rest: &str, out: &mut String) -> usize {
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')))
        .unwrap_or(rest.len());
    let digits = rest.get(..end).unwrap_or(rest);
    let integer = digits.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if integer && digits.parse::<i64>().is_err() && digits.parse::<u64>().is_err() {
        let _ = write!(out, "{{\"{BIG}\":\"{digits}\"}}");
    } else {
        out.push_str(digits);
    }
    end
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            if let (1, Some(Value::String(digits))) = (members.len(), members.get(BIG)) {
                out.push_str(digits);
                return;
            }
            out.push('{');
            for (index, (name, item)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_text(name, out);
                out.push(':');
                write_value(item, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            '\u{10D800}'..='\u{10DFFF}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c) - SHIFT);
            }
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}
