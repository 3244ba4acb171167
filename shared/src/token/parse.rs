//! From text to header, payload and signature, without believing any of it.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value, map::Entry};

use super::{MAX_TOKEN, Refusal};

/// A token taken apart; nothing in it has been verified.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// `header.payload`: what was signed.
    pub message: &'a str,
    /// The signature, still base64url.
    pub signature: &'a str,
    /// The header's `alg`.
    pub alg: String,
    /// The header's `kid`.
    pub kid: Option<String>,
    payload: &'a str,
}

impl<'a> Parsed<'a> {
    /// Takes `text` apart. Exactly three segments; base64url without padding and with no stray bits.
    pub fn new(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN {
            return Err(Refusal::Malformed("longer than 16 KiB"));
        }
        let three = Refusal::Malformed("expected three segments separated by dots");
        let (message, signature) = text.rsplit_once('.').ok_or_else(|| three.clone())?;
        let (header, payload) = message.split_once('.').ok_or_else(|| three.clone())?;
        if payload.contains('.') {
            return Err(three);
        }
        let mut header = object(header, "the header is not base64url", "the header is not a JSON object")?;
        // RFC 7515, section 4.1.11: an extension we do not know must not be ignored. We know none.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Refusal::Malformed("the header has `crit` or `b64`"));
        }
        let Some(Value::String(alg)) = header.remove("alg") else {
            return Err(Refusal::Malformed("the header's `alg` is missing or not a string"));
        };
        let kid = match header.remove("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid),
            Some(_) => return Err(Refusal::Malformed("the header's `kid` is not a string")),
        };
        Ok(Self { message, signature, alg, kid, payload })
    }

    /// The claims. Call it only after the signature has been verified.
    pub fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        object(self.payload, "the payload is not base64url", "the payload is not a JSON object")
    }
}

fn object(
    segment: &str,
    not_base64: &'static str,
    not_object: &'static str,
) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| Refusal::Malformed(not_base64))?;
    unique_object(&bytes).map_err(|error| match error {
        NotAnObject::Duplicate(name) => Refusal::Duplicate(name),
        NotAnObject::Other => Refusal::Malformed(not_object),
    })
}

/// Why bytes are not a JSON object with unique members.
#[derive(Debug, PartialEq, Eq)]
pub enum NotAnObject {
    /// This member stands twice.
    Duplicate(String),
    /// No JSON object at all.
    Other,
}

/// Reads a JSON object whose members are unique (RFC 7519, section 4: a claim name occurs once).
pub fn unique_object(bytes: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut duplicate = None;
    let visitor = Unique { duplicate: &mut duplicate };
    let read = reader.deserialize_map(visitor).and_then(|map| reader.end().map(|()| map));
    read.map_err(|_| duplicate.map_or(NotAnObject::Other, NotAnObject::Duplicate))
}

struct Unique<'a> {
    duplicate: &'a mut Option<String>,
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            match map.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(taken) => {
                    *self.duplicate = Some(taken.key().clone());
                    return Err(de::Error::custom("duplicate member"));
                }
            };
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn rude_texts_are_refused_with_a_reason() {
        let crit = token(r#"{"alg":"HS256","crit":[]}"#, "{}");
        let number = token(r#"{"alg":5}"#, "{}");
        let kid = token(r#"{"alg":"HS256","kid":5}"#, "{}");
        let array = token("[]", "{}");
        let long = "a".repeat(MAX_TOKEN + 1);
        let four = format!("{}.x", token(r#"{"alg":"HS256"}"#, "{}"));
        let padded = format!("{}=.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#));
        for text in ["", ".", "..", "a.b.c", "a.b", &crit, &number, &kid, &array, &long, &four, &padded] {
            assert!(matches!(Parsed::new(text), Err(Refusal::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        let header = token(r#"{"alg":"HS256","alg":"none"}"#, "{}");
        assert_eq!(Parsed::new(&header).unwrap_err(), Refusal::Duplicate("alg".into()));
        let payload = token(r#"{"alg":"HS256"}"#, r#"{"exp":1,"exp":2}"#);
        assert_eq!(Parsed::new(&payload).unwrap().claims().unwrap_err(), Refusal::Duplicate("exp".into()));
        let escaped = token(r#"{"alg":"HS256"}"#, r#"{"exp":1,"e\u0078p":2}"#);
        assert_eq!(Parsed::new(&escaped).unwrap().claims().unwrap_err(), Refusal::Duplicate("exp".into()));
    }

    #[test]
    fn stray_bits_make_the_text_non_canonical() {
        // "e30" is `{}`; "e31" differs only in bits that a lax decoder drops.
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let text = format!("{header}.e31.c2ln");
        assert!(Parsed::new(&text).unwrap().claims().is_err());
    }
}
