//! What can be done to the rows, and what shall be named then.

use std::ops::RangeInclusive;

use diesel::prelude::*;
use proptest::prelude::{Just, Strategy, any};
use shared::{DbConnection, Timestamp};

use crate::{
    record,
    schema::{audit, audit_seals, organizations as table},
    seal::AuditKeys,
    store::{
        audit::{Filter, Record, insert, list_within},
        organizations::{self, OrgId},
        seals::{self, Seal},
    },
};

/// Records, of which the seals cover up to these.
pub(super) const RECORDS: i64 = 30;
pub(super) const SEALED: [i64; 3] = [7, 8, 25];

/// The records that can be bad if the seal over this one is not right, of those up to it.
fn batch(seq: i64) -> RangeInclusive<i64> {
    let last = SEALED.into_iter().find(|last| *last >= seq).unwrap();
    let first = SEALED.into_iter().rev().find(|last| *last < seq).unwrap_or(0) + 1;
    first..=last
}

/// What is done to the rows.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    /// A field of a record, by its number.
    Field(i64, usize),
    /// A record goes.
    Delete(i64),
    /// Two records change places.
    Swap(i64, i64),
    /// A record goes somewhere else.
    Renumber(i64, i64),
    /// All from this one on go.
    Cut(i64),
    /// The same, and the organization says so.
    CutAndSaySo(i64),
    /// A record is forged, and everything behind it computed anew.
    Recompute(i64),
    /// The same, and seals are over the new digests.
    RecomputeWithSeals(i64),
    /// The same, and seals are made anew, without the key.
    RecomputeAndSeal(i64),
    /// A record is added that nobody made.
    Add,
    /// A field of a seal, by its number.
    Seal(i64, usize),
    /// A seal goes.
    DeleteSeal(i64),
    /// What the organization says of its end.
    End(usize),
}

/// How many fields records, seals and ends have.
const FIELDS: usize = 10;
const SEAL_FIELDS: usize = 5;
const ENDS: usize = 4;

pub(super) fn damages() -> impl Strategy<Value = Damage> {
    let seq = || 1..=RECORDS;
    let sealed = || 1..=SEALED[2];
    let two = (seq(), seq()).prop_filter("two of them", |(one, other)| one < other);
    let number = || 1..=3_i64;
    proptest::prop_oneof![
        6 => (seq(), 0..FIELDS).prop_map(|(seq, field)| Damage::Field(seq, field)),
        2 => seq().prop_map(Damage::Delete),
        2 => two.prop_map(|(one, other)| Damage::Swap(one, other)),
        2 => (seq(), any::<bool>()).prop_map(|(seq, up)| Damage::Renumber(seq, if up { RECORDS + 5 } else { 0 })),
        1 => seq().prop_map(Damage::Cut),
        1 => sealed().prop_map(Damage::CutAndSaySo),
        2 => sealed().prop_map(Damage::Recompute),
        2 => sealed().prop_map(Damage::RecomputeWithSeals),
        2 => sealed().prop_map(Damage::RecomputeAndSeal),
        1 => Just(Damage::Add),
        3 => (number(), 0..SEAL_FIELDS).prop_map(|(number, field)| Damage::Seal(number, field)),
        1 => number().prop_map(Damage::DeleteSeal),
        1 => (0..ENDS).prop_map(Damage::End),
    ]
}

impl Damage {
    /// The place that may be named.
    pub(super) fn named(&self) -> RangeInclusive<i64> {
        match *self {
            Self::Renumber(_, 0) => 0..=0,
            Self::Field(seq, _)
            | Self::Delete(seq)
            | Self::Swap(seq, _)
            | Self::Renumber(seq, _)
            | Self::Cut(seq)
            | Self::CutAndSaySo(seq) => seq..=seq,
            Self::Recompute(seq) | Self::RecomputeWithSeals(seq) | Self::RecomputeAndSeal(seq) => {
                *batch(seq).start()..=seq
            }
            Self::Add => RECORDS + 1..=RECORDS + 1,
            Self::Seal(number, _) => 1..=SEALED[usize::try_from(number).unwrap() - 1] + 1,
            Self::DeleteSeal(_) => 1..=SEALED[2] + 1,
            Self::End(_) => SEALED[2]..=RECORDS + 1,
        }
    }

