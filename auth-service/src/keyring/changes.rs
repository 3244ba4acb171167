//! What changes managed keys: the schedule's steps and what operators ask for. Each change is one
//! transaction under one lock, so that of several replicas that find the same thing to do, one does.

use diesel::QueryResult;
use shared::{
    Db, DbConnection, DbError, Timestamp,
    keys::{Alg, SigningKey},
    revocation::Kind,
};

use super::{
    KeyringError, Purpose, generate,
    schedule::{self, Entry, Pace, Plan},
};
use crate::{
    config::{Config, KeySchedule},
    sealing::SealingKeys,
    store::{
        feed::{self, New},
        keys::{self, StoredKey},
        sessions::{self, Reason},
    },
};

/// What every change of managed keys needs besides the connection.
#[derive(Debug, Clone)]
pub struct Managed {
    algorithm: Alg,
    sealing: SealingKeys,
    schedule: KeySchedule,
}

/// A successor, as [`Managed::rotate`] leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Its id.
    pub kid: String,
    /// From when it signs.
    pub signs_from: Timestamp,
    /// Whether it had been published before, so that none was made.
    pub was_published: bool,
}

/// What [`Managed::revoke`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// What the key was for.
    pub purpose: Purpose,
    /// The key that signs for that purpose now.
    pub signing: Option<String>,
    /// How many sessions ended.
    pub sessions: usize,
}

/// How long a token of the purpose counts after it was signed, at the longest.
const fn longest_life(schedule: &KeySchedule, purpose: Purpose) -> std::time::Duration {
    match purpose {
        Purpose::Signing => schedule.access_life,
        Purpose::Refresh => schedule.refresh_life,
    }
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
        let plans = Purpose::ALL.map(|purpose| self.plan(&entries(&rows, purpose), purpose, now));
        let due = plans.iter().any(|plan| !plan.is_idle());
        Ok((due, plans.iter().filter_map(|plan| plan.look_again).min()))
    }

    fn plan(&self, of_purpose: &[Entry], purpose: Purpose, now: Timestamp) -> Plan {
        let pace = Pace {
            rotation: self.schedule.rotation,
            publish_ahead: self.schedule.publish_ahead,
            verifies_for: longest_life(&self.schedule, purpose),
        };
        schedule::plan(of_purpose, now, &pace)
    }

    fn take_steps(&self, conn: &mut DbConnection, now: Timestamp) -> Result<bool, KeyringError> {
        let rows = keys::list(conn)?;
        let mut changed = false;
        for purpose in Purpose::ALL {
            let plan = self.plan(&entries(&rows, purpose), purpose, now);
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
    fn make(
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
        tracing::info!(key.id = kid, key.purpose = purpose.as_str(), %signs_from, "a key has been made");
        Ok(kid)
    }

    fn retire_others(
        &self,
        conn: &mut DbConnection,
        entries: &[Entry],
        but: &str,
        (purpose, now): (Purpose, Timestamp),
    ) -> QueryResult<()> {
        let until = now.after(longest_life(&self.schedule, purpose));
        for entry in entries.iter().filter(|entry| entry.kid != but) {
            keys::retire(conn, &entry.kid, until)?;
        }
        Ok(())
    }

    /// Brings the successor in: published ahead, or signing at once.
    pub fn rotate(
        &self,
        conn: &mut DbConnection,
        purpose: Purpose,
        at_once: bool,
        now: Timestamp,
    ) -> Result<Rotated, KeyringError> {
        self.take_steps(conn, now)?;
        let entries = entries(&keys::list_live(conn, now)?, purpose);
        let coming = entries.iter().filter(|entry| entry.retires_at.is_none() && now < entry.signs_from);
        let coming = coming.min_by_key(|entry| entry.signs_from);
        let signs_from = match coming {
            _ if at_once => now,
            Some(coming) => coming.signs_from,
            None => now.after(self.schedule.publish_ahead),
        };
        let kid = match coming {
            Some(coming) => coming.kid.clone(),
            None => self.make(conn, purpose, signs_from, now)?,
        };
        if at_once {
            keys::set_signs_from(conn, &kid, now)?;
            self.retire_others(conn, &entries, &kid, (purpose, now))?;
        }
        feed::bump_keys_version(conn)?;
        Ok(Rotated { kid, signs_from, was_published: coming.is_some() })
    }

    /// Revokes a key: every token under it is refused from now on. If it was the one that signs, the
    /// next one does at once. A refresh key takes the sessions with it whose tokens it signed.
    pub fn revoke(
        &self,
        conn: &mut DbConnection,
        kid: &str,
        now: Timestamp,
    ) -> Result<Revoked, KeyringError> {
        let row = keys::list(conn)?.into_iter().find(|row| row.kid == kid);
        let row = row.ok_or_else(|| KeyringError::Unknown(kid.to_owned()))?;
        if !keys::revoke(conn, kid, now)? {
            return Err(KeyringError::RevokedBefore(kid.to_owned()));
        }
        let mut entries = vec![New::of(Kind::Key, kid)];
        let (mut purpose, mut ended) = (Purpose::Signing, Vec::new());
        if Purpose::Refresh.is_of(&row) {
            purpose = Purpose::Refresh;
            ended = sessions::revoke_under_key(conn, kid, Reason::KeyRevoked, now)?;
            // What ran out longer ago than an access token lives has nothing left to refuse.
            let last = now.before(longest_life(&self.schedule, Purpose::Signing));
            let live = ended.iter().filter(|(_, expires_at)| last < *expires_at);
            entries.extend(live.map(|(id, _)| New::of(Kind::Session, id)));
        }
        self.take_steps(conn, now)?;
        let left = self::entries(&keys::list_live(conn, now)?, purpose);
        let signing = schedule::signing(&left, now).map(|entry| entry.kid.clone());
        feed::bump_keys_version(conn)?;
        feed::append(conn, now, &entries)?;
        Ok(Revoked { purpose, signing, sessions: ended.len() })
    }

    /// Seals what other encryption keys than the first sealed anew under the first; gives the ids.
    pub fn reseal(&self, conn: &mut DbConnection, now: Timestamp) -> Result<Vec<String>, KeyringError> {
        let mut done = Vec::new();
        for row in keys::list_live(conn, now)? {
            let label = generate::label(&row.kid, &row.purpose);
            if let Some(sealed) = self.sealing.reseal(&label, &row.sealed)? {
                keys::set_sealed(conn, &row.kid, &sealed)?;
                done.push(row.kid);
            }
        }
        Ok(done)
    }
}

fn entries(rows: &[StoredKey], purpose: Purpose) -> Vec<Entry> {
    rows.iter().filter(|row| purpose.is_of(row)).map(Entry::from).collect()
}
