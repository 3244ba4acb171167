//! Overload: three times as much is asked for as can be done. What can be done goes on being done, the rest
//! is told at once to come later, and when it is over everybody is served as before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use e2e::{PASSWORD, wire};
use serde_json::json;

use super::login;
use crate::{
    open_loop::{Asks, Clients, Pace, Shots, offer},
    row::{Measured, Row, Side, Spec, Target, Unit},
    stage::Stage,
    stats::{median, percentile, size},
    tokens::{USER, sessions},
};

/// How often, at the most.
const ROUNDS: usize = 3;
/// Times capacity.
const TIMES: f64 = 3.0;
/// Connections that reach capacity: steps that come together are taken together, logins one per thread.
const REFRESHING: usize = 256;
const LOGGING_IN: usize = 16;
/// How finely it is looked at when it is over.
const WINDOW: Duration = Duration::from_millis(100);
/// What is offered afterwards, and before, as a part of capacity.
const PART: f64 = 0.5;

const GOODPUT: Spec = Spec {
    name: "overload/refresh",
    what: "refreshes that go on at three times capacity",
    against: "their peak",
    target: Target::AtLeast(0.8),
    unit: Unit::Times,
};
const SHED: Spec = Spec {
    name: "overload/refresh-shed",
    what: "of the rest: answered with 503 and Retry-After",
    against: "–",
    target: Target::AtLeast(100.0),
    unit: Unit::Percent,
};
const RECOVERY: Spec = Spec {
    name: "overload/refresh-recovery",
    what: "until nobody is refused any more, and answers take what they did before",
    against: "–",
    target: Target::AtMost(1.0),
    unit: Unit::Seconds,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let mut rows = refresh(stage).await?;
    rows.extend(logins(stage).await?);
    Ok(rows)
}

async fn refresh(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    // More than may wait by default, or the queue would never be full; each has to log in first.
    let (waiting, clients, connections) =
        if stage.plan.quick { ("64", 160, 32) } else { ("1024", 1600, REFRESHING) };
    let cores = std::thread::available_parallelism()?.to_string();
    let settings = [("AUTH_DATABASE_WAITING", waiting), ("AUTH_HASH_THREADS", &cores)];
    let cluster = stage.cluster(&settings).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let sessions = sessions(&cluster, &auth, clients + connections).await?;
    let asks = sessions.into_iter().filter_map(|session| session.refresh).map(Asks::Chain).collect();
    let seen = overload(stage, &auth.base, asks, connections).await?;
    Ok(seen.rows(&[GOODPUT, SHED, RECOVERY]))
}

