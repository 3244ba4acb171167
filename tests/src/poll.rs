//! Waiting for a condition instead of for a time: as long as it takes, and not longer than allowed.

use std::time::{Duration, Instant};

use anyhow::Context as _;

/// The pause between two questions: well below anything that is measured with it.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until the answer is yes, and says how long that took. An error after `limit`, with the
/// condition's name.
pub async fn until(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while !condition().await? {
        anyhow::ensure!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(began.elapsed())
}

/// So many answers in a row, from replicas that take turns, are the answers of all.
const IN_A_ROW: usize = 8;

/// How long the last replica may take to learn of an end. Connected ones take milliseconds; the rest is
/// for a machine that is busy compiling.
const SOON: Duration = Duration::from_secs(10);

/// Asks until the answer is yes at every replica of a service. An error after ten seconds, with the
/// condition's name.
pub async fn everywhere(
    what: &str,
    mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut in_a_row = 0;
    let often = async || {
        in_a_row = if condition().await? { in_a_row + 1 } else { 0 };
        Ok(in_a_row >= IN_A_ROW)
    };
    until(what, SOON, often).await.map(drop)
}

/// The longest that anybody waits for leave to ask again, in all. Then the test has found a gateway that
/// lets nobody in.
const LONGEST: Duration = Duration::from_mins(3);

/// Waiting as a 429 tells (RFC 6585, section 4).
#[derive(Debug, Default)]
pub struct Patience {
    waited: Duration,
}

impl Patience {
    /// Waits for as many seconds as `Retry-After` says.
    pub async fn wait(&mut self, retry_after: &str) -> anyhow::Result<()> {
        let seconds = retry_after.parse().ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.with_context(|| format!("429 with Retry-After {retry_after:?}"))?;
        let time = Duration::from_secs(seconds);
        self.waited += time;
        anyhow::ensure!(self.waited <= LONGEST, "429 still, after {:?}", self.waited);
        tokio::time::sleep(time).await;
        Ok(())
    }
}
