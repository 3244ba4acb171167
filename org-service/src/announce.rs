//! [`Announcer`]: tells the auth service, and so every validator, whose tokens are outdated.
//!
//! Announcements are written in the transaction of the change that they tell of and removed once the auth
//! service has committed and passed them on. So a crash at any point loses none; some arrive twice, which
//! changes nothing, for a bound only rises. Every process delivers what it finds, whoever wrote it.

use std::time::Duration;

use shared::{Db, Issuer, issuer::Change, revocation::Kind};
use tokio::sync::{mpsc, oneshot};

use crate::store::announcements::{self, Announcement};

/// Announcements delivered by one call.
const BATCH: i64 = 500;
/// How often it is looked for what another process has written and not delivered.
const LOOK: Duration = Duration::from_secs(1);
/// The first pause after a failure; it doubles up to the last.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a request that has outdated tokens waits for the delivery.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for a delivery; answered once everything committed before has been delivered.
type Nudge = oneshot::Sender<()>;

/// Delivers announcements. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Announcer {
    nudges: mpsc::UnboundedSender<Nudge>,
}

impl Announcer {
    /// Begins to deliver. Without an issuer there is nobody to be told, and announcements are dropped.
    #[must_use]
    pub fn start(db: Db, issuer: Option<Issuer>) -> Self {
        let (nudges, asked) = mpsc::unbounded_channel();
        tokio::spawn(run(db, issuer, asked));
        Self { nudges }
    }

    /// Waits until what has been committed is delivered, but not for long: if the auth service is away,
    /// it hears of it when it is back, and until then validators have lost touch with it too.
    pub async fn passed_on(&self) {
        let (done, delivered) = oneshot::channel();
        let delivered = async { self.nudges.send(done).is_ok() && delivered.await.is_ok() };
        if tokio::time::timeout(PATIENCE, delivered).await != Ok(true) {
            tracing::warn!("a change of members is committed, but could not be announced yet");
        }
    }
}

async fn run(db: Db, issuer: Option<Issuer>, mut asked: mpsc::UnboundedReceiver<Nudge>) {
    let (mut pause, mut failing) = (PAUSE, false);
    let mut waiting: Vec<Nudge> = Vec::new();
    loop {
        let wait = if failing { pause } else { LOOK };
        match tokio::time::timeout(wait, asked.recv()).await {
            Ok(None) => return,
            Ok(Some(nudge)) => waiting.push(nudge),
            Err(_) => {}
        }
        while let Ok(nudge) = asked.try_recv() {
            waiting.push(nudge);
        }
        match deliver(&db, issuer.as_ref()).await {
            Ok(()) => {
                (pause, failing) = (PAUSE, false);
                for nudge in waiting.drain(..) {
                    // Whoever asked may have given up.
                    nudge.send(()).ok();
                }
            }
            Err(error) => {
                if std::mem::replace(&mut failing, true) {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tracing::debug!(error, "announcements cannot be delivered");
                } else {
                    tracing::warn!(error, "announcements cannot be delivered; trying again");
                }
                waiting.retain(|nudge| !nudge.is_closed());
            }
        }
    }
}

/// Delivers everything there is.
async fn deliver(db: &Db, issuer: Option<&Issuer>) -> Result<(), String> {
    loop {
        let found = db.read(|conn| announcements::list(conn, BATCH)).await.map_err(|e| e.to_string())?;
        if found.is_empty() {
            return Ok(());
        }
        if let Some(issuer) = issuer {
            let changes = found.iter().map(change).collect::<Result<Vec<_>, _>>()?;
            issuer.revoke(changes).await.map_err(|e| e.to_string())?;
        }
        let delivered = found.iter().map(|announcement| announcement.id).collect();
        db.write(move |conn| announcements::delete(conn, delivered)).await.map_err(|e| e.to_string())?;
    }
}

fn change(announcement: &Announcement) -> Result<Change, String> {
    let kind: Kind = announcement.kind.parse().map_err(|e| format!("{e}"))?;
    let words = |text: &String| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Ok(Change {
        kind,
        key: announcement.key.clone(),
        min_version: announcement.min_version,
        permissions: announcement.permissions.as_ref().map(words),
    })
}
