//! A JSON body into fields.
//!
//! Each member is kept as raw text first, for three reasons: an integer keeps all its
//! digits, `1e3` and `1000` stay different, and a lone surrogate (`"\ud800"`) spoils only
//! its own field. `serde_json` alone would refuse the body or lose the difference.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::{InputError, Value, python};

/// As deep as `serde_json` goes by itself; nothing here needs more than two.
const MAX_DEPTH: usize = 128;

/// The members of the body's object; of two with one name the last counts.
pub(super) fn parse(body: &[u8]) -> Result<BTreeMap<String, Value>, InputError> {
    let text = str::from_utf8(body).map_err(malformed)?;
    let root: &RawValue = serde_json::from_str(text).map_err(malformed)?;
    if depth(root.get()) > MAX_DEPTH {
        return Err(malformed("nested too deeply"));
    }
    match root.get().bytes().next() {
        Some(b'{') => {}
        Some(b'[') => return Err(InputError::NotAnObject("list")),
        Some(b'"') => return Err(InputError::NotAnObject("str")),
        Some(b't' | b'f') => return Err(InputError::NotAnObject("bool")),
        Some(b'n') => return Err(InputError::NoData),
        _ if root.get().contains(['.', 'e', 'E']) => return Err(InputError::NotAnObject("float")),
        _ => return Err(InputError::NotAnObject("int")),
    }
    let members: BTreeMap<Text, &RawValue> = serde_json::from_str(root.get()).map_err(malformed)?;
    members.into_iter().map(|(name, raw)| Ok((name.text, value(raw.get())?))).collect()
}

fn malformed(reason: impl fmt::Display) -> InputError {
    InputError::Malformed(format!("JSON parse error - {reason}"))
}

fn value(raw: &str) -> Result<Value, InputError> {
    Ok(match raw.bytes().next() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'[') => Value::List,
        Some(b'{') => Value::Object,
        Some(b'"') => {
            let text: Text = serde_json::from_str(raw).map_err(malformed)?;
            match text.surrogate {
                None => Value::Text(text.text),
                Some(code_point) => Value::Surrogate { text: text.text, code_point },
            }
        }
        _ => Value::Number(python::number_text(raw).ok_or_else(|| malformed("integer too long"))?),
    })
}

/// How deep the brackets of a valid JSON text nest.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A JSON string in which surrogates without a partner have become U+FFFD; the first of them.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    text: String,
    surrogate: Option<u16>,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a string")
    }

    /// `serde_json` gives the bytes of a string in WTF-8: as UTF-8, with lone surrogates
    /// written in the three bytes they would have had.
    fn visit_bytes<E: Error>(self, mut bytes: &[u8]) -> Result<Text, E> {
        let mut decoded = Text::default();
        loop {
            let valid = match str::from_utf8(bytes) {
                Ok(rest) => {
                    decoded.text.push_str(rest);
                    return Ok(decoded);
                }
                Err(error) => error.valid_up_to(),
            };
            let (before, [0xed, high, low, after @ ..]) = bytes.split_at(valid) else {
                return Err(E::custom("invalid text"));
            };
            decoded.text.push_str(&String::from_utf8_lossy(before));
            decoded.text.push(char::REPLACEMENT_CHARACTER);
            let code_point = 0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f);
            decoded.surrogate.get_or_insert(code_point);
            bytes = after;
        }
    }
}
