//! [`Chain`]: the records of one organization, held to each other and to their seals. Pure.

use super::{Counts, Fault, Wrong};
use crate::{
    record::{self, BEGINNING},
    seal::{AuditKeys, Verdict},
    store::{audit::Record, organizations::OrgId, seals::Seal},
};

/// Records as far as they have been seen. They come in their order, each seal behind the last record that
/// it covers.
#[derive(Debug)]
pub struct Chain<'a> {
    org_id: OrgId,
    keys: &'a AuditKeys,
    last: i64,
    hash: Vec<u8>,
    seal: Option<Seal>,
    counts: Counts,
}

/// Where the records are said to end.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The place of the last record.
    pub seq: i64,
    /// Its digest.
    pub hash: Option<&'a [u8]>,
    /// The last record that a seal covers.
    pub sealed_seq: i64,
}

impl<'a> Chain<'a> {
    /// Nothing has been seen yet.
    #[must_use]
    pub fn new(org_id: OrgId, keys: &'a AuditKeys) -> Self {
        let counts = Counts { organizations: 1, ..Counts::default() };
        Self { org_id, keys, last: 0, hash: BEGINNING.to_vec(), seal: None, counts }
    }

    /// The place of the last record seen.
    #[must_use]
    pub const fn last(&self) -> i64 {
        self.last
    }

    /// The number of the last seal seen.
    #[must_use]
    pub fn last_seal(&self) -> i64 {
        self.seal.as_ref().map_or(0, |seal| seal.number)
    }

    /// That this is wrong.
    #[must_use]
    pub const fn fault(&self, seq: i64, wrong: Wrong) -> Fault {
        Fault { org_id: self.org_id, seq, wrong }
    }

    /// The next record.
    pub fn record(&mut self, record: &Record) -> Result<(), Fault> {
        let place = self.last + 1;
        if record.seq > place {
            return Err(self.fault(place, Wrong::Missing { next: record.seq }));
        }
        if record.seq < place || record.org_id != self.org_id {
            return Err(self.fault(record.seq, Wrong::Misplaced));
        }
        if record::hash(record, &self.hash) != record.hash {
            return Err(self.fault(place, Wrong::Changed));
        }
        self.hash.clone_from(&record.hash);
        self.last = place;
        self.counts.records += 1;
        Ok(())
    }

    /// The next seal.
    pub fn seal(&mut self, seal: &Seal) -> Result<(), Fault> {
        let Seal { number, last_seq, .. } = *seal;
        let covered = self.seal.as_ref().map_or(0, |seal| seal.last_seq);
        let first = (covered + 1).min(self.last).max(1);
        if number != self.last_seal() + 1 {
            return Err(self.fault(first, Wrong::SealMissing { number: self.last_seal() + 1 }));
        }
        if last_seq > self.last {
            return Err(self.fault(self.last + 1, Wrong::SealMisplaced { number }));
        }
        if last_seq != self.last || self.last == 0 {
            return Err(self.fault(first, Wrong::SealMisplaced { number }));
        }
        if seal.hash != self.hash {
            return Err(self.fault(first, Wrong::OtherRecords { number, last_seq }));
        }
        let keyless_before = self.seal.as_ref().is_none_or(|seal| seal.key_id.is_empty());
        match self.keys.judge(seal, self.seal.as_ref()) {
            Verdict::Proven => self.counts.proven += 1,
            Verdict::Unchecked => self.counts.unchecked += 1,
            Verdict::Plain if keyless_before => self.counts.plain += 1,
            Verdict::Plain => return Err(self.fault(first, Wrong::SealUnderNoKey { number })),
            Verdict::UnknownKey => return Err(self.fault(first, Wrong::SealUnderUnknownKey { number })),
            Verdict::Wrong => return Err(self.fault(first, Wrong::SealForged { number })),
        }
        self.seal = Some(seal.clone());
        Ok(())
    }

    /// There is no more.
    pub fn end(mut self, end: End<'_>) -> Result<Counts, Fault> {
        let recorded = end.seq;
        if self.last < recorded {
            return Err(self.fault(self.last + 1, Wrong::CutOff { recorded }));
        }
        if self.last > recorded {
            return Err(self.fault(recorded + 1, Wrong::Excess { recorded }));
        }
        if end.hash.unwrap_or(&BEGINNING) != self.hash {
            return Err(self.fault(self.last, Wrong::OtherEnd));
        }
        let covered = self.seal.as_ref().map_or(0, |seal| seal.last_seq);
        if end.sealed_seq != covered {
            let number = self.last_seal() + 1;
            return Err(self.fault((covered + 1).min(self.last), Wrong::SealMissing { number }));
        }
        // Without a key are all or none behind the first with one, so here it is all.
        if let Some(seal) = self.seal.as_ref().filter(|seal| seal.key_id.is_empty())
            && !self.keys.is_empty()
        {
            return Err(self.fault(1, Wrong::SealUnderNoKey { number: seal.number }));
        }
        self.counts.unsealed = u64::try_from(self.last - covered).unwrap_or(0);
        Ok(self.counts)
    }
}
