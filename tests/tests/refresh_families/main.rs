//! Refresh families under load and under failure: two auth services as processes of their own on one
//! database, which race, lose replies, lose the database and die.
//!
//! What has to hold: one token has one successor, however often, wherever and how simultaneously it is
//! refreshed, and whatever fails in between; and an ended session stays ended.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod dying;
mod histories;
mod losing_replies;
mod losing_the_database;
mod model;
mod racing;
mod revoking;
mod steps;

use std::time::Duration;

use auth_service::store::sessions::{Session, SessionId};
use e2e::{Actor, Answer, Cluster, Node, session_of};
use serde_json::json;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// The grace window, longer than the default's 10 s: a machine that is busy compiling may take that
/// long to start a process, and no test here waits for the window's end.
const GRACE: (&str, &str) = ("AUTH_REFRESH_GRACE", "60s");

/// Just longer than the grace window.
const BEYOND_GRACE: Duration = Duration::from_secs(61);

/// How many refreshes race for one token. Two is the smallest race, three has a middle, eight is one
/// for each database connection of a process, sixteen likewise for both, and 64 queue.
const RACERS: [usize; 5] = [2, 3, 8, 16, 64];

/// Two auth services on one database, and a user.
struct Replicas {
    cluster: Cluster,
    nodes: [Node; 2],
}

impl Replicas {
    async fn start(settings: e2e::Settings<'_>) -> anyhow::Result<Self> {
        let cluster = Cluster::with(NODE, &[settings, &[GRACE]].concat())?;
        let nodes = tokio::try_join!(cluster.auth(), cluster.auth())?.into();
        cluster.user("ada").await?;
        steps::count(&cluster).await?;
        Ok(Self { cluster, nodes })
    }

    /// Begins a session; gives its first refresh token.
    async fn login(&self) -> anyhow::Result<String> {
        login(&self.cluster, &self.nodes[0]).await
    }

    /// Actors at either service.
    fn actors(&self) -> [Actor; 2] {
        self.nodes.each_ref().map(Node::anonymous)
    }

    /// The row of the session that a token names.
    async fn row(&self, token: &str) -> anyhow::Result<Session> {
        self.cluster.session(session_of(token)?).await
    }

    /// How many steps the session of a token has taken; the row must say the same.
    async fn steps(&self, token: &str) -> anyhow::Result<i64> {
        let (row, steps) = (self.row(token).await?, steps::taken(&self.cluster, token).await?);
        anyhow::ensure!(row.generation == steps, "{steps} steps led to {row:?}");
        Ok(steps)
    }

    /// Demands that a token is refused at both services.
    async fn refuse(&self, token: &str) -> anyhow::Result<()> {
        for actor in self.actors() {
            blacklisted(&actor.refresh_with(token).await?)?;
        }
        Ok(())
    }
}

/// Begins a session; gives its first refresh token.
async fn login(cluster: &Cluster, node: &Node) -> anyhow::Result<String> {
    cluster.login(node, "ada").await?.refresh.ok_or_else(|| anyhow::anyhow!("a login gives a pair"))
}

/// Demands the answer of an ended session.
fn blacklisted(answer: &Answer) -> anyhow::Result<()> {
    let told = (answer.status, answer.detail(), answer.code());
    anyhow::ensure!(told == (401, "Token is blacklisted", "token_not_valid"), "{answer:?}");
    Ok(())
}

/// Demands that all answers are 200 and the same to the byte; gives the pair's refresh token.
fn same_pair(answers: &[Answer]) -> anyhow::Result<String> {
    let first = answers.first().ok_or_else(|| anyhow::anyhow!("nobody was answered"))?;
    for answer in answers {
        anyhow::ensure!((answer.status, &answer.text) == (200, &first.text), "{answer:?} beside {first:?}");
    }
    first.text_of("refresh")
}

/// Refreshes one token at once, by turns through these actors, each racer over a connection of its own.
async fn refresh_at_once(actors: &[Actor], token: &str, racers: usize) -> Vec<anyhow::Result<Answer>> {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(racers));
    let race = actors.iter().cycle().take(racers).map(|actor| {
        let (actor, token, start) = (actor.clone(), token.to_owned(), start.clone());
        async move {
            start.wait().await;
            actor.refresh_with(&token).await
        }
    });
    let racing: Vec<_> = race.map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for racer in racing {
        answers.push(racer.await.unwrap_or_else(|panicked| Err(panicked.into())));
    }
    answers
}

/// Ends the session of a token.
async fn blacklist(actor: &Actor, token: &str) -> anyhow::Result<Answer> {
    actor.post("/api/v1/user/token/blacklist/", &json!({"refresh": token})).await
}

/// Ends the grace window of a session: puts its latest rotation back, from which the window counts.
/// Processes have the machine's clock, and nobody should wait for it.
async fn end_grace(cluster: &Cluster, id: SessionId) -> anyhow::Result<()> {
    use auth_service::schema::sessions;
    use diesel::prelude::*;
    let then = cluster.session(id).await?.rotated_at.before(BEYOND_GRACE);
    let row = sessions::table.find(id);
    let aged = cluster
        .auth_db
        .db
        .write(move |conn| diesel::update(row).set(sessions::rotated_at.eq(then)).execute(conn));
    anyhow::ensure!(aged.await? == 1, "no session {id}");
    Ok(())
}
