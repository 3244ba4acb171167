//! `audit verify`: is the record of changes what was recorded? It names the first record that is not.
//!
//! [`Chain`] holds the rules; [`database`] and [`export`] bring the records. What it cannot see: records
//! made anew after the last seal, a moment ago; and a whole database put back to an earlier day, which an
//! export kept elsewhere shows.

mod chain;
pub mod database;
pub mod export;
#[cfg(test)]
mod tests;

use std::fmt;

use shared::DbError;

use crate::store::organizations::OrgId;

pub use chain::Chain;

/// The first thing that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("organization {org_id}, record {seq}: {wrong}")]
pub struct Fault {
    /// The organization.
    pub org_id: OrgId,
    /// The place of the first bad record; of those that a seal shows, the first that can be bad.
    pub seq: i64,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A record is not there, and one behind it is.
    #[error("missing: the next one is {next}")]
    Missing {
        /// The place of the record that is there instead.
        next: i64,
    },
    /// A record is where none belongs.
    #[error("not in its place")]
    Misplaced,
    /// The digest is not that of the record.
    #[error("changed: its digest is another one")]
    Changed,
    /// The record cannot be read.
    #[error("cannot be read")]
    Unreadable,
    /// Records at the end are not there.
    #[error("missing: there were {recorded} records")]
    CutOff {
        /// How many there were.
        recorded: i64,
    },
    /// There are more records than were recorded.
    #[error("nothing was recorded here: there were {recorded} records")]
    Excess {
        /// How many there were.
        recorded: i64,
    },
    /// The last digest is not the one that the organization has.
    #[error("changed: it is not how the records end")]
    OtherEnd,
    /// There are records or seals, and no organization.
    #[error("its organization is not there")]
    NoOrganization,
    /// A seal covers other records than these.
    #[error("changed, or a record up to {last_seq}: seal {number} is over other ones")]
    OtherRecords {
        /// The seal's number.
        number: i64,
        /// The last record that the seal covers.
        last_seq: i64,
    },
    /// A seal is not there.
    #[error("seal {number} is missing")]
    SealMissing {
        /// Its number.
        number: i64,
    },
    /// A seal cannot be read.
    #[error("seal {number} cannot be read")]
    SealUnreadable {
        /// Its number.
        number: i64,
    },
    /// A seal does not stand behind the last record that it covers.
    #[error("seal {number} is not in its place")]
    SealMisplaced {
        /// Its number.
        number: i64,
    },
    /// A seal was not made under the key that it names.
    #[error("seal {number} is forged")]
    SealForged {
        /// Its number.
        number: i64,
    },
    /// The key of a seal is not among those given.
    #[error("seal {number} is under a key that is not in ORG_AUDIT_KEY")]
    SealUnderUnknownKey {
        /// Its number.
        number: i64,
    },
    /// A seal without a key follows one with a key, or is the last one although there is a key.
    #[error(
        "seal {number} is under no key: anybody can have made it (`audit seal` makes one under ORG_AUDIT_KEY)"
    )]
    SealUnderNoKey {
        /// Its number.
        number: i64,
    },
}

/// Why it cannot be said that all is well.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// There is no such organization.
    #[error("there is no organization {0}")]
    UnknownOrganization(OrgId),
    /// The file cannot be read.
    #[error("the export cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// The file is no export, or no longer one.
    #[error("line {line} of the export: {what}")]
    Line {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What was found in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Organizations.
    pub organizations: u64,
    /// Organizations that are being purged, whose records go one after the other.
    pub purging: u64,
    /// Records.
    pub records: u64,
    /// Records that no seal covers yet.
    pub unsealed: u64,
    /// Seals that prove that nobody without the key has changed what they cover.
    pub proven: u64,
    /// Seals without a key.
    pub plain: u64,
    /// Seals under a key, while none was given.
    pub unchecked: u64,
}

impl Counts {
    /// These and others.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            organizations: self.organizations + other.organizations,
            purging: self.purging + other.purging,
            records: self.records + other.records,
            unsealed: self.unsealed + other.unsealed,
            proven: self.proven + other.proven,
            plain: self.plain + other.plain,
            unchecked: self.unchecked + other.unchecked,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organizations, purging, records, unsealed, proven, plain, unchecked } = self;
        write!(f, "{records} records of {organizations} organizations are as they were recorded; ")?;
        write!(f, "seals: {proven} proven, {plain} without a key, {unchecked} not checked; ")?;
        write!(f, "{unsealed} records not sealed yet")?;
        if *purging > 0 {
            write!(f, "; {purging} organizations are being purged")?;
        }
        Ok(())
    }
}
