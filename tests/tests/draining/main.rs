//! A replica is replaced and nobody notices: how a service ends, and what its clients see of it.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod following;
mod keeping;
mod load;
mod signals;

use std::time::Duration;

use e2e::{Actor, Answer, Node, until};

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// How long anything may take before a test gives up: far beyond what it needs, for a machine that is
/// busy compiling.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a stop may take that waits for nothing. The limit for what is in flight is ten seconds: a
/// stop that takes as long has waited for something.
const PROMPT: Duration = Duration::from_secs(8);

/// What `/readyz` says.
async fn readiness(node: &Node) -> anyhow::Result<Answer> {
    Actor::new(&node.management).get("/readyz").await
}

/// Waits until a service says that it is going.
async fn is_leaving(node: &Node) -> anyhow::Result<()> {
    let leaving = async || {
        let answer = readiness(node).await?;
        Ok(answer.status == 503 && answer.json["checks"]["stopping"].is_string())
    };
    until("/readyz tells of the stop", PATIENCE, leaving).await.map(drop)
}
