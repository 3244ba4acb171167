//! Follows the schedule in the background, and what other processes do to the keys.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use shared::{Clock, Db, Timestamp};

use super::{Keyring, KeyringError, Managed};

/// Keeps a keyring on schedule until it is dropped.
#[derive(Debug)]
pub struct Tending {
    keyring: Keyring,
    managed: Managed,
    db: Db,
    clock: Clock,
}

/// How often the keys are looked at where nothing says that they have changed: a command beside the
/// server, or another replica, may have done something.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The shortest pause: what cannot be done now is not tried without end.
const BREATH: Duration = Duration::from_millis(100);

impl Tending {
    /// Begins to follow; nothing to do for a key from the settings.
    #[must_use]
    pub fn follow(keyring: &Keyring, db: &Db, clock: &Clock) -> Option<Arc<Self>> {
        let managed = keyring.0.managed.clone()?;
        let tending =
            Arc::new(Self { keyring: keyring.clone(), managed, db: db.clone(), clock: clock.clone() });
        tokio::spawn(follow(Arc::downgrade(&tending)));
        Some(tending)
    }

    /// Takes the steps that are due now, and takes over what others did. Gives the time of the next.
    pub async fn step(&self) -> Result<Option<Timestamp>, KeyringError> {
        let now = self.clock.now();
        let managed = self.managed.clone();
        let (due, mut next) = self.db.read(move |conn| managed.is_due(conn, now)).await?;
        if due {
            self.managed.change(&self.db, move |managed, conn| managed.advance(conn, now)).await?;
            let managed = self.managed.clone();
            (_, next) = self.db.read(move |conn| managed.is_due(conn, now)).await?;
        }
        let keyring = self.keyring.clone();
        self.db.read(move |conn| Ok(keyring.reload(conn))).await??;
        Ok(next)
    }

    /// A step and the pause until the next.
    async fn step_or_try_again(&self, failing: &mut bool) -> Duration {
        match self.step().await {
            Ok(next) => {
                *failing = false;
                let pause = next.map_or(LOOK_AGAIN, |next| next.since(self.clock.now()));
                pause.clamp(BREATH, LOOK_AGAIN)
            }
            Err(error) => {
                // Once when a failure begins.
                if !std::mem::replace(failing, true) {
                    tracing::warn!(%error, "the schedule of the keys cannot be followed; trying again");
                }
                LOOK_AGAIN
            }
        }
    }
}

async fn follow(tending: Weak<Tending>) {
    let mut failing = false;
    while let Some(tending) = tending.upgrade() {
        let pause = tending.step_or_try_again(&mut failing).await;
        drop(tending);
        tokio::time::sleep(pause).await;
    }
}
