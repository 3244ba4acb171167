//! An open loop: requests are due at a fixed rate, whatever becomes of those before.
//!
//! Load generators from elsewhere send the same few bodies over and over, but of a refresh token each is
//! used once: so this one sends on connections that remember what they were answered. A request counts
//! from when it was due; where its connection had nothing to do then, from when it was sent, for the timer
//! that woke it is ours and rounds to milliseconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::wire::{self, Wire};
use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;

use crate::{
    row::Run,
    rows::refresh,
    stats::{float, percentile, size},
};

/// What a connection sends.
#[derive(Debug, Clone)]
pub(crate) enum Asks {
    /// The same again and again.
    Same(Arc<[u8]>),
    /// A refresh with the token of its last answer.
    Chain(String),
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot {
    /// When it was due, after the begin.
    pub(crate) due: Duration,
    /// How long it took.
    pub(crate) took: Duration,
    /// The status; none if there was no answer.
    pub(crate) status: Option<u16>,
    /// Whether the answer told when to come again.
    pub(crate) retry_after: bool,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many requests per second.
    PerSecond(f64),
    /// As many as are answered: a closed loop.
    Closed,
}

/// Everything that was asked, in no order, and for how long.
#[derive(Debug, Default)]
pub(crate) struct Shots {
    pub(crate) all: Vec<Shot>,
    pub(crate) length: Duration,
}

impl Asks {
    fn request(&self) -> Arc<[u8]> {
        match self {
            Self::Same(request) => Arc::clone(request),
            Self::Chain(token) => {
                wire::post(refresh::PATH, &format!(r#"{{"refresh":"{token}"}}"#), None).into()
            }
        }
    }

    /// A chain goes on with the successor.
    fn learn(&mut self, status: u16, body: &[u8]) {
        let Self::Chain(token) = self else { return };
        let answer: Option<serde_json::Value> =
            (status == 200).then(|| serde_json::from_slice(body).ok()).flatten();
        if let Some(next) = answer.as_ref().and_then(|answer| answer.get("refresh")?.as_str()) {
            next.clone_into(token);
        }
    }
}

/// Connections that are made at a time.
const CONNECTING: usize = 64;

/// One connection with what it needs.
struct Client {
    base: String,
    wire: Option<Wire>,
    asks: Asks,
}

impl Client {
    /// Asks once; what is refused or breaks off is told as that.
    async fn ask(&mut self) -> (Option<u16>, bool) {
        let wire = match self.wire.take() {
            Some(wire) => Ok(wire),
            None => Wire::connect(&self.base).await,
        };
        let Ok(mut wire) = wire else { return (None, false) };
        let Ok(status) = wire.ask(&self.asks.request()).await else { return (None, false) };
        self.asks.learn(status, wire.body());
        let retry_after = wire.header("retry-after").is_some();
        let closing = wire.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.wire = (!closing).then_some(wire);
        (Some(status), retry_after)
    }
}

/// Offers this to a service for so long, on a connection for each; gives the connections' last state too.
pub(crate) async fn offer(base: &str, asks: Vec<Asks>, pace: Pace, length: Duration) -> (Shots, Vec<Asks>) {
    Clients::connect(base, asks).await.offer(pace, length).await
}

/// Connections on which nothing has been asked yet.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// One for each. Those that cannot be had now are tried again when something is due on them.
    pub(crate) async fn connect(base: &str, asks: Vec<Asks>) -> Self {
        let one = |asks| async move {
            Client { base: base.to_owned(), wire: Wire::connect(base).await.ok(), asks }
        };
        Self(stream::iter(asks).map(one).buffered(CONNECTING).collect().await)
    }

    /// Offers this on them for so long; gives their last state too.
    pub(crate) async fn offer(self, pace: Pace, length: Duration) -> (Shots, Vec<Asks>) {
        let (began, turn) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut clients = JoinSet::new();
        for client in self.0 {
            clients.spawn(until(client, pace, (began, length), Arc::clone(&turn)));
        }
        let (mut all, mut left) = (Vec::new(), Vec::new());
        for (shots, client) in clients.join_all().await {
            all.extend(shots);
            left.push(client.asks);
        }
        (Shots { all, length }, left)
    }
}

async fn until(
    mut client: Client,
    pace: Pace,
    (began, length): (Instant, Duration),
    turn: Arc<AtomicU64>,
) -> (Vec<Shot>, Client) {
    let mut shots = Vec::new();
    loop {
        let due = match pace {
            Pace::Closed => began.elapsed(),
            Pace::PerSecond(rate) => {
                Duration::from_secs_f64(float(turn.fetch_add(1, Ordering::Relaxed)) / rate)
            }
        };
        // What was due and not sent by the end is not asked for any more: it would be load afterwards.
        if due.max(began.elapsed()) >= length {
            return (shots, client);
        }
        let mut from = began + due;
        if from > Instant::now() {
            tokio::time::sleep_until(from.into()).await;
            from = Instant::now();
        }
        let (status, retry_after) = client.ask().await;
        shots.push(Shot { due, took: from.elapsed(), status, retry_after });
    }
}

impl Shots {
    /// Good answers per second.
    pub(crate) fn goodput(&self) -> f64 {
        size(self.good().count()) / self.length.as_secs_f64()
    }

