//! Replies that get lost after the server has taken the step: a retry gets what was lost.

use e2e::{Actor, Mode, Proxy, session_of};

use crate::{RACERS, Replicas, end_grace, refresh_at_once, same_pair};

/// Two processes, and before each a proxy that loses replies.
struct Lossy {
    replicas: Replicas,
    proxies: [Proxy; 2],
    /// Through the proxies.
    actors: [Actor; 2],
}

impl Lossy {
    async fn start() -> anyhow::Result<Self> {
        let replicas = Replicas::start(&[]).await?;
        let bases = replicas.nodes.each_ref().map(|node| node.base.parse::<url::Url>());
        let [one, other] = bases;
        let (one, other) = (one?, other?);
        let proxies = [Proxy::before_url(&one).await?, Proxy::before_url(&other).await?];
        let actors = proxies.each_ref().map(|proxy| Actor::new(&format!("http://{}", proxy.address)));
        for proxy in &proxies {
            proxy.set(Mode::LoseReplies);
        }
        Ok(Self { replicas, proxies, actors })
    }

    /// Refreshes so often at once, learns nothing from it, and gives the bodies that got lost.
    async fn refresh_in_vain(&self, token: &str, racers: usize) -> anyhow::Result<Vec<String>> {
        for answer in refresh_at_once(&self.actors, token, racers).await {
            anyhow::ensure!(answer.is_err(), "a reply got through: {answer:?}");
        }
        Ok(self.proxies.iter().flat_map(Proxy::lost).collect())
    }

    /// Retries directly, each racer at the process that it did not ask before.
    async fn retry(&self, token: &str, racers: usize) -> anyhow::Result<Vec<e2e::Answer>> {
        let [one, other] = self.replicas.actors();
        refresh_at_once(&[other, one], token, racers).await.into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_at_the_other_process_gets_the_pair_whose_reply_was_lost() -> anyhow::Result<()> {
    let lossy = Lossy::start().await?;
    let mut token = lossy.replicas.login().await?;
    for (steps, racers) in (1..).zip(RACERS) {
        let lost = lossy.refresh_in_vain(&token, racers).await?;
        let retried = lossy.retry(&token, racers).await?;
        let successor = same_pair(&retried)?;
        assert_eq!(lost, vec![retried[0].text.clone(); racers]);
        assert_eq!(lossy.replicas.steps(&token).await?, steps, "one step for {racers} racers");
        token = successor;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_retry_of_a_grandparent_ends_the_session() -> anyhow::Result<()> {
    let lossy = Lossy::start().await?;
    let grandparent = lossy.replicas.login().await?;
    lossy.refresh_in_vain(&grandparent, 2).await?;
    let parent = same_pair(&lossy.retry(&grandparent, 2).await?)?;
    lossy.refresh_in_vain(&parent, 2).await?;
    let newest = same_pair(&lossy.retry(&parent, 2).await?)?;
    end_grace(&lossy.replicas.cluster, session_of(&newest)?).await?;
    for token in [&grandparent, &parent, &newest] {
        lossy.replicas.refuse(token).await?;
    }
    assert_eq!(lossy.replicas.steps(&newest).await?, 2);
    assert_eq!(lossy.replicas.row(&newest).await?.revoked_reason.as_deref(), Some("reuse"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_comes_too_late_ends_the_session() -> anyhow::Result<()> {
    let lossy = Lossy::start().await?;
    let token = lossy.replicas.login().await?;
    let lost = lossy.refresh_in_vain(&token, 1).await?;
    end_grace(&lossy.replicas.cluster, session_of(&token)?).await?;
    lossy.replicas.refuse(&token).await?;
    let pair: serde_json::Value = serde_json::from_str(&lost[0])?;
    lossy.replicas.refuse(pair["refresh"].as_str().unwrap_or_default()).await?;
    assert_eq!(lossy.replicas.steps(&token).await?, 1);
    assert_eq!(lossy.replicas.row(&token).await?.revoked_reason.as_deref(), Some("reuse"));
    Ok(())
}
