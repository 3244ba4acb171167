//! What refresh and login cost among a million users and sessions, beside a thousand.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use e2e::{Cluster, Node, PASSWORD, wire};
use serde_json::json;

use super::{login, refresh};
use crate::{
    composed::ratio,
    contest::{Contender, contest},
    row::{Measured, Row, Run, Spec, Target, Unit},
    stage::Stage,
    tokens::{USER, sessions},
    wrk::in_turn,
};

const FEW: u32 = 1000;
const CONNECTIONS: usize = 8;

const REFRESH: Spec = Spec {
    name: "bulk/refresh",
    what: "time of a refresh among 10⁶ users and 10⁶ sessions",
    against: "among 10³",
    target: Target::AtMost(1.2),
    unit: Unit::Times,
};
const LOGIN: Spec = Spec { name: "bulk/login", what: "time of a login among as many", ..REFRESH };

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let (few, many) = (World::new(stage, FEW).await?, World::new(stage, stage.plan.bulk).await?);
    let note = format!("{} users and sessions", stage.plan.bulk);
    let sides = [&many, &few];
    let sides = sides.map(|world| Contender::new(move |length| refreshes(stage, world, length)));
    let [many_runs, few_runs] = contest(&stage.plan, sides).await?;
    let refresh = slower(&few_runs, &many_runs).noting(note.clone());

    let body = json!({"username": USER, "password": PASSWORD}).to_string();
    let request = in_turn([wire::post(login::PATH, &body, None)]);
    let (wrk, request) = (stage.turns(CONNECTIONS), &request);
    let sides = [&many.auth, &few.auth];
    let sides = sides.map(|auth| Contender::new(move |length| wrk.run(auth, (request, length))));
    let [many_runs, few_runs] = contest(&stage.plan, sides).await?;
    let login = slower(&few_runs, &many_runs).noting(note);
    Ok(vec![REFRESH.measured(refresh), LOGIN.measured(login)])
}

/// Times are compared, and not rates: few per second over many per second.
fn slower(few: &[Run], many: &[Run]) -> Measured {
    ratio(("among few", few), ("among many", many))
}

struct World {
    auth: Node,
    cluster: Cluster,
}

impl World {
    async fn new(stage: &Stage, rows: u32) -> anyhow::Result<Self> {
        let cluster = stage.cluster(&[]).await?;
        drop(cluster.auth().await?);
        fill(&cluster, rows).await?;
        let auth = cluster.auth().await?;
        cluster.user(USER).await?;
        Ok(Self { auth, cluster })
    }
}

async fn refreshes(stage: &Stage, world: &World, length: Duration) -> anyhow::Result<Run> {
    let sessions = sessions(&world.cluster, &world.auth, CONNECTIONS).await?;
    refresh::chains(stage, &world.auth, sessions, length).await
}

/// Users with a session each, as a site has them whose users come back.
async fn fill(cluster: &Cluster, rows: u32) -> anyhow::Result<()> {
    let fill = format!(
        "INSERT INTO users (id, subject, username, email, first_name, last_name, password, password_scheme,
             is_active, is_superuser, credential_version, created_at, updated_at)
         SELECT id, id, 'user-' || n, 'user-' || n || '@example.org', '', '', '!', '', true, false, 0,
             now() - interval '1 day', now()
         FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, {rows}) n) made;
         INSERT INTO sessions (id, user_id, user_claim, is_superuser, secret, generation, signing_kid,
             refresh_kid, created_at, rotated_at, expires_at, absolute_expires_at, user_agent, address)
         SELECT gen_random_uuid(), id, id, false, sha256(username::bytea), 3, 'signing', 'refresh',
             now() - interval '1 day', now(), now() + interval '1 day', now() + interval '29 days',
             'Mozilla/5.0', '192.0.2.1'
         FROM users;
         ANALYZE"
    );
    Ok(cluster.auth_db.db.write(move |conn| conn.batch_execute(&fill)).await?)
}
