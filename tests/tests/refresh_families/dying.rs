//! A process that dies between commit and reply: the step is taken, nobody was told, and a retry
//! elsewhere gets the pair that the dead process would have sent.

use std::time::{Duration, Instant};

use auth_service::{schema::sessions, store::sessions::SessionId};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use diesel::{Connection, SqliteConnection, connection::SimpleConnection, prelude::*};
use e2e::{Answer, Cluster, Mode, Node, Proxy, session_of};
use shared::DbUrl;

use crate::{GRACE, NODE, login, same_pair, steps};

/// Processes to be killed before anybody had a reply.
const UNANSWERED: usize = 10;

/// Processes killed before the test gives up. Nearly every kill is in time, unless the machine has much
/// else to do.
const KILLS: usize = 60;

/// How long a step may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// # Why this is between commit and reply
///
/// On PostgreSQL the service reaches its database through a proxy. From the moment on at which the
/// session's id passes in a statement's parameters, nothing comes back to the service, so it cannot
/// know that its UPDATE succeeded, and cannot reply. Another connection sees the new generation: the
/// UPDATE is committed. Then the service is killed.
///
/// On SQLite a second connection reads the generation in a loop. It sees the new one as soon as the
/// commit has reached the write-ahead log's index, which is before the service's own call returns; the
/// service has yet to leave its database thread, sign two tokens and write the reply. Its key is a large
/// one of RSA, so that signing takes milliseconds. The loop's next act is `kill -9`. Which of the two is
/// faster is still not certain, so this goes on until the kill was often enough; a reply that does get
/// out tells the same pair.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_between_commit_and_reply_leaves_exactly_one_successor() -> anyhow::Result<()> {
    let slow = [GRACE, ("AUTH_ALGORITHM", "RS256"), ("AUTH_SIGNING_KEY", &slow_key()?)];
    let settings = if shared::db::testing::server()?.is_some() { &slow[..1] } else { &slow[..] };
    let cluster = Cluster::with(NODE, settings)?;
    let mut node = cluster.auth().await?;
    cluster.user("ada").await?;
    steps::count(&cluster).await?;
    let mut unanswered = 0;
    for _ in 0..KILLS {
        let (token, replies) = match cluster.auth_db.url.clone() {
            DbUrl::Postgres { url } => kill_behind_proxy(&cluster, &url).await?,
            DbUrl::Sqlite { path } => kill_at_step(&cluster, &mut node, &path).await?,
        };
        unanswered += usize::from(replies.is_empty());
        node = cluster.auth().await?;
        let mut told = replies;
        for _ in 0..2 {
            told.push(node.anonymous().refresh_with(&token).await?);
        }
        let successor = same_pair(&told)?;
        assert_eq!(steps::taken(&cluster, &token).await?, 1, "the token was worth one step");
        assert_eq!(node.anonymous().refresh_with(&successor).await?.status, 200);
        assert_eq!(steps::taken(&cluster, &token).await?, 2);
        if unanswered == UNANSWERED {
            return Ok(());
        }
    }
    anyhow::bail!("of {KILLS} kills only {unanswered} came before a reply");
}

/// A key that takes its time (RFC 7468).
fn slow_key() -> anyhow::Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa4096)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())))
}

/// Kills a service whose database has committed and whose connection to it has gone silent.
async fn kill_behind_proxy(cluster: &Cluster, database: &url::Url) -> anyhow::Result<(String, Vec<Answer>)> {
    let proxy = Proxy::before_url(database).await?;
    let mut through = proxy.through(database)?;
    // What is encrypted cannot be searched for the session's id.
    through.query_pairs_mut().append_pair("sslmode", "disable");
    let mut node = cluster.auth_with(&[("AUTH_DATABASE_URL", through.as_str())]).await?;
    let token = login(cluster, &node).await?;
    let session = session_of(&token)?;
    proxy.set(Mode::HoldBack(session.uuid().as_bytes().to_vec()));
    let (actor, presented) = (node.anonymous(), token.clone());
    let refreshing = tokio::spawn(async move { actor.refresh_with(&presented).await });
    let committed = async {
        proxy.held().await;
        while cluster.session(session).await?.generation == 0 {}
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(PATIENCE, committed).await??;
    anyhow::ensure!(!refreshing.is_finished(), "it replied without knowing: {:?}", refreshing.await);
    node.kill().await?;
    let reply = refreshing.await?;
    anyhow::ensure!(reply.is_err(), "the dead replied: {reply:?}");
    Ok((token, Vec::new()))
}

/// Kills a service as soon as its file shows the step. Gives the replies that were faster.
async fn kill_at_step(
    cluster: &Cluster,
    node: &mut Node,
    path: &str,
) -> anyhow::Result<(String, Vec<Answer>)> {
    let mut watching = SqliteConnection::establish(path)?;
    watching.batch_execute("PRAGMA busy_timeout = 5000")?;
    let token = login(cluster, node).await?;
    let session = session_of(&token)?;
    let (actor, presented) = (node.anonymous(), token.clone());
    let refreshing = tokio::spawn(async move { actor.refresh_with(&presented).await });
    tokio::task::block_in_place(|| {
        watch_for_step(&mut watching, session)?;
        node.kill_now()
    })?;
    node.kill().await?;
    Ok((token, refreshing.await?.into_iter().collect()))
}

fn watch_for_step(connection: &mut SqliteConnection, session: SessionId) -> anyhow::Result<()> {
    let generation = sessions::table.find(session).select(sessions::generation);
    let began = Instant::now();
    while generation.first::<i64>(connection)? == 0 {
        anyhow::ensure!(began.elapsed() < PATIENCE, "the step is not taken");
    }
    Ok(())
}
