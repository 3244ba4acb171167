//! A list of organizations and one organization, each beside its composed limit.

use anyhow::{Context as _, ensure};
use e2e::{Actor, Cluster, Node, Settings, wire};
use serde_json::json;

use crate::{
    composed::beside,
    contest::{Contender, contest},
    pgbench,
    row::{Row, Spec, Target, Unit},
    stage::Stage,
    tokens::USER,
    wrk::in_turn,
};

const CONNECTIONS: usize = 16;
/// Organizations in sight; a page shows five.
pub(super) const ORGANIZATIONS: usize = 12;
pub(crate) const PATH: &str = "/api/v1/organization/";

const LIST: Spec = Spec {
    name: "list",
    what: "the first page of 12 organizations, PostgreSQL",
    against: "limit: bare handler, the same statements",
    target: Target::AtLeast(0.65),
    unit: Unit::Times,
};
const RETRIEVE: Spec = Spec {
    name: "retrieve",
    what: "one organization, PostgreSQL",
    against: "limit: bare handler, the same statement",
    ..LIST
};

/// Services with somebody who has organizations.
pub(super) struct World {
    pub(super) auth: Node,
    pub(super) org: Node,
    pub(super) owner: Actor,
    pub(super) user_id: String,
    /// The last of the organizations.
    pub(super) org_id: String,
    pub(super) cluster: Cluster,
}

impl World {
    pub(super) async fn new(stage: &Stage, settings: Settings<'_>) -> anyhow::Result<Self> {
        let cluster = stage.cluster(settings).await?;
        let auth = cluster.auth().await?;
        let org = cluster.org(&auth).await?;
        let user_id = cluster.user(USER).await?.subject;
        let token = cluster.login(&auth, USER).await?.access.context("a token")?;
        let owner = org.anonymous().bearing(&token);
        let mut org_id = String::new();
        for number in 0..ORGANIZATIONS {
            let answer = owner.post(PATH, &json!({"name": format!("Organization {number}")})).await?;
            ensure!(answer.status == 201, "{answer:?}");
            let id = answer.json.pointer("/data/id").and_then(serde_json::Value::as_str);
            id.context("an id")?.clone_into(&mut org_id);
        }
        // As autovacuum does it in time.
        cluster
            .org_db
            .db
            .write(|conn| diesel::connection::SimpleConnection::batch_execute(conn, "ANALYZE"))
            .await?;
        Ok(Self { auth, org, owner, user_id, org_id, cluster })
    }

    pub(super) fn token(&self) -> &str {
        self.owner.access.as_deref().unwrap_or_default()
    }
}

pub(super) async fn list(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    one(stage, &LIST, |_| PATH.to_owned(), include_str!("../../sql/list.sql")).await
}

pub(super) async fn retrieve(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let path = |world: &World| format!("{PATH}{}/", world.org_id);
    one(stage, &RETRIEVE, path, include_str!("../../sql/retrieve.sql")).await
}

async fn one(
    stage: &Stage,
    spec: &Spec,
    path: impl Fn(&World) -> String,
    script: &str,
) -> anyhow::Result<Vec<Row>> {
    let world = World::new(stage, &[]).await?;
    // The same headers to both.
    let request = in_turn([wire::get(&path(&world), world.token())]);
    let (user, org) = (format!("'{}'", world.user_id), format!("'{}'", world.org_id));
    let script = script.replace(":user", &user).replace(":org", &org);
    let statement = |length| {
        let work = (CONNECTIONS, length);
        pgbench::run((&script, stage.folder()), &world.cluster.org_db.url, &[], work)
    };
    let wrk = stage.turns(CONNECTIONS);
    let [ours, bare, statement] = contest(
        &stage.plan,
        [
            Contender::new(|length| wrk.run(&world.org, (&request, length))),
            Contender::new(|length| stage.bare_run(CONNECTIONS, (&request, length))),
            Contender::new(statement),
        ],
    )
    .await?;
    let parts = [("bare handler", bare.as_slice()), ("statements", &statement)];
    Ok(vec![spec.measured(beside(spec.name, &ours, &parts))])
}
