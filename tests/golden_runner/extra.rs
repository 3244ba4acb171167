//! The rules beyond the permitted ones, read from `tests/golden/DEVIATIONS.md`.
//!
//! A row is `| rule | fixture | status | body | reason |`: the fixture by its full name (a `*` at the end
//! stands for any rest), what we answer, with the recordings' placeholders, and why. An empty body cell
//! stands for an empty body.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};

use crate::{deviations::Case, json};

/// The most fixtures all such rules may cover together.
pub(crate) const LIMIT: usize = 10;

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) rule: String,
    pub(crate) fixture: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Extra {
    pub(crate) fn covers(&self, fixture: &str) -> bool {
        match self.fixture.strip_suffix('*') {
            Some(start) => fixture.starts_with(start),
            None => fixture == self.fixture,
        }
    }

    /// Whether this row is about the fixture and says exactly what we answered.
    pub(crate) fn permits(&self, case: &Case, fixture: &str) -> bool {
        let body = (!self.body.is_empty()).then(|| json::parse(&self.body).ok()).flatten();
        let change = |recorded: &mut crate::fixture::Recorded| {
            recorded.status = self.status;
            recorded.empty = self.body.is_empty();
            recorded.body = body;
            recorded.text = None;
            // The row states status and body; the headers are what they are.
            recorded.headers = case.answer.headers.iter().cloned().collect();
        };
        self.covers(fixture) && case.matches(change).is_match()
    }
}

/// The rows of the file; none if there is no file.
pub(crate) fn load(file: &Path) -> anyhow::Result<Vec<Extra>> {
    match fs::read_to_string(file) {
        Ok(text) => parse(&text),
        Err(_) => Ok(Vec::new()),
    }
}

/// The rows of a table under its header and rule.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Extra>> {
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [rule, fixture, status, body, reason] = cells.as_slice() else {
            bail!("five cells are needed: {row}");
        };
        if reason.is_empty() {
            bail!("a deviation needs its reason: {row}");
        }
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        let status = status.parse().with_context(|| format!("a status is needed: {row}"))?;
        Ok(Extra { rule: plain(rule), fixture: plain(fixture), status, body: plain(body) })
    })
    .collect()
}
