//! What the command `config` prints.

use std::io::{self, Write};

use super::Listing;

/// Prints settings: `NAME=value  (source)`, or a JSON array.
pub fn print_listings(listings: &[Listing], json: bool, out: &mut dyn Write) -> io::Result<()> {
    let settings: Vec<_> = listings.iter().flat_map(|listing| &listing.0).collect();
    if json {
        serde_json::to_writer_pretty(&mut *out, &settings)?;
        return writeln!(out);
    }
    for setting in settings {
        let value = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        let source = serde_json::to_value(setting.source)?;
        writeln!(out, "{}={value}  ({})", setting.name, source.as_str().unwrap_or_default())?;
    }
    Ok(())
}
