//! Adoption: an organization that a release without members has added gets its creator as owner.
//!
//! While this release replaces that one, both run on the same database. The rows of the other are those
//! whose `membership_version` is 0. They are adopted in the background, and by the first change that
//! somebody makes to them, so that none ever goes on without an owner.

#[cfg(test)]
mod tests;

use diesel::QueryResult;
use shared::{Db, DbConnection, DbError, Timestamp};

use crate::{
    policy::OWNER,
    record::{self, BEGINNING},
    store::{
        audit::Record,
        memberships::{self, Membership},
        organizations::{self, OrgId, Taken},
    },
};

/// Organizations looked up by one statement.
const BATCH: i64 = 100;

/// Adopts every organization that waits for it.
pub async fn adopt_all(db: &Db, now: Timestamp) -> Result<(), DbError> {
    loop {
        let found = db.read(|conn| organizations::list_unowned(conn, BATCH)).await?;
        if found.is_empty() {
            return Ok(());
        }
        for id in found {
            if db.transaction(move |conn| adopt(conn, id, now)).await? {
                tracing::info!(org.id = %id, "an organization of the release before has got its owner");
            }
        }
    }
}

/// Adopts an organization, unless it has been by now; says whether it did.
fn adopt(conn: &mut DbConnection, id: OrgId, now: Timestamp) -> QueryResult<bool> {
    let Some(taken) = organizations::take_unowned(conn, id)? else { return Ok(false) };
    give_owner(conn, id, &taken, now)?;
    Ok(true)
}

/// Takes the organization's row as [`organizations::take`] does, adopting it first if need be.
pub fn take(conn: &mut DbConnection, id: OrgId, now: Timestamp) -> QueryResult<Option<Taken>> {
    match organizations::take(conn, id)? {
        Some(taken) if taken.membership_version == 0 => {
            give_owner(conn, id, &taken, now)?;
            organizations::take(conn, id)
        }
        taken => Ok(taken),
    }
}

/// Makes the creator the owner, in the place that was taken for the record of it.
fn give_owner(conn: &mut DbConnection, id: OrgId, taken: &Taken, now: Timestamp) -> QueryResult<()> {
    let user_id = organizations::begin_membership(conn, id)?;
    let shown = serde_json::json!({"owner": user_id});
    let owner = Membership {
        org_id: id,
        user_id: user_id.clone(),
        role: OWNER.to_owned(),
        created_at: now,
        updated_at: now,
    };
    memberships::insert(conn, owner)?;
    let record = Record {
        org_id: id,
        seq: taken.seq,
        at: now,
        actor: String::new(),
        as_superuser: false,
        action: "organization.adopted".to_owned(),
        target: user_id,
        before: None,
        after: Some(shown.to_string()),
        request_id: String::new(),
        hash: Vec::new(),
    };
    record::append(conn, record, taken.hash.as_deref().unwrap_or(&BEGINNING))
}
