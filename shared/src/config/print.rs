//! What the command `config` prints.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use serde_json::Value;

use super::Listing;

/// Prints settings: `NAME=value  (source)`, or a JSON array.
pub fn print_listings(listings: &[Listing], json: bool, out: &mut dyn Write) -> io::Result<()> {
    // Two services in one process read some of the same settings.
    let mut seen = BTreeSet::new();
    let settings = listings.iter().flat_map(|listing| &listing.0);
    let settings: Vec<_> = settings.filter(|setting| seen.insert(&setting.name)).collect();
    if json {
        serde_json::to_writer_pretty(&mut *out, &settings)?;
        return writeln!(out);
    }
    for setting in settings {
        let value = match &setting.value {
            Value::Null => String::new(),
            // One line a setting: a PEM text is shown as environment files hold it.
            Value::String(text) => text.replace('\n', "\\n"),
            other => other.to_string(),
        };
        let source = serde_json::to_value(setting.source)?;
        writeln!(out, "{}={value}  ({})", setting.name, source.as_str().unwrap_or_default())?;
    }
    Ok(())
}
