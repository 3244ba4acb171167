//! What changes managed keys: the schedule's steps. Each change is one transaction under one lock, so
//! that of several replicas that find the same thing to do, one does.

use std::time::Duration;

use diesel::QueryResult;
use shared::{
    Db, DbConnection, DbError, Timestamp,
    keys::{Alg, SigningKey},
};

use super::{
    KeyringError, Purpose, generate,
    schedule::{self, Entry, Pace, Plan},
};
use crate::{
    config::{Config, KeySchedule},
    sealing::SealingKeys,
    store::{
        feed,
        keys::{self, StoredKey},
        lives,
    },
};

/// What every change of managed keys needs besides the connection.
#[derive(Debug, Clone)]
pub struct Managed {
    algorithm: Alg,
    pub(super) sealing: SealingKeys,
    pub(super) schedule: KeySchedule,
}

impl Managed {
    /// What the settings say of managed keys.
    pub fn of(config: &Config) -> Result<Self, KeyringError> {
        if config.signing_key.is_some() {
            return Err(KeyringError::NotManaged);
        }
        let sealing = config.sealing.clone().ok_or(KeyringError::NoSealingKey)?;
        Ok(Self { algorithm: config.rules.algorithm, sealing, schedule: config.key_schedule })
    }

    /// Runs a change as one transaction under the lock of the keys: all of it happens, or nothing.
    pub async fn change<T: Send + 'static>(
        &self,
        db: &Db,
        work: impl FnOnce(&Self, &mut DbConnection) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let managed = self.clone();
        let locked = move |conn: &mut DbConnection| {
            conn.lock_exclusively("keys")?;
            work(&managed, conn)
        };
        // The database's own errors go where a lost connection is noticed.
        let done = db.write(move |conn| match conn.write_transaction(locked) {
            Err(KeyringError::Database(DbError::Query(error))) => Err(error),
            done => Ok(done),
        });
        done.await?
    }

    /// Opens a stored key.
    pub(super) fn open(&self, row: &StoredKey) -> Result<SigningKey, KeyringError> {
        generate::unseal(&self.sealing, row)
    }

    /// Makes what a start needs. The algorithm of the settings counts here and not in
    /// [`Managed::advance`]: while replicas with another one still run, the two would otherwise retire
    /// each other's keys for ever.
    pub(super) fn start(&self, conn: &mut DbConnection, now: Timestamp) -> Result<(), KeyringError> {
        let rows = keys::list_live(conn, now)?;
        // A key that cannot be opened must stop the start, before another is made in its place.
        for row in &rows {
            self.open(row)?;
        }
        let mut changed = false;
        let entries = entries(&rows, Purpose::Signing);
        let signing = schedule::signing(&entries, now);
        let of_signing = rows.iter().find(|row| signing.is_some_and(|entry| entry.kid == row.kid));
        if of_signing.is_some_and(|row| row.algorithm != self.algorithm.name()) {
            let made = self.make(conn, Purpose::Signing, now, now)?;
            self.retire_others(conn, &entries, &made, (Purpose::Signing, now))?;
            changed = true;
        }
        if self.take_steps(conn, now)? || changed {
            feed::bump_keys_version(conn)?;
        }
        Ok(())
    }

    /// Takes the steps that are due; says whether there were any.
    pub fn advance(&self, conn: &mut DbConnection, now: Timestamp) -> Result<bool, KeyringError> {
        let changed = self.take_steps(conn, now)?;
        if changed {
            feed::bump_keys_version(conn)?;
        }
        Ok(changed)
    }

    /// Whether a step is due, and when the next one will be. Reads only.
    pub fn is_due(&self, conn: &mut DbConnection, now: Timestamp) -> QueryResult<(bool, Option<Timestamp>)> {
        let rows = keys::list(conn)?;
        let (mut due, mut next) = (false, Vec::new());
        for purpose in Purpose::ALL {
            let plan = self.plan(conn, &entries(&rows, purpose), purpose, now)?;
            due |= !plan.is_idle();
            next.extend(plan.look_again);
        }
        Ok((due, next.into_iter().min()))
    }

    /// How long a token of the purpose that is signed now counts at the longest, by these settings and,
    /// where others verify it too, by what every running service says of its own.
    pub(super) fn longest_life(
        &self,
        conn: &mut DbConnection,
        purpose: Purpose,
        now: Timestamp,
    ) -> QueryResult<Duration> {
        Ok(match purpose {
            Purpose::Signing => self.schedule.access_life.max(lives::last_expiry(conn, now)?.since(now)),
            Purpose::Refresh => self.schedule.refresh_life,
        })
    }

    fn plan(
        &self,
        conn: &mut DbConnection,
        of_purpose: &[Entry],
        purpose: Purpose,
        now: Timestamp,
    ) -> QueryResult<Plan> {
        let pace = Pace {
            rotation: self.schedule.rotation,
            publish_ahead: self.schedule.publish_ahead,
            verifies_for: self.longest_life(conn, purpose, now)?,
        };
        Ok(schedule::plan(of_purpose, now, &pace))
    }

    pub(super) fn take_steps(&self, conn: &mut DbConnection, now: Timestamp) -> Result<bool, KeyringError> {
        let rows = keys::list(conn)?;
        let mut changed = false;
        for purpose in Purpose::ALL {
            let plan = self.plan(conn, &entries(&rows, purpose), purpose, now)?;
            changed |= !plan.is_idle();
            if let Some(signs_from) = plan.make {
                self.make(conn, purpose, signs_from, now)?;
            }
            if let Some(kid) = &plan.promote {
                keys::set_signs_from(conn, kid, now)?;
                tracing::info!(key.id = kid, key.purpose = purpose.as_str(), "a key signs before its time");
            }
            for (kid, until) in &plan.retire {
                keys::retire(conn, kid, *until)?;
                tracing::info!(key.id = kid, key.purpose = purpose.as_str(), %until, "a key has been retired");
            }
            keys::delete(conn, &plan.forget)?;
        }
        Ok(changed)
    }

    /// Makes a key, seals it and adds it.
    pub(super) fn make(
        &self,
        conn: &mut DbConnection,
        purpose: Purpose,
        signs_from: Timestamp,
        now: Timestamp,
    ) -> Result<String, KeyringError> {
        let algorithm = if purpose == Purpose::Refresh { Alg::HS256 } else { self.algorithm };
        let (kid, sealed) = generate::sealed_key(&self.sealing, purpose, algorithm)?;
        let row = StoredKey {
            kid: kid.clone(),
            purpose: purpose.as_str().to_owned(),
            algorithm: algorithm.name().to_owned(),
            sealed,
            created_at: now,
            retires_at: None,
            revoked_at: None,
            signs_from: Some(signs_from),
        };
        keys::insert(conn, &row)?;
        // The first key of a new database is no news.
        if now < signs_from {
            let purpose = purpose.as_str();
            tracing::info!(key.id = kid, key.purpose = purpose, %signs_from, "a key has been published ahead");
        }
        Ok(kid)
    }

    pub(super) fn retire_others(
        &self,
        conn: &mut DbConnection,
        entries: &[Entry],
        but: &str,
        (purpose, now): (Purpose, Timestamp),
    ) -> QueryResult<()> {
        let until = now.after(self.longest_life(conn, purpose, now)?);
        for entry in entries.iter().filter(|entry| entry.kid != but) {
            keys::retire(conn, &entry.kid, until)?;
        }
        Ok(())
    }
}

/// The times of the keys of a purpose.
pub(super) fn entries(rows: &[StoredKey], purpose: Purpose) -> Vec<Entry> {
    rows.iter().filter(|row| purpose.is_of(row)).map(Entry::from).collect()
}
