//! One revocation, seen from several validators at once, and a watch over what they have refused.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::future::{try_join, try_join_all};
use reqwest::Method;
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    Actor,
    wire::{self, Wire},
};

/// Where a token is shown to an organization service.
const ORGANIZATIONS: &str = "/api/v1/organization/";

/// How often each validator is shown the token. Where an answer takes longer, the next request waits
/// for it, so that asking never saturates anybody; a lag then counts as longer than it is, not shorter.
const EVERY: Duration = Duration::from_millis(1);
/// Refusals in a row that one revocation is followed for; [`Watch`] goes on from there.
const AFTERWARDS: usize = 5;
/// A token that is still accepted after this is not revoked at all.
const NEVER: Duration = Duration::from_secs(30);
/// How often a validator is shown two of the tokens that it has refused before.
const WATCH: Duration = Duration::from_millis(4);

/// Connections to validators, one each.
#[derive(Debug)]
pub struct Eyes {
    wires: Vec<Wire>,
    every: Duration,
}

/// What one revocation took.
#[derive(Debug, Clone, Copy)]
pub struct Revoked {
    /// When the logout was answered.
    pub answered: Instant,
    /// How long the logout took.
    pub logout: Duration,
    /// From its answer to the first request that the last of the validators refused.
    pub lag: Duration,
}

impl Eyes {
    /// Connects to the organization services at these addresses, `http://HOST:PORT`.
    pub async fn on(validators: &[String]) -> anyhow::Result<Self> {
        let wires = try_join_all(validators.iter().map(|base| Wire::connect(base))).await?;
        Ok(Self { wires, every: EVERY })
    }

    /// The same, each shown the token only so often: where the way to a validator costs as much as its
    /// answer, asking is a load of its own. A lag counts as longer by up to that.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Logs `session` out while its token is shown to every validator all the time.
    pub async fn revoke(&mut self, session: &Actor) -> anyhow::Result<Revoked> {
        let token = session.access.as_deref().context("a token")?;
        let request = wire::get(ORGANIZATIONS, token);
        let accepted = Barrier::new(self.wires.len() + 1);
        let every = self.every;
        let shown = self.wires.iter_mut().map(|wire| show(wire, &request, &accepted, every));
        let logout = async {
            accepted.wait().await;
            let began = Instant::now();
            let response = session.request(Method::POST, "/api/v1/user/logout/").send().await?;
            let answered = Instant::now();
            ensure!(response.status().as_u16() == 200, "the logout: {response:?}");
            Ok((answered, answered - began))
        };
        let ((answered, logout), refused) = try_join(logout, try_join_all(shown)).await?;
        let last = refused.into_iter().max().context("a validator")?;
        Ok(Revoked { answered, logout, lag: last.saturating_duration_since(answered) })
    }
}

/// Shows a good token until it is refused, and a few times more; gives the moment at which the first
/// refused request was sent.
async fn show(
    wire: &mut Wire,
    request: &[u8],
    accepted: &Barrier,
    every: Duration,
) -> anyhow::Result<Instant> {
    let status = wire.ask(request).await?;
    ensure!(status == 200, "a good token is answered with {status}");
    accepted.wait().await;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (began, mut refused) = (Instant::now(), Vec::new());
    while refused.len() <= AFTERWARDS {
        ticks.tick().await;
        let sent = Instant::now();
        match wire.ask(request).await? {
            401 => refused.push(sent),
            200 if refused.is_empty() => ensure!(began.elapsed() < NEVER, "it is never refused"),
            status => anyhow::bail!("{status} after {} refusals", refused.len()),
        }
    }
    refused.first().copied().context("a refusal")
}

/// Shows the validators what they have refused, over and over: none may ever accept it again.
#[derive(Debug)]
pub struct Watch {
    refused: Arc<Mutex<Vec<Arc<[u8]>>>>,
    stop: watch::Sender<bool>,
    watching: JoinSet<anyhow::Result<usize>>,
}

impl Watch {
    /// Begins to watch these, with nothing to show yet.
    pub async fn over(validators: &[String]) -> anyhow::Result<Self> {
        Self::every(WATCH, validators).await
    }

    /// The same, each shown them only so often.
    pub async fn every(every: Duration, validators: &[String]) -> anyhow::Result<Self> {
        let (refused, stop) = (Arc::default(), watch::Sender::new(false));
        let mut watching = JoinSet::new();
        for base in validators {
            let wire = Wire::connect(base).await?;
            watching.spawn(look(wire, every, Arc::clone(&refused), stop.subscribe()));
        }
        Ok(Self { refused, stop, watching })
    }

    /// Every validator has refused this token.
    pub fn add(&self, session: &Actor) -> anyhow::Result<()> {
        let request = wire::get(ORGANIZATIONS, session.access.as_deref().context("a token")?);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(request.into());
        Ok(())
    }

    /// Shows every token once more, and says how many refusals there were in all.
    pub async fn finish(mut self) -> anyhow::Result<usize> {
        self.stop.send_replace(true);
        let mut seen = 0;
        while let Some(done) = self.watching.join_next().await {
            seen += done??;
        }
        Ok(seen)
    }
}

/// Shows one after the other until told to stop, then all of them once more.
async fn look(
    mut wire: Wire,
    every: Duration,
    refused: Arc<Mutex<Vec<Arc<[u8]>>>>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<usize> {
    let known = || refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (mut ticks, mut turn, mut seen) = (interval(every), 0_usize, 0);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => {}
        }
        let known = known();
        // The latest and the others in turn: what has just changed is what could change back.
        turn += 1;
        let old = turn.checked_rem(known.len()).and_then(|turn| known.get(turn));
        for request in [known.last(), old].into_iter().flatten() {
            refuses(&mut wire, request).await?;
            seen += 1;
        }
    }
    for request in known() {
        refuses(&mut wire, &request).await?;
        seen += 1;
    }
    Ok(seen)
}

async fn refuses(wire: &mut Wire, request: &[u8]) -> anyhow::Result<()> {
    let status = wire.ask(request).await?;
    ensure!(status == 401, "a token that was refused before is answered with {status}");
    Ok(())
}
