//! Simultaneous refreshes of one token at two processes: one step, one successor.

use e2e::{Answer, claims, session_of};

use crate::{RACERS, Replicas, refresh_at_once, same_pair};

async fn race(replicas: &Replicas, token: &str, racers: usize) -> anyhow::Result<Vec<Answer>> {
    let before = replicas.steps(token).await?;
    let answers = refresh_at_once(&replicas.actors(), token, racers).await;
    let answers = answers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let steps = replicas.steps(token).await? - before;
    anyhow::ensure!(steps == 1, "{racers} racers took {steps} steps");
    anyhow::ensure!(replicas.row(token).await?.revoked_at.is_none(), "{racers} racers ended the session");
    Ok(answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_simultaneous_refreshes_take_one_step_and_get_the_same_bytes() -> anyhow::Result<()> {
    let replicas = Replicas::start(&[]).await?;
    let mut token = replicas.login().await?;
    for racers in RACERS {
        token = same_pair(&race(&replicas, &token, racers).await?)?;
    }
    assert_eq!(replicas.steps(&token).await?, 5);
    Ok(())
}

/// An ECDSA signature is random (RFC 6979's deterministic variant is not what the library makes), so
/// the access tokens differ in their signatures and in nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_random_signatures_simultaneous_refreshes_get_equal_claims() -> anyhow::Result<()> {
    let replicas = Replicas::start(&[("AUTH_ALGORITHM", "ES256")]).await?;
    let mut token = replicas.login().await?;
    for racers in RACERS {
        let answers = race(&replicas, &token, racers).await?;
        let mut pairs = Vec::new();
        for answer in &answers {
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            pairs.push((answer.text_of("refresh")?, claims(&answer.text_of("access")?)?));
        }
        let first = pairs.pop().ok_or_else(|| anyhow::anyhow!("somebody races"))?;
        assert!(pairs.iter().all(|pair| *pair == first), "{pairs:?} beside {first:?}");
        assert_eq!(first.1["sid"], session_of(&token)?.to_string());
        token = first.0;
    }
    assert_eq!(replicas.steps(&token).await?, 5);
    Ok(())
}
