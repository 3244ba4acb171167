//! A login against a password hash that the peer made, as somebody meets it who moved here: the first
//! login replaces the hash by Argon2id, and pays for both.

use std::time::Duration;

use anyhow::Context as _;
use auth_service::{password::Scheme, schema::users};
use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryableByName, RunQueryDsl as _, sql_query, sql_types::Text,
};
use e2e::{Cluster, PASSWORD, new_user, wire};
use serde_json::json;
use shared::{Clock, DbConnection};

use super::{OBTAIN, plan};
use crate::{
    cli::Plan,
    composed::ratio,
    contest::{Contender, contest},
    peer::Peer,
    row::Row,
    rows::login::PATH,
    stage::Stage,
    tokens::USER,
    wrk::in_turn,
};

/// Connections; each side hashes on two cores.
const CONNECTIONS: usize = 4;
/// Users of ours, far more than log in during a turn: nobody logs in twice under the old hash.
const USERS: usize = 300;

pub(super) async fn measure(stage: &Stage, peer: &Peer) -> anyhow::Result<Row> {
    let hash = their_hash(peer).await?;
    let cluster = stage.cluster(&[("AUTH_HASH_THREADS", "2")]).await?;
    drop(cluster.auth().await?);
    add_users(&cluster).await?;
    put_back(&cluster, &hash).await?;
    // Started when the hashes are there, so that it levels its answers by them.
    let auth = cluster.auth().await?;
    let login =
        |name: &str| wire::post(PATH, &json!({"username": name, "password": PASSWORD}).to_string(), None);
    let ours = in_turn((0..USERS).map(|number| login(&name(number))));
    let theirs = in_turn([login(USER)]);
    let wrk = stage.turns(CONNECTIONS);
    let (cluster, auth, hash, ours) = (&cluster, &auth, &hash, &ours);
    let turn = |length: Duration| async move {
        put_back(cluster, hash).await?;
        wrk.run(auth, (ours, length)).await
    };
    let plan = plan(stage);
    // Each takes the better part of a second.
    let plan = Plan { turn: plan.long_turn, ..plan };
    let sides = [Contender::new(turn), Contender::new(|length| wrk.run(&peer.node, (&theirs, length)))];
    let [ours, theirs] = contest(&plan, sides).await?;
    let measured = ratio(("ours", &ours), ("peer", &theirs));
    Ok(OBTAIN.measured(measured.noting("each of our logins also makes the Argon2id hash that replaces it")))
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    password: String,
}

/// What the peer stores for the same password.
async fn their_hash(peer: &Peer) -> anyhow::Result<String> {
    let find = |conn: &mut DbConnection| match conn {
        DbConnection::Postgres(pg) => sql_query("SELECT password FROM auth_user").load::<Stored>(pg),
        DbConnection::Sqlite(_) => Ok(Vec::new()),
    };
    let found = peer.database.db.read(find).await?;
    Ok(found.into_iter().next().context("the peer's user")?.password)
}

async fn add_users(cluster: &Cluster) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let new: Vec<_> =
        (0..USERS).map(|number| new_user(&name(number), false, now)).collect::<Result<_, _>>()?;
    let insert = move |conn: &mut DbConnection| {
        new.iter().try_for_each(|user| auth_service::store::users::insert(conn, user).map(drop))
    };
    Ok(cluster.auth_db.db.transaction(insert).await?)
}

/// Gives everybody the peer's hash again.
async fn put_back(cluster: &Cluster, hash: &str) -> anyhow::Result<()> {
    let (hash, scheme) = (hash.to_owned(), Scheme::of(hash)?.label());
    let update = move |conn: &mut DbConnection| {
        diesel::update(users::table.filter(users::password.ne(hash.clone())))
            .set((users::password.eq(hash), users::password_scheme.eq(scheme)))
            .execute(conn)
    };
    cluster.auth_db.db.write(update).await?;
    Ok(())
}
