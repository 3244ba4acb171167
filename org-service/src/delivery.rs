//! [`Delivery`]: sends what is in the outbox, beside the requests.
//!
//! A mail is written into the outbox in the transaction that it tells of, so none is lost and none is sent
//! of what did not happen. Every process sends what is due, whoever wrote it: it takes the mail by a
//! compare-and-set, makes a handle, commits both, and only then sends. So a handle that somebody reads is
//! known here, and no plaintext is ever stored; what is tried again gets a handle of its own. A process that
//! dies between sending and saying so leaves a mail that is sent twice, which costs nobody anything.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use shared::{Clock, Db, DbError, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::{
    address,
    handle::Handle,
    mail::{Failure, Letter, Mailer, PATIENCE},
    store::{
        handles,
        invitations::{self, Invitation, InvitationId, Sendable},
        mails::{self, Fate, Mail},
        organizations::{self, OrgId},
    },
};

/// How often it is looked for what has become due.
const LOOK: Duration = Duration::from_secs(2);
/// Mails looked at in one go, and sent at once.
const BATCH: i64 = 100;
const AT_ONCE: usize = 4;
/// For how long a mail is taken: longer than sending it may last.
const LEASE: Duration = Duration::from_secs(2 * PATIENCE.as_secs());
/// The pause after the first failure; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// After so many tries, about a day, a mail is given up.
pub const TRIES: i64 = 20;

/// Asks for a round; answered once everything that was due has been tried.
type Nudge = oneshot::Sender<()>;

/// Sends mails. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Delivery {
    nudges: mpsc::UnboundedSender<Nudge>,
    mailer: Mailer,
}

impl Delivery {
    /// Begins to send.
    #[must_use]
    pub fn start(db: Db, clock: Clock, mailer: Mailer) -> Self {
        let (nudges, asked) = mpsc::unbounded_channel();
        let round = Arc::new(Round { db, clock, mailer: mailer.clone() });
        tokio::spawn(run(round, asked));
        Self { nudges, mailer }
    }

    /// There is something to send. Does not wait for it.
    pub fn nudge(&self) {
        let (done, _) = oneshot::channel();
        // Without a receiver the process is about to end.
        self.nudges.send(done).ok();
    }

    /// Waits until everything that is due has been tried once.
    pub async fn tried(&self) {
        let (done, tried) = oneshot::channel();
        if self.nudges.send(done).is_ok() {
            tried.await.ok();
        }
    }

    /// What sends.
    #[must_use]
    pub const fn mailer(&self) -> &Mailer {
        &self.mailer
    }
}

async fn run(round: Arc<Round>, mut asked: mpsc::UnboundedReceiver<Nudge>) {
    let mut failing = false;
    let mut waiting: Vec<Nudge> = Vec::new();
    loop {
        match tokio::time::timeout(LOOK, asked.recv()).await {
            Ok(None) => return,
            Ok(Some(nudge)) => waiting.push(nudge),
            Err(_) => {}
        }
        while let Ok(nudge) = asked.try_recv() {
            waiting.push(nudge);
        }
        match round.send_all_due().await {
            Ok(()) => {
                failing = false;
                for nudge in waiting.drain(..) {
                    // Most do not wait.
                    nudge.send(()).ok();
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "the outbox cannot be looked at; trying again");
                }
                waiting.retain(|nudge| !nudge.is_closed());
            }
        }
    }
}

/// What it takes to send.
#[derive(Debug)]
struct Round {
    db: Db,
    clock: Clock,
    mailer: Mailer,
}

impl Round {
    /// Sends until nothing is due. What fails is due later.
    async fn send_all_due(&self) -> Result<(), DbError> {
        loop {
            let now = self.clock.now();
            let due = self.db.read(move |conn| mails::list_due(conn, now, BATCH)).await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut sending = stream::iter(due).map(|mail| self.send(mail)).buffer_unordered(AT_ONCE);
            while let Some(sent) = sending.next().await {
                sent?;
            }
        }
    }

    /// Takes a mail and sends it, if nobody else does.
    async fn send(&self, mail: Mail) -> Result<(), DbError> {
        let (now, handle) = (self.clock.now(), Handle::random());
        let (taken, hash) = (mail.clone(), handle.hash());
        let work = self.db.transaction(move |conn| {
            if !mails::take(conn, &taken, now.after(LEASE))? {
                return Ok(Sendable::Never);
            }
            let found = invitations::find_to_send(conn, taken.invitation_id, now)?;
            match &found {
                Sendable::Now(..) => handles::insert(conn, hash, taken.invitation_id, now)?,
                Sendable::Later(_) => 0,
                Sendable::Never => mails::stop(conn, taken.invitation_id)?,
            };
            Ok(found)
        });
        let (invitation, organization) = match work.await? {
            Sendable::Now(invitation, organization) => (invitation, organization),
            Sendable::Later(org_id) => return self.hold(mail.invitation_id, mail.version + 1, org_id).await,
            Sendable::Never => return Ok(()),
        };
        let sent = match letter(&invitation, organization, handle) {
            Some(letter) => self.mailer.send(&letter, now).await,
            None => {
                Err(Failure { is_permanent: true, what: "no mail can be sent to the address".to_owned() })
            }
        };
        let (id, version, at) = (invitation.id, mail.version + 1, self.clock.now());
        let fate = fate(sent, mail.attempts + 1, at);
        match &fate {
            Fate::Sent => {
                tracing::info!(invitation.id = %id, org.id = %invitation.org_id, "an invitation was mailed");
            }
            Fate::Again(_, error) => {
                tracing::warn!(invitation.id = %id, error, "an invitation was not mailed; trying again later");
            }
            Fate::GivenUp(error) => {
                tracing::warn!(invitation.id = %id, error, "an invitation was not mailed, and will not be");
            }
        }
        self.db.write(move |conn| mails::settle(conn, id, version, fate, at)).await?;
        Ok(())
    }

    /// Leaves a mail for when its organization is restored. That takes the organization's row first and the
    /// mail's after it, and so does this: nothing is left that has just been asked for. What was restored in
    /// between is due again when the lease ends.
    async fn hold(&self, id: InvitationId, version: i64, org_id: OrgId) -> Result<(), DbError> {
        let work = self.db.transaction(move |conn| {
            Ok(organizations::take_deleted(conn, org_id)? && mails::hold(conn, id, version)?)
        });
        work.await.map(drop)
    }
}

fn letter(invitation: &Invitation, organization: String, handle: Handle) -> Option<Letter> {
    Some(Letter {
        invitation_id: invitation.id,
        to: address::mailbox(&invitation.email)?,
        organization,
        role: invitation.role.clone(),
        expires_at: invitation.expires_at,
        handle,
    })
}

/// What becomes of a mail after so many tries.
fn fate(sent: Result<(), Failure>, tries: i64, now: Timestamp) -> Fate {
    match sent {
        Ok(()) => Fate::Sent,
        Err(failure) if failure.is_permanent || tries >= TRIES => Fate::GivenUp(failure.what),
        Err(failure) => Fate::Again(now.after(pause(tries)), failure.what),
    }
}

/// 10 s, 20 s, 40 s … 2 h.
fn pause(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.clamp(1, 31) - 1).unwrap_or_default();
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}