    /// The time within which so many per cent of the good answers came.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        percentile(self.good().map(|shot| shot.took).collect(), percent)
    }

    /// The good answers in numbers.
    pub(crate) fn run(&self) -> Run {
        let ms = |percent| Some(self.percentile(percent).as_secs_f64() * 1e3);
        Run { rate: self.goodput(), p50_ms: ms(50), p99_ms: ms(99), cpu_us: None }
    }

    /// What was answered with 200 by the end: what comes later was not done in that time.
    fn good(&self) -> impl Iterator<Item = &Shot> {
        self.all.iter().filter(|shot| shot.status == Some(200) && shot.due + shot.took <= self.length)
    }

    /// An error if anything was not answered with 200.
    pub(crate) fn demand_good(&self) -> anyhow::Result<()> {
        let bad: Vec<_> = self.all.iter().filter(|shot| shot.status != Some(200)).collect();
        anyhow::ensure!(
            bad.is_empty(),
            "{} of {} requests failed, the first {:?}",
            bad.len(),
            self.all.len(),
            bad.first()
        );
        Ok(())
    }

    /// Of everything that was not answered with 200, the part that was told to come again later.
    pub(crate) fn shed(&self) -> f64 {
        let bad = self.all.iter().filter(|shot| shot.status != Some(200));
        let (mut all, mut told) = (0, 0);
        for shot in bad {
            all += 1;
            told += u64::from(shot.status == Some(503) && shot.retry_after);
        }
        if all == 0 { 1.0 } else { float(told) / float(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(due: u64, took: u64, status: Option<u16>, retry_after: bool) -> Shot {
        let ms = Duration::from_millis;
        Shot { due: ms(due), took: ms(took), status, retry_after }
    }

    #[test]
    fn goodput_is_what_was_answered_in_time() {
        let all = vec![
            shot(0, 10, Some(200), false),
            shot(400, 20, Some(200), false),
            shot(450, 100, Some(200), false),
            shot(100, 1, Some(503), true),
            shot(100, 1, Some(503), false),
            shot(100, 1, None, false),
        ];
        let shots = Shots { all, length: Duration::from_millis(500) };
        assert!((shots.goodput() - 4.0).abs() < 1e-9);
        assert_eq!(shots.percentile(99), Duration::from_millis(20));
        assert!((shots.shed() - 1.0 / 3.0).abs() < 1e-9);
        assert!((Shots::default().shed() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_chain_goes_on_with_its_successor() {
        let mut asks = Asks::Chain("one".to_owned());
        asks.learn(503, br#"{"refresh":"no"}"#);
        asks.learn(200, br#"{"refresh":"two","access":"x"}"#);
        assert!(String::from_utf8(asks.request().to_vec()).unwrap().ends_with("{\"refresh\":\"two\"}"));
    }
}
