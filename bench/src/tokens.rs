//! Sessions and tokens, over the API.

use std::collections::HashSet;

use anyhow::{Context as _, ensure};
use e2e::{Actor, Cluster, Node};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// Chains of refreshes side by side.
const CHAINS: usize = 16;

/// The user that everything is measured with.
pub(crate) const USER: &str = "ada";

/// So many sessions of [`USER`].
pub(crate) async fn sessions(cluster: &Cluster, auth: &Node, count: usize) -> anyhow::Result<Vec<Actor>> {
    // As many at a time as hash passwords.
    let cores = std::thread::available_parallelism()?.get();
    stream::iter((0..count).map(|_| cluster.login(auth, USER))).buffered(cores).try_collect().await
}

/// So many different access tokens of [`USER`], out of a few sessions.
pub(crate) async fn access_tokens(
    cluster: &Cluster,
    auth: &Node,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let each = count.div_ceil(CHAINS);
    let sessions = sessions(cluster, auth, CHAINS).await?;
    let chains = stream::iter(sessions).map(|session| chain(session, each));
    let tokens: Vec<Vec<String>> = chains.buffer_unordered(CHAINS).try_collect().await?;
    let mut tokens = tokens.concat();
    tokens.truncate(count);
    let different: HashSet<_> = tokens.iter().collect();
    ensure!(different.len() == count, "some access tokens are equal");
    Ok(tokens)
}

async fn chain(session: Actor, length: usize) -> anyhow::Result<Vec<String>> {
    let mut tokens = vec![session.access.clone().context("a token")?];
    let mut refresh = session.refresh.clone().context("a token")?;
    while tokens.len() < length {
        let answer = session.refresh_with(&refresh).await?;
        ensure!(answer.status == 200, "a refresh: {answer:?}");
        tokens.push(answer.text_of("access")?);
        refresh = answer.text_of("refresh")?;
    }
    Ok(tokens)
}
