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
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(malformed)?;
            Value::List(items.into_iter().map(|item| value(item.get())).collect::<Result<_, _>>()?)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &[u8]) -> InputError {
        parse(body).unwrap_err()
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in [
            &b"  \n"[..],
            b"{\"a\": ",
            b"{\"a\": \"x\",}",
            b"{\"a\": NaN}",
            b"{\"a\": -Infinity}",
            b"{\"a\": 01}",
            b"{\"a\": 1.}",
            b"{\"a\": 'x'}",
            b"{\"a\": \"\t\"}",
            b"{\"a\": \"\\x\"}",
            b"{\"a\": \"\\ud8\"}",
            b"{\"a\": \"\xff\"}",
            b"{\"\xff\": 1}",
            b"\xed\xa0\x80",
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"{}x",
            b"[1",
            b"{\"a\" 1}",
            b"{1: 2}",
            b"\0",
        ] {
            let InputError::Malformed(text) = refusal(body) else { panic!("{body:?}") };
            assert!(text.starts_with("JSON parse error - "), "{text}");
        }
    }

    #[test]
    fn only_objects_have_fields() {
        // The type in Python's words; checked against DRF 3.18.3.
        for (body, kind) in [
            ("[]", "list"),
            (" [{\"a\": 1}] ", "list"),
            ("\"\"", "str"),
            ("\"\\ud800\"", "str"),
            ("true", "bool"),
            ("false", "bool"),
            ("0", "int"),
            ("-5", "int"),
            ("1.5", "float"),
            ("1E400", "float"),
        ] {
            assert_eq!(refusal(body.as_bytes()), InputError::NotAnObject(kind), "{body}");
        }
        assert_eq!(refusal(b" null "), InputError::NoData);
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let fields = parse(br#"{"a": 1, "b": 2, "\u0061": "x"}"#).unwrap();
        assert_eq!(fields["a"], Value::Text("x".to_owned()));
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn every_kind_of_value_is_told_apart() {
        for (json, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("18446744073709551616", Value::Number("18446744073709551616".to_owned())),
            ("1e3", Value::Number("1000.0".to_owned())),
            ("-0", Value::Number("0".to_owned())),
            ("[[], \"]\"]", Value::List(vec![Value::List(Vec::new()), Value::Text("]".to_owned())])),
            ("{\"\\ud800\": 1}", Value::Object),
            (r#""\ud83c\udf89\n""#, Value::Text("🎉\n".to_owned())),
            (r#""\\ud800""#, Value::Text("\\ud800".to_owned())),
        ] {
            assert_eq!(parse(format!("{{\"a\": {json}}}").as_bytes()).unwrap()["a"], value, "{json}");
        }
    }

    #[test]
    fn a_lone_surrogate_spoils_only_its_own_field() {
        for (json, text, code_point) in [
            (r#""\ud800""#, "\u{fffd}", 0xd800),
            (r#""é\udfff\ud800!""#, "é\u{fffd}\u{fffd}!", 0xdfff),
            (r#""\ud800\ud83c\udf89""#, "\u{fffd}🎉", 0xd800),
            (r#""\ud83c\ud83c""#, "\u{fffd}\u{fffd}", 0xd83c),
        ] {
            let fields = parse(format!("{{\"a\": {json}, \"b\": 1, \"\\udc00\": 2}}").as_bytes()).unwrap();
            assert_eq!(fields["a"], Value::Surrogate { text: text.to_owned(), code_point }, "{json}");
            assert_eq!(fields["b"], Value::Number("1".to_owned()));
        }
    }

    #[test]
    fn numbers_too_long_for_python_and_brackets_too_deep_are_malformed() {
        let nested =
            |depth| format!("{{\"a\": \"[[\\\"[\", \"b\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        for body in [nested(MAX_DEPTH), nested(100_000), format!("{{\"a\": {}}}", "9".repeat(4301))] {
            assert!(matches!(refusal(body.as_bytes()), InputError::Malformed(_)));
        }
    }
}
