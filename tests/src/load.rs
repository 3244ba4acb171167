//! [`Load`]: a stream of GETs with a bearer token against one or more services, and a [`Report`] of
//! what came of it.
//!
//! With a fixed rate a request's time counts from when it was due, not from when it was sent: a server
//! that stands still for a second makes all requests of that second slow, not just one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::Method;
use tokio::{sync::watch, task::JoinSet};

use crate::Actor;

/// Requests before capacity is measured.
const WARM: usize = 300;

/// How requests follow each other.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many clients, each of which sends its next request when the last one is answered.
    Closed(usize),
    /// So many requests per second, whatever becomes of those before.
    PerSecond(u32),
}

/// Who is asked for what, each target in turn.
#[derive(Debug, Clone)]
pub struct Load {
    targets: Vec<Actor>,
    path: String,
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which of the targets, counted from 0.
    pub target: usize,
    /// When it was due.
    pub due: Instant,
    /// How long after that the whole answer was there.
    pub took: Duration,
    /// The status; none if there was no answer.
    pub status: Option<u16>,
}

/// A load that goes on until it is finished or dropped.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    samples: Samples,
    generating: JoinSet<()>,
}

/// What came of a load, in the order of the answers.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Every request.
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Default)]
struct Samples {
    taken: Arc<Mutex<Vec<Sample>>>,
    count: watch::Sender<usize>,
}

impl Samples {
    fn add(&self, sample: Sample) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        self.count.send_modify(|count| *count += 1);
    }
}

impl Load {
    /// Asks every one of these (bearing their tokens) for this path.
    #[must_use]
    pub fn new(targets: &[Actor], path: &str) -> Self {
        Self { targets: targets.to_vec(), path: path.to_owned() }
    }

    /// Begins at once.
    #[must_use]
    pub fn start(&self, pace: Pace) -> Running {
        let stop = watch::Sender::new(false);
        let samples = Samples::default();
        let own = || (self.clone(), samples.clone(), stop.subscribe());
        let mut generating = JoinSet::new();
        match pace {
            Pace::Closed(clients) => (0..clients).for_each(|first| {
                let (load, samples, stop) = own();
                generating.spawn(load.in_turn(first, samples, stop));
            }),
            Pace::PerSecond(rate) => {
                let (load, samples, stop) = own();
                generating.spawn(load.at_rate(rate, samples, stop));
            }
        }
        Running { stop, samples, generating }
    }

    /// Requests per second that the targets answer, all of them together, with the generator beside
    /// them: so many clients for so long.
    pub async fn capacity(&self, clients: usize, measure: Duration) -> anyhow::Result<u32> {
        let running = self.start(Pace::Closed(clients));
        running.done(WARM).await;
        let (before, began) = (running.so_far(), Instant::now());
        tokio::time::sleep(measure).await;
        let (answered, took) = (running.so_far() - before, began.elapsed());
        let report = running.finish().await;
        let refused = report.only(|sample| sample.status.is_some_and(|status| status != 200)).samples.len();
        let unanswered = report.only(|sample| sample.status.is_none()).samples.len();
        // A service that has waited for a processor for seconds closes connections that are kept.
        let fine = refused == 0 && unanswered * 100 <= report.samples.len() && answered > 0;
        anyhow::ensure!(fine, "under full load: {:?}", report.statuses());
        Ok(u32::try_from(u128::try_from(answered)? * 1000 / took.as_millis().max(1))?)
    }

    async fn in_turn(self, first: usize, samples: Samples, stop: watch::Receiver<bool>) {
        let targets = self.targets.iter().enumerate().cycle().skip(first);
        for (target, actor) in targets {
            if *stop.borrow() {
                break;
            }
            samples.add(self.ask((target, actor), Instant::now()).await);
        }
    }

    async fn at_rate(self, rate: u32, samples: Samples, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
        let mut asked = JoinSet::new();
        for (target, actor) in self.targets.iter().enumerate().cycle() {
            let due = tokio::select! {
                due = ticks.tick() => due.into_std(),
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let (load, actor, samples) = (self.clone(), actor.clone(), samples.clone());
            asked.spawn(async move { samples.add(load.ask((target, &actor), due).await) });
            while asked.try_join_next().is_some() {}
        }
        asked.join_all().await;
    }

    async fn ask(&self, (target, actor): (usize, &Actor), due: Instant) -> Sample {
        let answer = async {
            let response = actor.request(Method::GET, &self.path).send().await?;
            let status = response.status().as_u16();
            response.bytes().await.map(|_| status)
        };
        let status = answer.await.ok();
        Sample { target, due, took: due.elapsed(), status }
    }
}

impl Running {
    /// Waits until so many requests are done, answered or not.
    pub async fn done(&self, requests: usize) {
        // It fails only without a sender, and this holds one.
        drop(self.samples.count.subscribe().wait_for(|count| *count >= requests).await);
    }

    /// How many requests are done.
    #[must_use]
    pub fn so_far(&self) -> usize {
        *self.samples.count.borrow()
    }

    /// Sends nothing more, waits for what is under way, and reports.
    pub async fn finish(self) -> Report {
        self.stop.send_replace(true);
        self.generating.join_all().await;
        Report {
            samples: std::mem::take(&mut *self.samples.taken.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Report {
    /// How often each status came; `None` counts what got no answer.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<Option<u16>, usize> {
        let mut statuses = BTreeMap::new();
        for sample in &self.samples {
            *statuses.entry(sample.status).or_default() += 1;
        }
        statuses
    }

    /// Only the requests that satisfy `keep`.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Sample) -> bool) -> Self {
        Self { samples: self.samples.iter().copied().filter(|sample| keep(sample)).collect() }
    }

    /// The time within which so many per cent were done, by nearest rank; zero if there were none.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut times: Vec<_> = self.samples.iter().map(|sample| sample.took).collect();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    }

    /// Half were faster.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.percentile(50)
    }

    /// One in a hundred was slower.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.percentile(99)
    }

    /// The slowest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.percentile(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(times: impl Iterator<Item = u64>) -> Report {
        let due = Instant::now();
        let sample = |ms| Sample { target: 0, due, took: Duration::from_millis(ms), status: Some(200) };
        Report { samples: times.map(sample).collect() }
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred = report((1..=100).rev());
        let ms = Duration::from_millis;
        assert_eq!((hundred.p50(), hundred.p99(), hundred.max()), (ms(50), ms(99), ms(100)));
        let three = report([30, 10, 20].into_iter());
        assert_eq!((three.p50(), three.p99(), three.max()), (ms(20), ms(30), ms(30)));
        assert_eq!(report(std::iter::empty()).p99(), Duration::ZERO);
    }

    #[test]
    fn a_report_can_be_cut_down() {
        let slow = report(1..=10).only(|sample| sample.took > Duration::from_millis(7));
        assert_eq!(slow.statuses(), BTreeMap::from([(Some(200), 3)]));
    }
}
