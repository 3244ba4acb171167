//! Organizations begin: each with its owner, the first record of its audit and the seal under that.
//!
//! Those that come at the same time begin together, on PostgreSQL by one statement that is prepared once on each
//! connection: one round trip and one commit for all of them, where each would take eight and one of its own.

use std::collections::HashSet;

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::Error,
    sql_types::{Array, Binary, Bool, Nullable, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::{
        Batcher,
        types::{Id, Instant},
    },
};

use super::{OrgId, Organization, Row};
use crate::{
    policy::OWNER,
    schema::organizations,
    search::fold,
    store::{
        audit::{self, Record},
        memberships::{self, Membership},
        seals::{self, Seal},
    },
};

/// What an organization begins with. Its owner is the actor of the record.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The organization.
    pub organization: Organization,
    /// That it was created.
    pub record: Record,
    /// Covers the record.
    pub seal: Seal,
}

/// Begins organizations, many at a time; false for one whose name or slug is taken.
pub type Creations = Batcher<Beginning, bool>;

/// Begins one, in a transaction; false if its name or slug is taken.
pub fn create(conn: &mut DbConnection, beginning: &Beginning) -> QueryResult<bool> {
    match conn {
        DbConnection::Postgres(pg) => Ok(!insert(pg, std::slice::from_ref(beginning))?.is_empty()),
        DbConnection::Sqlite(_) => create_on_sqlite(conn, beginning),
    }
}

/// Begins many: all that can begin, or none if there is an error.
pub fn create_together(conn: &mut DbConnection, beginnings: &[Beginning]) -> QueryResult<Vec<bool>> {
    let pg = match conn {
        DbConnection::Postgres(pg) => pg,
        DbConnection::Sqlite(_) => {
            return conn.write_transaction(|conn| beginnings.iter().map(|one| create(conn, one)).collect());
        }
    };
    let made = match insert(pg, beginnings) {
        // Of two batches that want the same names and slugs the other way about, one is sacrificed.
        Err(Error::DatabaseError(..)) if beginnings.len() > 1 => insert(pg, beginnings)?,
        done => done?,
    };
    Ok(beginnings.iter().map(|one| made.contains(&one.organization.id)).collect())
}

fn create_on_sqlite(conn: &mut DbConnection, beginning: &Beginning) -> QueryResult<bool> {
    let Beginning { organization, record, seal } = beginning;
    let row = Row::of(organization.clone(), record.actor.clone());
    let audited = (
        organizations::audit_seq.eq(record.seq),
        organizations::audit_hash.eq(record.hash.clone()),
        organizations::audit_sealed_seq.eq(seal.last_seq),
    );
    let made = shared::each_engine!(conn => diesel::insert_into(organizations::table)
        .values((row, audited))
        .on_conflict_do_nothing()
        .execute(conn))?;
    if made == 0 {
        return Ok(false);
    }
    let owner = Membership {
        org_id: organization.id,
        user_id: record.actor.clone(),
        role: OWNER.to_owned(),
        created_at: organization.created_at,
        updated_at: organization.created_at,
    };
    memberships::insert(conn, owner)?;
    audit::insert(conn, record)?;
    seals::insert(conn, seal.clone())?;
    Ok(true)
}

fn insert(pg: &mut PgConnection, beginnings: &[Beginning]) -> QueryResult<HashSet<OrgId>> {
    let made: Vec<OrgId> = Together::of(beginnings).load(pg)?;
    Ok(made.into_iter().collect())
}

