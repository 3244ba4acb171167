//! [`Profiles`]: what lists of members show of users. The auth service tells of them, in one call per page
//! at most, and this service keeps copies: fresh for five minutes, and shown as they are while the auth
//! service is away. Its absence costs a request a second, and the next ones nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shared::{Clock, Db, DbError, Issuer, Timestamp, issuer};

use crate::{
    search::fold,
    store::profiles::{self, Profile},
};

/// How long a copy is shown without asking.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long a request waits for the auth service.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the auth service is left alone when it did not answer.
const PAUSE: Duration = Duration::from_secs(10);
/// How old a copy gets that nobody looks at: searches find users by it.
const OLDEST: Duration = Duration::from_secs(24 * 3600);
/// Copies renewed in the background by one call: as many as it may ask for.
const BATCH: i64 = 100;
/// Calls in one go.
const BATCHES: usize = 50;

/// Copies of users' profiles. Clones share the pause.
#[derive(Debug, Clone)]
pub struct Profiles {
    db: Db,
    clock: Clock,
    /// None where there is no auth service that would answer.
    issuer: Option<Issuer>,
    failed_at: Arc<Mutex<Option<Timestamp>>>,
}

impl Profiles {
    /// Copies in this database of what the issuer knows.
    #[must_use]
    pub fn new(db: Db, clock: Clock, issuer: Option<Issuer>) -> Self {
        Self { db, clock, issuer, failed_at: Arc::default() }
    }

    /// What is known of these users. It decorates an answer, so it never fails: at worst nothing is known.
    pub async fn of(&self, user_ids: Vec<String>) -> HashMap<String, Profile> {
        let asked = user_ids.clone();
        let mut known: HashMap<String, Profile> =
            match self.db.read(move |conn| profiles::find(conn, asked)).await {
                Ok(found) => found.into_iter().map(|profile| (profile.user_id.clone(), profile)).collect(),
                Err(error) => {
                    tracing::warn!(%error, "the profiles of members cannot be read");
                    return HashMap::new();
                }
            };
        let now = self.clock.now();
        let is_fresh = |id: &String| known.get(id).is_some_and(|known| now.since(known.fetched_at) < FRESH);
        let stale: Vec<String> = user_ids.into_iter().filter(|id| !is_fresh(id)).collect();
        if let Some(fetched) = self.fetch(stale).await {
            known.extend(fetched.iter().map(|profile| (profile.user_id.clone(), profile.clone())));
            if let Err(error) = self.keep(fetched).await {
                tracing::warn!(%error, "the profiles of members cannot be kept");
            }
        }
        known.retain(|_, profile| !profile.username.is_empty());
        known
    }

    /// Asks the auth service; none if it does not answer, or has just not done so.
    async fn fetch(&self, user_ids: Vec<String>) -> Option<Vec<Profile>> {
        let issuer = self.issuer.as_ref().filter(|_| !user_ids.is_empty() && !self.pauses())?;
        let answer = tokio::time::timeout(PATIENCE, issuer.profiles(user_ids.clone())).await;
        let now = self.clock.now();
        let problem = match answer {
            Ok(Ok(found)) => {
                *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return Some(copies(user_ids, found, now));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the issuer does not answer in time".to_owned(),
        };
        let before = self.failed_at.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        if before.is_none() {
            tracing::warn!(error = problem, "members are shown as they were last known");
        }
        None
    }

    fn pauses(&self) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back ends the pause rather than prolonging it.
        failed_at.is_some_and(|at| at <= self.clock.now() && self.clock.now().since(at) < PAUSE)
    }

    async fn keep(&self, fetched: Vec<Profile>) -> Result<(), DbError> {
        if !fetched.is_empty() {
            self.db.transaction(move |conn| profiles::keep(conn, fetched)).await?;
        }
        Ok(())
    }

    /// Renews old copies, fetches those of new members, and removes those of whom is no member any more.
    pub async fn renew(&self) -> Result<(), DbError> {
        for _ in 0..BATCHES {
            if !self.renew_some().await? {
                break;
            }
        }
        Ok(())
    }

    /// Says whether there may be more to do.
    async fn renew_some(&self) -> Result<bool, DbError> {
        let before = self.clock.now().before(OLDEST);
        let old = self.db.read(move |conn| profiles::list_old(conn, before, BATCH)).await?;
        if old.is_empty() {
            return Ok(false);
        }
        let among = old.clone();
        self.db.write(move |conn| profiles::purge(conn, among)).await?;
        let left = self.db.read(move |conn| profiles::find(conn, old)).await?;
        if left.is_empty() {
            return Ok(true);
        }
        let left = left.into_iter().map(|profile| profile.user_id).collect();
        let Some(fetched) = self.fetch(left).await else { return Ok(false) };
        self.keep(fetched).await?;
        Ok(true)
    }
}

/// Whom the issuer does not know has an empty copy, and is not asked for again at once.
fn copies(asked: Vec<String>, found: Vec<issuer::Profile>, now: Timestamp) -> Vec<Profile> {
    let mut found: HashMap<String, issuer::Profile> =
        found.into_iter().map(|profile| (profile.user_id.clone(), profile)).collect();
    let copy = |user_id: String| match found.remove(&user_id) {
        None => Profile::empty(user_id, now),
        Some(issuer::Profile { username, email, first_name, last_name, is_active, .. }) => Profile {
            user_id,
            username_key: fold(&username),
            username,
            email,
            first_name,
            last_name,
            is_active,
            fetched_at: now,
        },
    };
    asked.into_iter().map(copy).collect()
}
