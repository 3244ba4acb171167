//! [`Validator`]s, what callers show to them, and [`Watch`]es over what they answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use e2e::{Actor, Answer, Node, until};
use futures_util::future::try_join_all;
use reqwest::Method;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// The pause between two questions of a watch: often enough to see a lapse, and cheap enough for a
/// dozen watches at once.
const PERIOD: Duration = Duration::from_millis(40);

/// A service that verifies tokens by itself, and a path that it protects.
#[derive(Clone, Debug)]
pub(crate) struct Validator {
    pub(crate) actor: Actor,
    pub(crate) path: &'static str,
}

/// What a caller shows.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Bearer(String),
    /// The access cookie.
    Cookie(String),
}

impl Validator {
    pub(crate) fn auth(node: &Node) -> Self {
        Self { actor: node.anonymous(), path: "/api/v1/user/me/" }
    }

    pub(crate) fn org(node: &Node) -> Self {
        Self { actor: node.anonymous(), path: "/api/v1/organization/" }
    }

    pub(crate) fn protected(node: &Node) -> Self {
        Self { actor: node.anonymous(), path: "/protected" }
    }

    pub(crate) async fn ask(&self, shown: &Shown) -> anyhow::Result<Answer> {
        let request = self.actor.request(Method::GET, self.path);
        let request = match shown {
            Shown::Bearer(token) => request.header("Authorization", format!("Bearer {token}")),
            Shown::Cookie(token) => request.header("Cookie", format!("access={token}")),
        };
        self.actor.send(request).await
    }

    /// The status; none if nobody answered.
    pub(crate) async fn status(&self, shown: &Shown) -> Option<u16> {
        self.ask(shown).await.ok().map(|answer| answer.status)
    }

    /// Waits until the answer has this status.
    pub(crate) async fn answers(
        &self,
        shown: &Shown,
        status: u16,
        limit: Duration,
    ) -> anyhow::Result<Duration> {
        let what = format!("{status} for {}", self.path);
        until(&what, limit, async || Ok(self.status(shown).await == Some(status))).await
    }
}

/// Waits until every validator refuses.
pub(crate) async fn refused(validators: &[Validator], shown: &Shown, limit: Duration) -> anyhow::Result<()> {
    try_join_all(validators.iter().map(|validator| validator.answers(shown, 401, limit))).await.map(drop)
}

/// Demands that every validator accepts.
pub(crate) async fn accepted(validators: &[Validator], shown: &Shown) -> anyhow::Result<()> {
    for validator in validators {
        let answer = validator.ask(shown).await?;
        anyhow::ensure!(answer.status == 200, "{}: {answer:?}", validator.path);
    }
    Ok(())
}

/// What a watch may see: a status, or none where nobody answered.
pub(crate) type Rule = fn(Option<u16>) -> bool;

/// Refused once, refused for good, by whoever answers at all.
pub(crate) const NEVER_AGAIN: Rule = |status| matches!(status, Some(401));
/// The same where the validator may be out of touch, or away.
pub(crate) const NEVER_ACCEPTED: Rule = |status| matches!(status, Some(401 | 503) | None);
/// Accepted without a gap.
pub(crate) const ALWAYS: Rule = |status| matches!(status, Some(200));
/// Accepted or put off, never refused.
pub(crate) const NEVER_REFUSED: Rule = |status| matches!(status, Some(200 | 503) | None);

/// Asks again and again until it is finished.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: watch::Sender<bool>,
    watching: JoinHandle<anyhow::Result<BTreeMap<Option<u16>, usize>>>,
}

impl Watch {
    /// Over what these validators answer to this.
    pub(crate) fn over(what: &str, validators: &[Validator], shown: &Shown, rule: Rule) -> Self {
        let stop = watch::Sender::new(false);
        let (what, validators, shown): (String, Arc<[_]>, _) =
            (what.into(), validators.into(), shown.clone());
        let watching = tokio::spawn(look(what, validators, shown, (rule, stop.subscribe())));
        Self { stop, watching }
    }

    /// Ends it: how often each status was seen, or which one broke the rule.
    pub(crate) async fn finish(self) -> anyhow::Result<BTreeMap<Option<u16>, usize>> {
        self.stop.send_replace(true);
        let seen = self.watching.await??;
        anyhow::ensure!(!seen.is_empty(), "nothing was seen");
        Ok(seen)
    }
}

async fn look(
    what: String,
    validators: Arc<[Validator]>,
    shown: Shown,
    (rule, stop): (Rule, watch::Receiver<bool>),
) -> anyhow::Result<BTreeMap<Option<u16>, usize>> {
    let mut seen = BTreeMap::new();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Everybody is asked once more after the end was asked for.
        let last = *stop.borrow();
        for validator in validators.iter() {
            let status = validator.status(&shown).await;
            anyhow::ensure!(rule(status), "{what}: {status:?} from {} after {seen:?}", validator.path);
            *seen.entry(status).or_default() += 1;
        }
        if last {
            return Ok(seen);
        }
    }
}
