//! Seals: what keeps whoever can write the database from writing the record anew.
//!
//! The digests of [`record`](crate::record) can be computed by everybody. So, a moment after a record and with an
//! organization's first, its digest is sealed with HMAC-SHA-256 under `ORG_AUDIT_KEY`, which is not in the database. A seal
//! covers all records up to its own, and the seal before it. Without a key it is a plain digest, which
//! shows accidents and not forgers.

mod keys;

use diesel::QueryResult;
use shared::{Clock, Db, DbConnection, DbError, Timestamp};

use crate::store::{
    audit::Record,
    organizations::{self, OrgId},
    seals::{self, Seal},
};

pub use keys::{AUDIT_KEY, AuditKeys, Verdict};

/// Organizations looked up by one statement.
const BATCH: i64 = 100;

/// Seals the records that no seal covers yet.
pub async fn seal_all(db: &Db, keys: &AuditKeys, now: Timestamp) -> Result<(), DbError> {
    loop {
        let found = db.read(|conn| seals::list_unsealed(conn, BATCH)).await?;
        if found.is_empty() {
            return Ok(());
        }
        for id in found {
            let keys = keys.clone();
            if let Some(seal) = db.transaction(move |conn| seal(conn, id, &keys, now)).await? {
                tell(&seal);
            }
        }
    }
}

/// The line is a witness outside of the database: no seal that was told can be taken back unseen.
pub fn tell(seal: &Seal) {
    let Seal { org_id, number, last_seq, hash, .. } = seal;
    let hash = hex::encode(hash);
    tracing::info!(org.id = %org_id, seal.number = number, audit.seq = last_seq, audit.hash = hash, "an organization's records were sealed");
}

/// The seal under an organization's first record, made as the record is.
#[must_use]
pub fn first(keys: &AuditKeys, record: &Record) -> Seal {
    let hash = Some(record.hash.clone());
    let Record { org_id, seq, at, .. } = *record;
    complete(keys, None, Unsealed { org_id, last_seq: seq, hash, sealed_at: at })
}

/// Seals an organization's records, unless a seal covers them by now.
fn seal(
    conn: &mut DbConnection,
    org_id: OrgId,
    keys: &AuditKeys,
    now: Timestamp,
) -> QueryResult<Option<Seal>> {
    let Some((last_seq, hash)) = seals::take_unsealed(conn, org_id)? else { return Ok(None) };
    let previous = seals::find_last(conn, org_id)?;
    append(conn, keys, previous.as_ref(), Unsealed { org_id, last_seq, hash, sealed_at: now }).map(Some)
}

/// Seals every organization's records under the first key, where the latest seal is not; says of how many.
pub async fn seal_all_anew(db: &Db, keys: &AuditKeys, clock: &Clock) -> Result<u64, DbError> {
    let (mut sealed, mut after) = (0, OrgId::from_uuid(uuid::Uuid::nil()));
    while let Some(id) = db.read(move |conn| organizations::next_organization(conn, after)).await? {
        let (keys, now) = (keys.clone(), clock.now());
        let seal = db.transaction(move |conn| seal_anew(conn, id, &keys, now)).await?;
        seal.as_ref().inspect(|seal| tell(seal));
        sealed += u64::from(seal.is_some());
        after = id;
    }
    Ok(sealed)
}

/// Seals an organization's records under the first key, unless the latest seal is under it.
fn seal_anew(
    conn: &mut DbConnection,
    org_id: OrgId,
    keys: &AuditKeys,
    now: Timestamp,
) -> QueryResult<Option<Seal>> {
    let Some((last_seq, hash)) = seals::take(conn, org_id)? else { return Ok(None) };
    let previous = seals::find_last(conn, org_id)?;
    if previous.as_ref().is_some_and(|seal| seal.last_seq == last_seq && seal.key_id == keys.first_id()) {
        return Ok(None);
    }
    append(conn, keys, previous.as_ref(), Unsealed { org_id, last_seq, hash, sealed_at: now }).map(Some)
}

/// What a seal is to be made of.
struct Unsealed {
    org_id: OrgId,
    last_seq: i64,
    hash: Option<Vec<u8>>,
    sealed_at: Timestamp,
}

/// Whoever does so holds the organization's row.
fn append(
    conn: &mut DbConnection,
    keys: &AuditKeys,
    previous: Option<&Seal>,
    new: Unsealed,
) -> QueryResult<Seal> {
    let seal = complete(keys, previous, new);
    seals::insert(conn, seal.clone())?;
    Ok(seal)
}

fn complete(keys: &AuditKeys, previous: Option<&Seal>, new: Unsealed) -> Seal {
    let seal = Seal {
        org_id: new.org_id,
        number: previous.map_or(0, |seal| seal.number) + 1,
        last_seq: new.last_seq,
        hash: new.hash.unwrap_or_default(),
        sealed_at: new.sealed_at,
        key_id: String::new(),
        seal: Vec::new(),
    };
    keys.seal(seal, previous)
}
