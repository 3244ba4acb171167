//! [`Draft`]: the claims of a token that is about to be signed.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Claims in the order in which they will stand. There are a dozen, mostly of another token: they are borrowed, and
/// found by looking at each.
pub(super) struct Draft<'a>(Vec<(&'a str, Cow<'a, Value>)>);

/// As many as our own tokens have, and a few.
const USUAL: usize = 20;

impl<'a> Draft<'a> {
    /// Begins with these.
    pub(super) fn of(claims: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut draft = Self(Vec::with_capacity(USUAL));
        claims.into_iter().for_each(|(name, value)| draft.copy(name, value));
        draft
    }

    /// Whether there is such a claim.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    /// Says so in the place of the claim of this name, or behind all others.
    pub(super) fn set(&mut self, name: &'a str, value: impl Into<Value>) {
        self.put(name, Cow::Owned(value.into()));
    }

    /// The same with another token's value.
    pub(super) fn copy(&mut self, name: &'a str, value: &'a Value) {
        self.put(name, Cow::Borrowed(value));
    }

    fn put(&mut self, name: &'a str, value: Cow<'a, Value>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, said)) => *said = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Serialize for Draft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_keeps_its_place() {
        let (one, two) = (json!(1), json!("two"));
        let mut draft = Draft::of([("a", &one), ("b", &two)]);
        draft.set("a", "new");
        draft.set("c", true);
        draft.copy("d", &one);
        assert!(draft.has("d") && !draft.has("e"));
        assert_eq!(serde_json::to_string(&draft).unwrap(), r#"{"a":"new","b":"two","c":true,"d":1}"#);
    }
}
