//! [`Mix`]: what clients do all day, at a constant rate through the gateway, and what they met.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::Actor;
use reqwest::Method;
use serde_json::json;
use shared::random;
use tokio::{sync::watch, task::JoinSet};

use crate::{ME, ORGANIZATIONS};

/// Between two refreshes of the session that is kept going.
const REFRESH: Duration = Duration::from_millis(250);

/// One request.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) what: &'static str,
    pub(crate) sent: Instant,
    pub(crate) done: Instant,
    /// None: no answer.
    pub(crate) status: Option<u16>,
    /// The body of what is not 2xx, or why there is no answer.
    pub(crate) complaint: String,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let took = self.done - self.sent;
        write!(f, "{} after {took:.1?}: {:?} {}", self.what, self.status, self.complaint)
    }
}

impl Event {
    /// Whether it was not answered with 2xx.
    pub(crate) fn failed(&self) -> bool {
        !self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A load that goes on until it is finished.
#[derive(Debug)]
pub(crate) struct Mix {
    seen: Arc<Seen>,
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
    began: Instant,
}

/// What clients met.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) events: Vec<Event>,
    /// Ids of the organizations whose creation was acknowledged.
    pub(crate) created: Vec<String>,
    began: Instant,
    pub(crate) lasted: Duration,
}

#[derive(Debug, Default)]
struct Seen {
    events: Mutex<Vec<Event>>,
    created: Mutex<Vec<String>>,
    number: AtomicU64,
}

impl Mix {
    /// Begins: `caller` asks and creates so many times a second, `refresher` keeps its session going.
    pub(crate) fn start(caller: &Actor, refresher: Actor, per_second: u32) -> Self {
        let (seen, stop) = (Arc::<Seen>::default(), watch::Sender::new(false));
        let mut running = JoinSet::new();
        running.spawn(ask(caller.clone(), per_second, Arc::clone(&seen), stop.subscribe()));
        running.spawn(refresh(refresher, Arc::clone(&seen), stop.subscribe()));
        Self { seen, stop, running, began: Instant::now() }
    }

    /// How many requests are done.
    pub(crate) fn so_far(&self) -> usize {
        lock(&self.seen.events).len()
    }

    /// Sends nothing more, waits for what is under way, and tells what happened.
    pub(crate) async fn finish(self) -> Met {
        self.stop.send_replace(true);
        self.running.join_all().await;
        let (events, created) = (lock(&self.seen.events).clone(), lock(&self.seen.created).clone());
        Met { events, created, began: self.began, lasted: self.began.elapsed() }
    }
}

impl Met {
    /// How often each request had which outcome.
    pub(crate) fn tally(&self) -> BTreeMap<(&'static str, Option<u16>), usize> {
        let mut tally = BTreeMap::new();
        for event in &self.events {
            *tally.entry((event.what, event.status)).or_default() += 1;
        }
        tally
    }

    /// What failed how often, and from when to when since the load began.
    pub(crate) fn losses(&self) -> String {
        let mut losses = BTreeMap::<_, Vec<_>>::new();
        for event in self.failures() {
            losses
                .entry((event.what, event.status, &event.complaint))
                .or_default()
                .push(event.sent - self.began);
        }
        let lines = losses.into_iter().map(|((what, status, complaint), at)| {
            let (first, last) = (at.iter().min(), at.iter().max());
            format!("{} × {what} from {first:.1?} to {last:.1?}: {status:?} {complaint}", at.len())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What was not answered with 2xx.
    pub(crate) fn failures(&self) -> Vec<&Event> {
        self.events.iter().filter(|event| event.failed()).collect()
    }

    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.events.len()).unwrap_or(u32::MAX)) / self.lasted.as_secs_f64()
    }
}

async fn ask(caller: Actor, per_second: u32, seen: Arc<Seen>, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second.max(1));
    let mut asked = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        asked.spawn(once(caller.clone(), Arc::clone(&seen)));
        while asked.try_join_next().is_some() {}
    }
    asked.join_all().await;
}

/// Four lists, two looks at oneself, one token verified, one organization created; over again.
async fn once(caller: Actor, seen: Arc<Seen>) {
    let access = caller.access.clone().unwrap_or_default();
    let (what, request) = match seen.number.fetch_add(1, Ordering::Relaxed) % 8 {
        0..4 => ("list", caller.request(Method::GET, ORGANIZATIONS)),
        4 | 5 => ("me", caller.request(Method::GET, ME)),
        6 => {
            let verify = caller.request(Method::POST, "/api/v1/user/token/verify/");
            ("verify", verify.json(&json!({ "token": access })))
        }
        _ => {
            let body = json!({ "name": random::hex32() });
            ("create", caller.request(Method::POST, ORGANIZATIONS).json(&body))
        }
    };
    let sent = Instant::now();
    let answer = caller.send(request).await;
    if let Ok(answer) = answer.as_ref()
        && answer.status == 201
        && let Some(id) = answer.json.pointer("/data/id").and_then(|id| id.as_str())
    {
        lock(&seen.created).push(id.to_owned());
    }
    lock(&seen.events).push(event(what, sent, answer));
}

/// Refreshes one session over and over. Where an answer is lost, the same token is shown again.
async fn refresh(mut holder: Actor, seen: Arc<Seen>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        let token = holder.refresh.clone().unwrap_or_default();
        let sent = Instant::now();
        let answer = holder.refresh_with(&token).await;
        if let Some(next) = answer.as_ref().ok().and_then(|answer| answer.text_of("refresh").ok()) {
            holder.refresh = Some(next);
        }
        lock(&seen.events).push(event("refresh", sent, answer));
    }
}

fn event(what: &'static str, sent: Instant, answer: anyhow::Result<e2e::Answer>) -> Event {
    let done = Instant::now();
    let (status, complaint) = match answer {
        Ok(answer) if answer.status < 300 => (Some(answer.status), String::new()),
        Ok(answer) => (Some(answer.status), answer.text),
        Err(error) => (None, format!("{error:#}")),
    };
    Event { what, sent, done, status, complaint }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
