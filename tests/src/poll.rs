//! Waiting for a condition instead of for a time: as long as it takes, and not longer than allowed.

use std::time::{Duration, Instant};

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
