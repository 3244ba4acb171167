//! Refreshes that race with the end of their session: once it is told, nothing gets through, and what
//! got through before is worth nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use e2e::Actor;
use futures_util::future::try_join_all;
use tokio::sync::watch;

use crate::{Replicas, blacklist, blacklisted};

/// Sessions ended per test. Each is one chance for the two statements to meet in another order; 200 in
/// all have them meet in every one, and take a few seconds.
const ROUNDS: usize = 100;

/// What the racers of one round share.
struct Race {
    /// The end of the session has been told.
    told: AtomicBool,
    /// Refreshes that succeeded.
    succeeded: watch::Sender<usize>,
}

impl Race {
    fn new() -> Self {
        Self { told: AtomicBool::new(false), succeeded: watch::Sender::new(0) }
    }

    /// One refresh: the successor, or none once the session has ended.
    async fn refresh(&self, actor: &Actor, token: &str) -> anyhow::Result<Option<String>> {
        let starts_after = self.told.load(Ordering::SeqCst);
        let answer = actor.refresh_with(token).await?;
        if answer.status != 200 {
            blacklisted(&answer)?;
            return Ok(None);
        }
        anyhow::ensure!(!starts_after, "a refresh that began after the end was told succeeded");
        self.succeeded.send_modify(|so_far| *so_far += 1);
        answer.text_of("refresh").map(Some)
    }

    /// Ends the session after so many refreshes, so that the rounds differ in how the race begins.
    async fn end(&self, actor: &Actor, token: &str, after: usize) -> anyhow::Result<()> {
        self.succeeded.subscribe().wait_for(|so_far| *so_far >= after).await?;
        let answer = blacklist(actor, token).await?;
        self.told.store(true, Ordering::SeqCst);
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// Asks for the successor of one token again and again.
    async fn retry(&self, actor: &Actor, token: &str) -> anyhow::Result<Vec<String>> {
        let mut successors = Vec::new();
        while let Some(successor) = self.refresh(actor, token).await? {
            successors.push(successor);
        }
        Ok(successors)
    }

    /// Refreshes with each successor in turn, at either process by turns.
    async fn walk(&self, actors: &[Actor; 2], token: &str) -> anyhow::Result<Vec<String>> {
        let mut walked = vec![token.to_owned()];
        for actor in actors.iter().cycle() {
            let newest = walked.last().map_or(token, String::as_str);
            match self.refresh(actor, newest).await? {
                Some(successor) => walked.push(successor),
                None => break,
            }
        }
        Ok(walked)
    }
}

async fn ended_by_blacklist(replicas: &Replicas, token: &str, steps: usize) -> anyhow::Result<()> {
    let (row, counted) = (replicas.row(token).await?, replicas.steps(token).await?);
    anyhow::ensure!(row.revoked_reason.as_deref() == Some("blacklisted"), "{row:?}");
    anyhow::ensure!(usize::try_from(counted)? == steps, "{counted} steps instead of {steps}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_retry_succeeds_once_the_end_of_its_session_was_told() -> anyhow::Result<()> {
    let replicas = Replicas::start(&[]).await?;
    let [one, other] = replicas.actors();
    for round in 0..ROUNDS {
        let token = replicas.login().await?;
        let race = Race::new();
        let retrying = [&one, &other, &one, &other].map(|actor| race.retry(actor, &token));
        let ending = race.end([&one, &other][round % 2], &token, round % 5);
        let (pairs, ()) = tokio::try_join!(try_join_all(retrying), ending)?;
        let pairs: std::collections::BTreeSet<_> = pairs.into_iter().flatten().collect();
        anyhow::ensure!(pairs.len() <= 1, "one token had {} successors", pairs.len());
        for token in pairs.iter().chain([&token]) {
            replicas.refuse(token).await?;
        }
        ended_by_blacklist(&replicas, &token, pairs.len()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_successor_succeeds_once_the_end_of_its_session_was_told() -> anyhow::Result<()> {
    let replicas = Replicas::start(&[]).await?;
    let actors = replicas.actors();
    for round in 0..ROUNDS {
        let token = replicas.login().await?;
        let race = Race::new();
        let ending = race.end(&actors[round % 2], &token, round % 5);
        let (walked, ()) = tokio::try_join!(race.walk(&actors, &token), ending)?;
        for token in &walked {
            replicas.refuse(token).await?;
        }
        ended_by_blacklist(&replicas, &token, walked.len() - 1).await?;
    }
    Ok(())
}
