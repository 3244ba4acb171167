//! Follows the schedule in the background, and what other processes do to the keys.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use shared::{Clock, Db, Timestamp};
use tokio::sync::Mutex;

use super::{Keyring, KeyringError, Managed};

/// Keeps a keyring on schedule until it is dropped.
#[derive(Debug)]
pub struct Tending {
    keyring: Keyring,
    managed: Managed,
    db: Db,
    clock: Clock,
    /// When keys were last looked for because of a token that names an unknown one.
    looked: Mutex<Option<Instant>>,
}

/// How often the keys are looked at where the schedule asks for nothing. That they have changed is said
/// by the feed; what a change means for the schedule is seen here.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// The shortest pause: what cannot be done now is not tried without end.
const BREATH: Duration = Duration::from_millis(100);
/// Least time between two looks that unknown ids cause: anybody can make one up.
const COOLDOWN: Duration = Duration::from_secs(1);

impl Tending {
    /// Begins to follow; nothing to do for a key from the settings.
    #[must_use]
    pub fn follow(keyring: &Keyring, db: &Db, clock: &Clock) -> Option<Arc<Self>> {
        let managed = keyring.0.managed.clone()?;
        let (keyring, db, clock) = (keyring.clone(), db.clone(), clock.clone());
        let tending = Arc::new(Self { keyring, managed, db, clock, looked: Mutex::default() });
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
        self.reload().await?;
        Ok(next)
    }

    async fn reload(&self) -> Result<(), KeyringError> {
        let keyring = self.keyring.clone();
        self.db.read(move |conn| Ok(keyring.reload(conn))).await?
    }

    /// Looks whether another replica signs with a key that is unknown here, unless somebody just did.
    /// What it finds counts for everybody who asks while it looks.
    pub async fn look_for_new(&self) {
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|at| at.elapsed() >= COOLDOWN) {
            *looked = Some(Instant::now());
            if let Err(error) = self.reload().await {
                tracing::debug!(%error, "new keys could not be looked for");
            }
        }
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
                RETRY
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

#[cfg(test)]
mod tests {
    use shared::{config::Variables, db::testing::TestDb};

    use super::*;
    use crate::{Config, migrations, sealing::SealingKeys};

    #[tokio::test]
    async fn the_schedule_is_followed_by_itself_and_only_until_it_is_dropped() {
        let test = TestDb::new(migrations()).await.unwrap();
        let pairs = [
            ("AUTH_DATABASE_URL", test.url.secret_text()),
            ("AUTH_KEY_ENCRYPTION_KEY", SealingKeys::generate()),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
        let config = Config::read(&Variables::from_pairs(pairs)).unwrap();
        let clock = Clock::manual(Timestamp::from_secs(1_795_444_848));
        let keyring = Keyring::open(&config, &test.db, &clock).await.unwrap();
        assert_eq!(keyring.jwks().keys.len(), 1);
        clock.advance(Duration::from_secs(90 * 86_400));
        let tending = Tending::follow(&keyring, &test.db, &clock).unwrap();
        let began = Instant::now();
        while keyring.jwks().keys.len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(30), "no successor is ever published");
            tokio::task::yield_now().await;
        }
        let left = Arc::downgrade(&tending);
        drop(tending);
        while left.upgrade().is_some() {
            assert!(began.elapsed() < Duration::from_secs(30), "it goes on without its owner");
            tokio::task::yield_now().await;
        }
    }
}
