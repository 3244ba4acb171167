//! The digest that binds a record of the audit to all before it.
//!
//! SHA-256 over the digest before it and every field, each text with its length, so that no two records
//! have the same bytes. A record that is changed, left out or moved makes its own digest, or the next
//! one's, wrong.

use aws_lc_rs::digest;

use diesel::QueryResult;
use shared::DbConnection;

use crate::store::{
    audit::{self, Record},
    organizations,
};

/// Before the first record.
pub const BEGINNING: [u8; 32] = [0; 32];

/// The digest of a record behind the one with digest `previous`; the record's own `hash` is not looked at.
#[must_use]
pub fn hash(record: &Record, previous: &[u8]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(record.org_id.uuid().as_bytes());
    context.update(&record.seq.to_be_bytes());
    context.update(&record.at.as_micros().to_be_bytes());
    context.update(&[u8::from(record.as_superuser)]);
    let texts = [&record.actor, &record.action, &record.target, &record.request_id];
    for text in texts.into_iter().map(Some).chain([record.before.as_ref(), record.after.as_ref()]) {
        match text {
            None => context.update(&[0]),
            Some(text) => {
                context.update(&[1]);
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
        }
    }
    context.finish().as_ref().to_vec()
}

/// Adds a record behind the one with digest `previous`. Whoever does so holds the organization's row.
pub fn append(conn: &mut DbConnection, record: Record, previous: &[u8]) -> QueryResult<()> {
    let record = Record { hash: hash(&record, previous), ..record };
    audit::insert(conn, &record)?;
    organizations::keep_audit_hash(conn, record.org_id, &record.hash)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::Timestamp;

    use super::*;
    use crate::store::organizations::OrgId;

    fn record() -> Record {
        Record {
            org_id: OrgId::from_uuid(uuid::Uuid::from_u128(7)),
            seq: 3,
            at: Timestamp::from_micros(1_795_444_848_000_001),
            actor: "1".to_owned(),
            as_superuser: false,
            action: "member.removed".to_owned(),
            target: "2".to_owned(),
            before: Some("{}".to_owned()),
            after: None,
            request_id: "r".to_owned(),
            hash: Vec::new(),
        }
    }

    /// One change to a record.
    type Change = fn(&mut Record);

    #[test]
    fn every_field_counts() {
        let original = hash(&record(), &BEGINNING);
        assert_eq!(original, hash(&Record { hash: vec![1], ..record() }, &BEGINNING));
        assert_ne!(original, hash(&record(), &[1; 32]));
        let changes: [Change; 11] = [
            |r| r.org_id = OrgId::from_uuid(uuid::Uuid::from_u128(8)),
            |r| r.seq = 4,
            |r| r.at = Timestamp::from_micros(1_795_444_848_000_002),
            |r| r.actor = "3".to_owned(),
            |r| r.as_superuser = true,
            |r| r.action = "member.remove".to_owned(),
            |r| r.target = "d2".to_owned(),
            |r| r.before = None,
            |r| r.after = Some(String::new()),
            |r| r.request_id = "s".to_owned(),
            // What one field loses the next one gains.
            |r| (r.actor, r.action) = ("1m".to_owned(), "ember.removed".to_owned()),
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut forged = record();
            change(&mut forged);
            assert_ne!(hash(&forged, &BEGINNING), original, "change {place}");
        }
    }
}
