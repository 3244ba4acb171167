//! What roles permit that is too much for tokens is told to validators by the feed: of built-in roles when the
//! service starts, of an organization's own when they are defined.
//!
//! It depends on what the operator has registered, which may change while the service is down. So the
//! catalogue that validators were last told by is kept beside the roles, and a start with another one tells
//! them anew. A crash in between leaves the old one there, and the next start begins from the front: what is
//! told twice only calls in a few tokens more.

#[cfg(test)]
mod tests;

use diesel::QueryResult;
use shared::{
    Db, DbConnection, DbError, Timestamp,
    claims::{EVERY_ORGANIZATION, role_key},
    revocation::Kind,
};
use uuid::Uuid;

use crate::{
    permission::Permissions,
    policy::{BUILT_IN, FITS_SURELY, Policy, Role, fit_a_token},
    store::{
        announcements::{self, Announcement, AnnouncementId},
        catalogue,
        organizations::{self, OrgId},
        roles,
    },
};

/// Organizations looked up by one statement.
const BATCH: i64 = 500;

/// Has validators told what roles permit, as far as they may not know.
pub async fn announce(db: &Db, policy: &Policy, now: Timestamp) -> Result<(), DbError> {
    let registered = policy.catalogue().to_text();
    let told = db.read(catalogue::find).await?;
    if told.as_ref() == Some(&registered) {
        return announce_built_in(db, policy.built_in_for_the_feed(), now).await;
    }
    // One that fits into tokens by now may not have done so before.
    let all = BUILT_IN.iter().filter_map(|name| policy.built_in(name)).collect();
    let built_in = if told.is_some() { all } else { policy.built_in_for_the_feed() };
    announce_built_in(db, built_in, now).await?;
    announce_own(db, policy, told.as_deref().map(Permissions::of_text), now).await?;
    db.write(move |conn| catalogue::keep(conn, &registered, now)).await?;
    Ok(())
}

/// Built-in roles are the same in every organization, so the key names none, and the version is the time, for
/// the settings that say it have none.
async fn announce_built_in(db: &Db, roles: Vec<Role>, now: Timestamp) -> Result<(), DbError> {
    let announcement =
        |role: Role| about(role_key(EVERY_ORGANIZATION, &role.name), now.as_secs(), &role.permissions, now);
    let all: Vec<_> = roles.into_iter().map(announcement).collect();
    if all.is_empty() {
        return Ok(());
    }
    db.transaction(move |conn| all.iter().try_for_each(|one| announcements::insert(conn, one).map(drop)))
        .await
}

/// Roles of organizations that permit something else under this catalogue than under the one told.
async fn announce_own(
    db: &Db,
    policy: &Policy,
    told: Option<Permissions>,
    now: Timestamp,
) -> Result<(), DbError> {
    let (mut after, mut count) = (OrgId::from_uuid(Uuid::nil()), 0);
    let difference = Difference { told, registered: policy.catalogue().clone() };
    loop {
        let found = db.read(move |conn| roles::list_organizations(conn, FITS_SURELY, after, BATCH)).await?;
        let Some(last) = found.last() else { break };
        after = *last;
        for id in found {
            let difference = difference.clone();
            count += db.transaction(move |conn| difference.announce(conn, id, now)).await?;
        }
    }
    if count > 0 {
        tracing::info!(count, "roles permit something else by what is registered; validators are told");
    }
    Ok(())
}

/// Between what validators were told by, if anything, and what is registered now.
#[derive(Debug, Clone)]
struct Difference {
    told: Option<Permissions>,
    registered: Permissions,
}

impl Difference {
    /// Announces an organization's roles that it touches, and calls in the tokens of whoever holds them;
    /// gives how many there are.
    fn announce(&self, conn: &mut DbConnection, id: OrgId, now: Timestamp) -> QueryResult<usize> {
        if self.touched(conn, id)?.is_empty() {
            return Ok(0);
        }
        let Some(version) = organizations::advance_unless_doomed(conn, id)? else { return Ok(0) };
        // Anew, for who changes a role holds the organization's row.
        let touched = self.touched(conn, id)?;
        for (name, permissions) in &touched {
            announcements::insert(conn, &about(role_key(&id.to_string(), name), version, permissions, now))?;
        }
        Ok(touched.len())
    }

    /// The roles it touches, of those that were ever too large for tokens, and what they permit now.
    fn touched(&self, conn: &mut DbConnection, id: OrgId) -> QueryResult<Vec<(String, Permissions)>> {
        let own = roles::list(conn, id, i64::MAX)?.into_iter();
        let defined = own.map(|role| (role.name, Permissions::of_text(&role.permissions)));
        let large = defined.filter(|(_, permissions)| !fit_a_token(permissions));
        let now = large.filter_map(|(name, permissions)| {
            let now = permissions.within(&self.registered);
            let same = self.told.as_ref().is_some_and(|told| permissions.within(told) == now);
            (!same).then_some((name, now))
        });
        Ok(now.collect())
    }
}

fn about(key: String, min_version: i64, permissions: &Permissions, now: Timestamp) -> Announcement {
    Announcement {
        id: AnnouncementId::new(now),
        kind: Kind::Role.as_str().to_owned(),
        key,
        min_version,
        permissions: Some(permissions.to_text()),
        created_at: now,
    }
}
