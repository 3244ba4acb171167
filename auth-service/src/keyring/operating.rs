//! What operators do to managed keys; the commands call these inside [`Managed::change`].

use shared::{DbConnection, Timestamp, revocation::Kind};

use super::{KeyringError, Managed, Purpose, changes::entries, generate, schedule};
use crate::store::{
    feed::{self, New},
    keys,
    sessions::{self, Reason},
};

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

impl Managed {
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
        let mut announced = vec![New::of(Kind::Key, kid)];
        let (mut purpose, mut ended) = (Purpose::Signing, Vec::new());
        if Purpose::Refresh.is_of(&row) {
            purpose = Purpose::Refresh;
            ended = sessions::revoke_under_key(conn, kid, Reason::KeyRevoked, now)?;
            // What ran out longer ago than an access token lives has nothing left to refuse.
            let last = now.before(self.longest_life(conn, Purpose::Signing, now)?);
            let live = ended.iter().filter(|(_, expires_at)| last < *expires_at);
            announced.extend(live.map(|(id, _)| New::of(Kind::Session, id)));
        }
        self.take_steps(conn, now)?;
        let left = entries(&keys::list_live(conn, now)?, purpose);
        let signing = schedule::signing(&left, now).map(|entry| entry.kid.clone());
        feed::bump_keys_version(conn)?;
        feed::append(conn, now, &announced)?;
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
