//! How much memory an entry takes: claims in JSON can take many times their text.

use serde_json::{Map, Value};

use super::{Entry, Known};
use crate::Claims;

/// What the allocator and an index add to each member of an object.
const OVERHEAD: usize = 40;

/// The bytes that an entry for this token takes, to within a third.
pub(super) fn of(token: &str, known: &Known) -> usize {
    let kid = known.kid.as_deref().map_or(0, str::len);
    size_of::<Entry>() + size_of::<Claims>() + token.len() + kid + members(known.claims.as_map())
}

fn members(map: &Map<String, Value>) -> usize {
    let each = size_of::<(String, Value)>() + OVERHEAD;
    map.iter().map(|(name, value)| each + name.len() + behind(value)).sum()
}

/// What lies behind a value.
fn behind(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        // A list grows by doubling.
        Value::Array(list) => list.iter().map(|value| 2 * size_of::<Value>() + behind(value)).sum(),
        Value::Object(map) => members(map),
    }
}
