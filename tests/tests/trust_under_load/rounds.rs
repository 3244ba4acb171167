//! Throughput of two services beside each other, in rounds that take turns: whatever else the machine
//! does falls on both alike.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::{
    Node,
    wire::{self, Wire},
};
use tokio::task::JoinSet;

use crate::{PROTECTED, Size};

/// Connections, each of which asks again when it is answered.
const CLIENTS: usize = 8;

/// One side of the comparison: a service, and a token that it accepts.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) node: &'a Node,
    pub(crate) token: &'a str,
    rates: Vec<f64>,
    answered: usize,
    cpu: Duration,
}

/// What came of it, as medians over rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Requests per second.
    pub(crate) rate: f64,
    /// The service's processor time per request.
    pub(crate) cpu: Duration,
}

impl<'a> Side<'a> {
    pub(crate) fn new(node: &'a Node, token: &'a str) -> Self {
        Self { node, token, rates: Vec::new(), answered: 0, cpu: Duration::ZERO }
    }

    async fn round(&mut self, length: Duration) -> anyhow::Result<()> {
        let request = wire::get(PROTECTED, self.token);
        let mut clients = JoinSet::new();
        let (before, began) = (self.node.usage()?, Instant::now());
        for _ in 0..CLIENTS {
            let wire = Wire::connect(&self.node.base).await?;
            clients.spawn(ask_until(began + length, wire, request.clone()));
        }
        let mut answered = 0;
        while let Some(done) = clients.join_next().await {
            answered += done??;
        }
        self.rates.push(f64::from(u32::try_from(answered)?) / began.elapsed().as_secs_f64());
        self.answered += answered;
        self.cpu += self.node.usage()?.cpu.saturating_sub(before.cpu);
        Ok(())
    }

    fn outcome(&self) -> anyhow::Result<Outcome> {
        let cpu = self.cpu / u32::try_from(self.answered.max(1))?;
        Ok(Outcome { rate: median(self.rates.clone()), cpu })
    }
}

/// Measures both sides in turn, and gives the first one's rate as a part of the second one's: the
/// median over the rounds, each compared with its neighbour in time.
pub(crate) async fn compare<'a>(
    one: &mut Side<'a>,
    other: &mut Side<'a>,
    size: &Size,
) -> anyhow::Result<(Outcome, Outcome, f64)> {
    // Once without counting: caches, branch predictors and the allocator settle.
    for side in [&mut *one, &mut *other] {
        side.round(size.round).await?;
        (side.rates, side.answered, side.cpu) = (Vec::new(), 0, Duration::ZERO);
    }
    for round in 0..size.rounds {
        // The one that comes first in a round must not always be the same.
        if round % 2 == 0 {
            one.round(size.round).await?;
            other.round(size.round).await?;
        } else {
            other.round(size.round).await?;
            one.round(size.round).await?;
        }
    }
    let parts = one.rates.iter().zip(&other.rates).map(|(one, other)| one / other).collect();
    Ok((one.outcome()?, other.outcome()?, median(parts)))
}

/// Asks until then; gives how often.
async fn ask_until(end: Instant, mut wire: Wire, request: Vec<u8>) -> anyhow::Result<usize> {
    let mut answered = 0;
    while Instant::now() < end {
        let status = wire.ask(&request).await?;
        ensure!(status == 200, "a good token is answered with {status}");
        answered += 1;
    }
    Ok(answered)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let (low, high) = (figures.get(figures.len().saturating_sub(1) / 2), figures.get(figures.len() / 2));
    f64::midpoint(low.copied().unwrap_or_default(), high.copied().unwrap_or_default())
}
