//! Verifies what is in a database. A service may be writing to it: each organization is read as it was at
//! one moment.

use std::collections::VecDeque;

use diesel::{QueryResult, result::Error};
use shared::{Db, DbConnection};

use super::{Chain, Counts, Fault, VerifyError, Wrong, chain::End};
use crate::{
    seal::AuditKeys,
    store::{
        audit::{self, Filter, Record},
        organizations::{self, OrgId},
        seals::{self, Seal},
    },
};

/// Records and seals in memory at once.
const BATCH: i64 = 500;

/// Verifies every organization, in the order of their ids.
pub async fn verify_all(db: &Db, keys: &AuditKeys) -> Result<Counts, VerifyError> {
    let (mut counts, mut after) = (Counts::default(), OrgId::from_uuid(uuid::Uuid::nil()));
    while let Some(next) = db.read(move |conn| next_organization(conn, after)).await? {
        counts = counts.and(verify(db, next, keys).await?);
        after = next;
    }
    Ok(counts)
}

/// The first organization behind this one, even where only its records are left.
fn next_organization(conn: &mut DbConnection, after: OrgId) -> QueryResult<Option<OrgId>> {
    let found = [
        organizations::next_organization(conn, after)?,
        audit::next_organization(conn, after)?,
        seals::next_organization(conn, after)?,
    ];
    Ok(found.into_iter().flatten().min())
}

/// Verifies one organization.
pub async fn verify(db: &Db, org_id: OrgId, keys: &AuditKeys) -> Result<Counts, VerifyError> {
    let keys = keys.clone();
    let verified = db.read(move |conn| conn.read_transaction(|conn| check(conn, org_id, &keys))).await?;
    verified.ok_or(VerifyError::UnknownOrganization(org_id))?.map_err(VerifyError::from)
}

/// None if there is nothing of this organization.
pub(super) fn check(
    conn: &mut DbConnection,
    org_id: OrgId,
    keys: &AuditKeys,
) -> QueryResult<Option<Result<Counts, Fault>>> {
    let Some(end) = organizations::find_audit_end(conn, org_id)? else {
        let first = audit::first(conn, org_id)?.or(seals::find_last(conn, org_id)?.map(|seal| seal.last_seq));
        return Ok(first.map(|seq| Err(Fault { org_id, seq, wrong: Wrong::NoOrganization })));
    };
    if end.deleted_at.is_some_and(organizations::is_doomed) {
        return Ok(Some(Ok(Counts { purging: 1, ..Counts::default() })));
    }
    let mut chain = Chain::new(org_id, keys);
    let mut reader = Reader { seals: VecDeque::new(), records: BATCH, read_seals: 0 };
    if let Err(fault) = reader.run(conn, org_id, &mut chain)? {
        return Ok(Some(Err(fault)));
    }
    // Records that are missing at the end come first.
    if let Some(seal) = reader.seals.pop_front().filter(|_| chain.last() >= end.seq)
        && let Err(fault) = chain.seal(&seal)
    {
        return Ok(Some(Err(fault)));
    }
    let end = End { seq: end.seq, hash: end.hash.as_deref(), sealed_seq: end.sealed_seq };
    Ok(Some(chain.end(end)))
}

/// Brings records and seals in their order.
struct Reader {
    /// Seals that wait for their record.
    seals: VecDeque<Seal>,
    /// Records to be read at once. 1 once some could not be read, until it is known which.
    records: i64,
    /// The number of the last seal that was read.
    read_seals: i64,
}

impl Reader {
    fn run(
        &mut self,
        conn: &mut DbConnection,
        org_id: OrgId,
        chain: &mut Chain<'_>,
    ) -> QueryResult<Result<(), Fault>> {
        // A record of a place below 1 is none that can be in order, so it comes first.
        let mut after = i64::MIN;
        loop {
            let within = (after, i64::MAX);
            let read = audit::list_within(conn, org_id, &Filter::default(), within, self.records);
            let records = match read {
                Err(Error::DeserializationError(_)) if self.records > 1 => {
                    self.records = 1;
                    continue;
                }
                Err(Error::DeserializationError(_)) => {
                    return Ok(Err(chain.fault(chain.last() + 1, Wrong::Unreadable)));
                }
                read => read?,
            };
            let Some(last) = records.last() else { break };
            after = last.seq;
            let taken = records.iter().map(|record| self.take(conn, record, chain));
            // The first failure or fault ends it.
            if let Err(fault) = taken.collect::<QueryResult<Result<(), Fault>>>()? {
                return Ok(Err(fault));
            }
        }
        // What waits now covers records that are not there.
        self.fill(conn, org_id, chain)
    }

    /// One record, and the seals behind it.
    fn take(
        &mut self,
        conn: &mut DbConnection,
        record: &Record,
        chain: &mut Chain<'_>,
    ) -> QueryResult<Result<(), Fault>> {
        if let Err(fault) = chain.record(record) {
            return Ok(Err(fault));
        }
        loop {
            if let Err(fault) = self.fill(conn, record.org_id, chain)? {
                return Ok(Err(fault));
            }
            let Some(seal) = self.seals.pop_front_if(|seal| seal.last_seq <= record.seq) else {
                return Ok(Ok(()));
            };
            if let Err(fault) = chain.seal(&seal) {
                return Ok(Err(fault));
            }
        }
    }

    /// Reads more seals where none waits.
    fn fill(
        &mut self,
        conn: &mut DbConnection,
        org_id: OrgId,
        chain: &Chain<'_>,
    ) -> QueryResult<Result<(), Fault>> {
        if !self.seals.is_empty() || self.read_seals == i64::MAX {
            return Ok(Ok(()));
        }
        let after = if self.read_seals == 0 { i64::MIN } else { self.read_seals };
        match seals::list(conn, org_id, after, BATCH) {
            Ok(read) => {
                // None left: they are not asked for again behind every record.
                self.read_seals = read.last().map_or(i64::MAX, |seal| seal.number);
                self.seals.extend(read);
                Ok(Ok(()))
            }
            Err(Error::DeserializationError(_)) => {
                let number = chain.last_seal() + 1;
                Ok(Err(chain.fault(chain.last().max(1), Wrong::SealUnreadable { number })))
            }
            Err(error) => Err(error),
        }
    }
}
