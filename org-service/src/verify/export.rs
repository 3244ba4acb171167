//! Verifies an export, line by line; see [`lines`](crate::lines).

use std::io::BufRead;

use super::{Chain, Counts, VerifyError, chain::End};
use crate::{
    lines::{Head, Line},
    seal::AuditKeys,
    store::organizations::OrgId,
};

/// Verifies an export.
pub fn verify(export: impl BufRead, keys: &AuditKeys) -> Result<Counts, VerifyError> {
    let mut lines = Lines { lines: export.lines(), number: 0 };
    let org_id = match lines.next()? {
        Some(Line::Export(export)) if export.complete => OrgId::from_uuid(export.organization),
        Some(Line::Export(_)) => {
            return Err(lines.complain("a choice of records, which cannot be verified: export all of them"));
        }
        _ => return Err(lines.complain("not the beginning of an export")),
    };
    let mut chain = Chain::new(org_id, keys);
    let mut sealed = (0, None);
    loop {
        match lines.next()? {
            Some(Line::Record(record)) => chain.record(&record.record(org_id))?,
            Some(Line::Seal(seal)) => {
                let seal = seal.seal(org_id);
                chain.seal(&seal)?;
                sealed = (seal.last_seq, Some(seal.seal));
            }
            Some(Line::Head(head)) => return end(lines, chain, &head, sealed),
            Some(Line::Export(_)) => return Err(lines.complain("a second export begins")),
            None => return Err(lines.complain("missing: the export was cut off")),
        }
    }
}

fn end(
    mut lines: Lines<impl BufRead>,
    chain: Chain<'_>,
    head: &Head,
    (sealed_seq, seal): (i64, Option<Vec<u8>>),
) -> Result<Counts, VerifyError> {
    if head.seal.as_ref().map(|seal| &seal.0) != seal.as_ref() {
        return Err(lines.complain("names another seal than the last one"));
    }
    let hash = head.hash.as_ref().map(|hash| hash.0.as_slice());
    let counts = chain.end(End { seq: head.seq, hash, sealed_seq })?;
    match lines.next()? {
        None => Ok(counts),
        Some(_) => Err(lines.complain("stands behind the end")),
    }
}

struct Lines<R> {
    lines: std::io::Lines<R>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Line>, VerifyError> {
        self.number += 1;
        let Some(line) = self.lines.next().transpose()? else { return Ok(None) };
        serde_json::from_str(&line).map(Some).map_err(|_| self.complain("not a line of an export"))
    }

    const fn complain(&self, what: &'static str) -> VerifyError {
        VerifyError::Line { line: self.number, what }
    }
}