    pub(super) fn inflict(&self, conn: &mut DbConnection, id: OrgId) -> QueryResult<usize> {
        let of = |seq: i64| audit::table.find((id, seq));
        let all = audit::table.filter(audit::org_id.eq(id));
        match *self {
            Self::Field(seq, field) => flip(conn, id, seq, field),
            Self::Delete(seq) => diesel::delete(of(seq)).execute(conn),
            Self::Swap(one, other) => {
                for (from, to) in [(one, -1), (other, one), (-1, other)] {
                    assert_eq!(diesel::update(of(from)).set(audit::seq.eq(to)).execute(conn)?, 1);
                }
                Ok(2)
            }
            Self::Renumber(seq, to) => diesel::update(of(seq)).set(audit::seq.eq(to)).execute(conn),
            Self::Cut(seq) => diesel::delete(all.filter(audit::seq.ge(seq))).execute(conn),
            Self::CutAndSaySo(seq) => {
                diesel::delete(all.filter(audit::seq.ge(seq))).execute(conn)?;
                let last = of(seq - 1).select(audit::hash).first::<Vec<u8>>(conn).optional()?;
                let end = (table::audit_seq.eq(seq - 1), table::audit_hash.eq(last));
                diesel::update(table::table.find(id)).set(end).execute(conn)
            }
            Self::Recompute(seq) => recompute(conn, id, seq),
            Self::RecomputeWithSeals(seq) => recompute(conn, id, seq).and_then(|_| move_seals(conn, id)),
            Self::RecomputeAndSeal(seq) => {
                recompute(conn, id, seq)?;
                move_seals(conn, id)?;
                seal_without_key(conn, id, *batch(seq).end())
            }
            Self::Add => {
                let last: Record = of(RECORDS).select(Record::as_select()).first(conn)?;
                let forged = Record { seq: RECORDS + 1, ..last.clone() };
                let hash = record::hash(&forged, &last.hash);
                insert(conn, &Record { hash, ..forged })
            }
            Self::Seal(number, field) => flip_seal(conn, id, number, field),
            Self::DeleteSeal(number) => diesel::delete(audit_seals::table.find((id, number))).execute(conn),
            Self::End(field) => {
                let row = diesel::update(table::table.find(id));
                match field {
                    0 => row.set(table::audit_seq.eq(RECORDS + 1)).execute(conn),
                    1 => row.set(table::audit_seq.eq(RECORDS - 1)).execute(conn),
                    2 => row.set(table::audit_hash.eq(None::<Vec<u8>>)).execute(conn),
                    _ => row.set(table::audit_sealed_seq.eq(0)).execute(conn),
                }
            }
        }
    }
}

fn flip(conn: &mut DbConnection, id: OrgId, seq: i64, field: usize) -> QueryResult<usize> {
    let is: Record = audit::table.find((id, seq)).select(Record::as_select()).first(conn)?;
    let row = diesel::update(audit::table.find((id, seq)));
    let other = |text: Option<String>| text.map_or_else(|| Some("{}".to_owned()), |_| None);
    match field {
        0 => row.set(audit::org_id.eq(OrgId::from_uuid(uuid::Uuid::from_u128(7)))).execute(conn),
        1 => row.set(audit::at.eq(is.at.after(std::time::Duration::from_micros(1)))).execute(conn),
        2 => row.set(audit::actor.eq(format!("{}x", is.actor))).execute(conn),
        3 => row.set(audit::as_superuser.eq(!is.as_superuser)).execute(conn),
        4 => row.set(audit::action.eq("member.removed")).execute(conn),
        5 => row.set(audit::target.eq("")).execute(conn),
        6 => row.set(audit::before.eq(other(is.before))).execute(conn),
        7 => row.set(audit::after.eq(other(is.after))).execute(conn),
        8 => row.set(audit::request_id.eq("")).execute(conn),
        _ => row.set(audit::hash.eq(flipped(is.hash))).execute(conn),
    }
}

fn flip_seal(conn: &mut DbConnection, id: OrgId, number: i64, field: usize) -> QueryResult<usize> {
    let is: Seal = audit_seals::table.find((id, number)).select(Seal::as_select()).first(conn)?;
    let row = diesel::update(audit_seals::table.find((id, number)));
    match field {
        0 => row.set(audit_seals::last_seq.eq(is.last_seq + 1)).execute(conn),
        1 => row.set(audit_seals::hash.eq(flipped(is.hash))).execute(conn),
        2 => row.set(audit_seals::sealed_at.eq(Timestamp::EPOCH)).execute(conn),
        3 => row.set(audit_seals::key_id.eq("")).execute(conn),
        _ => row.set(audit_seals::seal.eq(flipped(is.seal))).execute(conn),
    }
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[3] ^= 8;
    bytes
}

/// Somebody else did it, says the record now, and every digest agrees.
fn recompute(conn: &mut DbConnection, id: OrgId, from: i64) -> QueryResult<usize> {
    let all = list_within(conn, id, &Filter::default(), (0, RECORDS), RECORDS)?;
    let mut previous = record::BEGINNING.to_vec();
    for mut record in all {
        if record.seq == from {
            "nobody".clone_into(&mut record.actor);
        }
        let hash = record::hash(&record, &previous);
        let change = (audit::actor.eq(record.actor), audit::hash.eq(&hash));
        diesel::update(audit::table.find((id, record.seq))).set(change).execute(conn)?;
        previous = hash;
    }
    organizations::keep_audit_hash(conn, id, &previous)
}

/// Seals say that they are over the digests that are there now.
fn move_seals(conn: &mut DbConnection, id: OrgId) -> QueryResult<usize> {
    for last in SEALED {
        let hash: Vec<u8> = audit::table.find((id, last)).select(audit::hash).first(conn)?;
        let of = audit_seals::table.filter(audit_seals::org_id.eq(id)).filter(audit_seals::last_seq.eq(last));
        diesel::update(of).set(audit_seals::hash.eq(hash)).execute(conn)?;
    }
    Ok(SEALED.len())
}

/// Seals from this record on are made anew by somebody who has no key.
fn seal_without_key(conn: &mut DbConnection, id: OrgId, from: i64) -> QueryResult<usize> {
    let mut previous: Option<Seal> = None;
    for mut seal in seals::list(conn, id, 0, 10)? {
        if seal.last_seq >= from {
            seal = AuditKeys::default().seal(seal, previous.as_ref());
            let change = (audit_seals::key_id.eq(&seal.key_id), audit_seals::seal.eq(&seal.seal));
            diesel::update(audit_seals::table.find((id, seal.number))).set(change).execute(conn)?;
        }
        previous = Some(seal);
    }
    Ok(1)
}