/// What they begin with, a column of it each: see [`ASKED`] for the order.
struct Together<'a> {
    id: Vec<OrgId>,
    texts: [Vec<&'a str>; 8],
    keys: [Vec<String>; 2],
    maybe: [Vec<Option<&'a str>>; 3],
    is_active: Vec<bool>,
    at: Vec<Timestamp>,
    bytes: [Vec<&'a [u8]>; 2],
}

impl<'a> Together<'a> {
    fn of(beginnings: &'a [Beginning]) -> Self {
        Self {
            id: each(beginnings, |it| it.organization.id),
            texts: [
                each(beginnings, |it| it.organization.name.as_str()),
                each(beginnings, |it| it.organization.description.as_str()),
                each(beginnings, |it| it.organization.address.as_str()),
                each(beginnings, |it| it.organization.website.as_str()),
                each(beginnings, |it| it.record.actor.as_str()),
                each(beginnings, |it| it.record.action.as_str()),
                each(beginnings, |it| it.record.request_id.as_str()),
                each(beginnings, |it| it.seal.key_id.as_str()),
            ],
            keys: [
                each(beginnings, |it| fold(&it.organization.name)),
                each(beginnings, |it| fold(&it.organization.description)),
            ],
            maybe: [
                each(beginnings, |it| it.organization.email.as_deref()),
                each(beginnings, |it| it.organization.slug.as_deref()),
                each(beginnings, |it| it.record.after.as_deref()),
            ],
            is_active: each(beginnings, |it| it.organization.is_active),
            at: each(beginnings, |it| it.organization.created_at),
            bytes: [
                each(beginnings, |it| it.record.hash.as_slice()),
                each(beginnings, |it| it.seal.seal.as_slice()),
            ],
        }
    }
}

fn each<'a, T>(beginnings: &'a [Beginning], what: impl Fn(&'a Beginning) -> T) -> Vec<T> {
    beginnings.iter().map(what).collect()
}

impl QueryId for Together<'_> {
    type QueryId = Together<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Together<'_> {
    type SqlType = Id;
}

impl<Conn> RunQueryDsl<Conn> for Together<'_> {}

const ASKED: &str = "asked (id, name, description, address, website, actor, action, request_id, key_id, \
     name_key, description_key, email, slug, after, is_active, at, hash, seal)";

/// Every beginning is the first version, with one member, one record and one seal. Names are taken in their
/// order, and users after them, so that of two batches one waits for the other and not both.
const BEGIN: &str = "made AS (INSERT INTO organizations (id, name, name_key, description, description_key, \
     address, website, email, is_active, created_by, created_at, updated_at, version, slug, membership_version, \
     audit_seq, audit_hash, audit_sealed_seq) \
     SELECT id, name, name_key, description, description_key, \
     address, website, email, is_active, actor, at, at, 1, slug, 1, 1, hash, 1 FROM asked ORDER BY name \
     ON CONFLICT DO NOTHING RETURNING id), \
     begun AS (SELECT asked.* FROM asked JOIN made ON made.id = asked.id), \
     expected AS (INSERT INTO profiles (user_id, username, username_key, email, first_name, last_name, is_active, \
     fetched_at) SELECT DISTINCT actor, '', '', '', '', '', FALSE, TIMESTAMPTZ 'epoch' FROM begun ORDER BY actor \
     ON CONFLICT DO NOTHING), \
     owners AS (INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) \
     SELECT id, actor, 'owner', at, at FROM begun), \
     records AS (INSERT INTO audit (org_id, seq, at, actor, as_superuser, action, target, before, after, \
     request_id, hash) SELECT id, 1, at, actor, FALSE, action, '', NULL, after, request_id, hash FROM begun), \
     seals AS (INSERT INTO audit_seals (org_id, number, last_seq, hash, sealed_at, key_id, seal) \
     SELECT id, 1, 1, hash, at, key_id, seal FROM begun) \
     SELECT id FROM made";

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH asked AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<Id>, _>(&self.id)?;
        for texts in &self.texts {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(texts)?;
        }
        for keys in &self.keys {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(keys)?;
        }
        for maybe in &self.maybe {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Text>>, _>(maybe)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.is_active)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.at)?;
        for bytes in &self.bytes {
            out.push_sql(", ");
            out.push_bind_param::<Array<Binary>, _>(bytes)?;
        }
        out.push_sql(") AS ");
        out.push_sql(ASKED);
        out.push_sql("), ");
        out.push_sql(BEGIN);
        Ok(())
    }
}