async fn logins(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cluster = stage.cluster(&[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let body = json!({"username": USER, "password": PASSWORD}).to_string();
    let login: Arc<[u8]> = wire::post(login::PATH, &body, None).into();
    let seen = overload(stage, &auth.base, vec![Asks::Same(login); 256], LOGGING_IN).await?;
    let [goodput, shed, recovery] = [
        Spec { name: "overload/login", what: "logins that go on at three times capacity", ..GOODPUT },
        Spec { name: "overload/login-shed", ..SHED },
        Spec { name: "overload/login-recovery", ..RECOVERY },
    ];
    Ok(seen.rows(&[goodput, shed, recovery]))
}

/// What was seen: at peak, at half of it, in overload, and at half again.
struct Seen {
    peak: Shots,
    usual: Shots,
    overload: Shots,
    after: Shots,
    recovery: Duration,
}

/// Once, or in the full size a few times.
async fn overload(
    stage: &Stage,
    base: &str,
    mut asks: Vec<Asks>,
    connections: usize,
) -> anyhow::Result<Rounds> {
    let mut rounds = Vec::new();
    for _ in 0..stage.plan.rounds.min(ROUNDS) {
        let few = asks.split_off(asks.len().saturating_sub(connections));
        let (seen, few, many) = once(base, (few, asks), stage.plan.long_turn).await?;
        rounds.push(seen);
        asks = [many, few].concat();
    }
    Ok(Rounds(rounds))
}

/// Gives the state of all connections, too.
async fn once(
    base: &str,
    (few, many): (Vec<Asks>, Vec<Asks>),
    length: Duration,
) -> anyhow::Result<(Seen, Vec<Asks>, Vec<Asks>)> {
    let (peak, few) = offer(base, few, Pace::Closed, length).await;
    peak.demand_good()?;
    let half = Pace::PerSecond(peak.goodput() * PART);
    let (usual, few) = offer(base, few, half, length).await;
    let too_much = Pace::PerSecond(peak.goodput() * TIMES);
    // To connect is no part of it, and not to be put off by it.
    let (few, many) = (Clients::connect(base, few).await, Clients::connect(base, many).await);
    // From the moment at which nothing more is added to what waits.
    let afterwards = async {
        tokio::time::sleep(length).await;
        few.offer(half, length).await
    };
    let ((overload, many), (after, few)) = tokio::join!(many.offer(too_much, length), afterwards);
    let recovery = recovery(&after, usual.percentile(99));
    Ok((Seen { peak, usual, overload, after, recovery }, few, many))
}

/// Until the end of the last request that was refused, and of the last moment in which most took longer than
/// `usual`.
fn recovery(after: &Shots, usual: Duration) -> Duration {
    let refused = after.all.iter().filter(|shot| shot.status != Some(200));
    let refused = refused.map(|shot| shot.due + shot.took).max().unwrap_or_default();
    let mut windows = BTreeMap::<u128, Vec<Duration>>::new();
    for shot in &after.all {
        windows.entry(shot.due.as_micros() / WINDOW.as_micros()).or_default().push(shot.took);
    }
    let slow = windows.into_iter().filter(|(_, took)| percentile(took.clone(), 50) > usual);
    let slow = slow.filter_map(|(number, _)| u32::try_from(number + 1).ok()).max();
    refused.max(WINDOW * slow.unwrap_or_default())
}

/// What was seen, round by round.
struct Rounds(Vec<Seen>);

impl Rounds {
    fn each(&self, what: impl Fn(&Seen) -> f64) -> Vec<f64> {
        self.0.iter().map(what).collect()
    }

    fn side(&self, name: &str, which: impl Fn(&Seen) -> &Shots) -> Side {
        Side::of(name, &self.0.iter().map(|seen| which(seen).run()).collect::<Vec<_>>())
    }

    fn rows(&self, [goodput, shed, recovery]: &[Spec; 3]) -> Vec<Row> {
        let sides =
            vec![self.side("in overload", |seen| &seen.overload), self.side("peak", |seen| &seen.peak)];
        let halves = vec![
            self.side("half of it, afterwards", |seen| &seen.after),
            self.side("the same before", |seen| &seen.usual),
        ];
        let parts = self.each(|seen| seen.overload.goodput() / seen.peak.goodput());
        let asked = self.each(|seen| size(seen.overload.all.len()) / seen.overload.length.as_secs_f64());
        let note = format!("{:.0} were asked for per second, by the machine that answers", median(asked));
        // Whoever was refused without a word, in any round.
        let told = self.each(|seen| seen.overload.shed()).into_iter().fold(1.0, f64::min);
        vec![
            goodput.measured(Measured::of(parts, sides).noting(note)),
            shed.measured(Measured::once(told * 100.0)),
            recovery.measured(Measured::of(self.each(|seen| seen.recovery.as_secs_f64()), halves)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_loop::Shot;

    #[test]
    fn recovered_is_who_refuses_nobody_any_more_and_is_as_fast_as_before() {
        let ms = Duration::from_millis;
        let shot = |due, took, status| Shot { due: ms(due), took: ms(took), status, retry_after: false };
        let recovery = |all| recovery(&Shots { all, length: ms(400) }, ms(20));
        let mut shots = vec![
            shot(0, 10, Some(503)),
            shot(90, 10, None),
            shot(20, 10, Some(503)),
            shot(200, 10, Some(200)),
        ];
        assert_eq!(recovery(shots.clone()), ms(100));
        shots.extend([shot(210, 30, Some(200)), shot(310, 30, Some(200)), shot(320, 30, Some(200))]);
        assert_eq!(recovery(shots), ms(400), "one slow answer of two is no slow moment");
        assert_eq!(recovery(vec![shot(0, 20, Some(200))]), Duration::ZERO);
    }
}
