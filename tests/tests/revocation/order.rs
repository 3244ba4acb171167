//! The order of the feed is the order of commit, whoever writes and however long it takes.

use std::time::Duration;

use auth_service::store::feed::{self, New};
use diesel::QueryResult;
use e2e::{Actor, Cluster, Node, session_of};
use futures_util::future::try_join_all;
use serde_json::json;
use shared::{
    Clock, DbConnection,
    revocation::{Kind, adopted_session_id},
};
use tokio::sync::oneshot;

use crate::{
    NODE, PATIENCE, PROMPT,
    follower::{Follower, Told},
    foreign::{self, minted},
    watch::{Shown, Validator, accepted, refused},
};

/// Revocations made at once.
const CROWD: usize = 200;
/// Followers that begin while they are made, at either service.
const LATE: usize = 12;
/// How long the second revocation is given to overtake the first: many times what it needs.
const OVERTAKING: Duration = Duration::from_millis(400);

/// Two auth services on one database, and a validator behind each.
struct Replicas {
    cluster: Cluster,
    auth: [Node; 2],
    _org: [Node; 2],
    validators: [Validator; 2],
}

impl Replicas {
    async fn start(settings: e2e::Settings<'_>) -> anyhow::Result<Self> {
        let cluster = Cluster::with(NODE, settings)?;
        let auth: [Node; 2] = tokio::try_join!(cluster.auth(), cluster.auth())?.into();
        let org: [Node; 2] = tokio::try_join!(cluster.org(&auth[0]), cluster.org(&auth[1]))?.into();
        let validators = org.each_ref().map(Validator::org);
        Ok(Self { cluster, auth, _org: org, validators })
    }

    async fn login(&self, name: &str) -> anyhow::Result<(Actor, Shown, String)> {
        self.cluster.user(name).await?;
        let actor = self.cluster.login(&self.auth[1], name).await?;
        let token = actor.access.clone().unwrap_or_default();
        let sid = session_of(&token)?.to_string();
        Ok((actor, Shown::Bearer(token), sid))
    }
}

/// Writes a revocation and holds its transaction open until it is told to commit.
fn hold(
    connection: &mut DbConnection,
    sid: &str,
    (holding, commit): (oneshot::Sender<()>, oneshot::Receiver<()>),
) -> QueryResult<()> {
    connection.write_transaction(|conn| {
        feed::append(conn, Clock::System.now(), &[New::of(Kind::Session, sid)])?;
        // A test that has given up wants nothing of this.
        holding.send(()).ok();
        commit.blocking_recv().map_err(|_| diesel::result::Error::RollbackTransaction)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_whose_commit_is_late_reaches_everybody_and_none_overtakes_it() -> anyhow::Result<()> {
    let replicas = Replicas::start(&[]).await?;
    let (_, late, late_sid) = replicas.login("late").await?;
    let (prompt_actor, prompt, prompt_sid) = replicas.login("prompt").await?;
    let mut followers = Vec::new();
    for auth in &replicas.auth {
        followers.push(Follower::begin(&replicas.cluster, auth).await?);
    }
    let ((holding, held), (commit, committing)) = (oneshot::channel(), oneshot::channel());
    let mut connection = replicas.cluster.auth_db.db.dedicated()?;
    let sid = late_sid.clone();
    let holder = tokio::task::spawn_blocking(move || hold(&mut connection, &sid, (holding, committing)));
    held.await?;
    let logout = async { prompt_actor.post("/api/v1/user/logout/", &json!({})).await };
    let mut logout = std::pin::pin!(logout);
    let overtook = tokio::time::timeout(OVERTAKING, &mut logout).await;
    assert!(overtook.is_err(), "it has a later place, so it waits: {overtook:?}");
    for token in [&late, &prompt] {
        accepted(&replicas.validators, token).await?;
    }
    commit.send(()).ok();
    holder.await??;
    refused(&replicas.validators, &late, PROMPT).await?;
    let answer = logout.await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    refused(&replicas.validators, &prompt, PROMPT).await?;
    for follower in &mut followers {
        follower.read_up_to(2, PATIENCE).await?;
        follower.check()?;
        let keys: Vec<_> = follower.entries.iter().map(|(_, _, key)| key.as_str()).collect();
        assert_eq!(keys, [&late_sid, &prompt_sid]);
    }
    Ok(())
}

/// Blacklists a refresh token of the original: one revocation, without the cost of a login. A service
/// whose SQLite file is locked by the other for too long says 503, and is asked again.
async fn blacklist(actor: &Actor, token: &str) -> anyhow::Result<()> {
    loop {
        let answer = actor.post("/api/v1/user/token/blacklist/", &json!({"refresh": token})).await?;
        if answer.status != 503 {
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            return Ok(());
        }
    }
}

/// What a follower is told that is there from the beginning, and what one that begins in the middle of the
/// storm: none may be sent away for what it knows already.
async fn follow_from(cluster: &Cluster, auth: &Node, middle: usize) -> anyhow::Result<[Vec<Told>; 2]> {
    let mut early = Follower::begin(cluster, auth).await?;
    early.read_up_to(i64::try_from(middle)?, PATIENCE).await?;
    let mut late = Follower::begin(cluster, auth).await?;
    for follower in [&mut early, &mut late] {
        follower.read_up_to(i64::try_from(CROWD)?, PATIENCE).await?;
        follower.check()?;
    }
    Ok([early.entries, late.entries])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_revocations_over_two_replicas_comes_in_order_without_gaps() -> anyhow::Result<()> {
    let replicas = Replicas::start(&foreign::SETTINGS).await?;
    let user = replicas.cluster.user("ada").await?.subject;
    let good = Shown::Bearer(minted("access", &user, "good", -30)?);
    accepted(&replicas.validators, &good).await?;
    let actors = replicas.auth.each_ref().map(Node::anonymous);
    let jtis: Vec<String> = (0..CROWD).map(|number| format!("crowd{number}")).collect();
    let revoke =
        async |jti: &String, actor: &Actor| blacklist(actor, &minted("refresh", &user, jti, -30)?).await;
    let revoking =
        try_join_all(jtis.iter().zip(actors.iter().cycle()).map(|(jti, actor)| revoke(jti, actor)));
    let follow = |(order, auth)| follow_from(&replicas.cluster, auth, order * CROWD / LATE);
    let following = try_join_all((0..LATE).zip(replicas.auth.iter().cycle()).map(follow));
    let (_, told) = tokio::try_join!(revoking, following)?;
    let told: Vec<_> = told.into_iter().flatten().collect();
    for entries in &told {
        assert_eq!(entries, &told[0], "one order for all");
    }
    let mut keys: Vec<_> = told[0].iter().map(|(_, _, key)| key.clone()).collect();
    let mut expected: Vec<_> = jtis.iter().map(|jti| adopted_session_id(jti).to_string()).collect();
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
    for jti in &jtis {
        refused(&replicas.validators, &Shown::Bearer(minted("access", &user, jti, -30)?), PROMPT).await?;
    }
    accepted(&replicas.validators, &good).await
}
