//! What `serve` prints once it answers: addresses, and a tour that works as pasted.

use std::{
    io::{self, Write},
    path::Path,
};

use shared::http::server::Bound;

pub(crate) fn print(bound: &Bound, data: &Path, out: &mut dyn Write) -> io::Result<()> {
    let program = quoted(std::env::args().next().unwrap_or_else(|| "tessera".to_owned()));
    let (base, data) = (format!("http://{}", bound.address), quoted(data.display().to_string()));
    writeln!(out, "listening on {base}")?;
    writeln!(out, "management on http://{}", bound.management_address)?;
    write!(
        out,
        r#"
Make the first user (without flags it asks):
  echo change-me-Pa55 | {program} createsuperuser --data {data} --username admin --email admin@example.org --password-stdin
Then, as pasted:
  curl -i {base}/api/v1/organization/
  ACCESS=$(curl -s {base}/api/v1/user/token/ -d username=admin -d password=change-me-Pa55 | cut -d'"' -f8)
  curl -s {base}/api/v1/organization/ -H "Authorization: Bearer $ACCESS" -d name=Acme -d is_active=true
"#
    )
}

/// A word that a shell takes as it is.
fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
