//! What a user would pick instead: Django, SimpleJWT and gunicorn, doing the same on the same PostgreSQL.
//!
//! Like with like: rotation and blacklist beside rotation, no rotation beside none, and the same password
//! hash to check. Ours signs with Ed25519, as it does by default, the peer with HMAC, as it does.

mod obtain;

use anyhow::Context as _;
use e2e::{Actor, Node, wire};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use shared::random;

use super::{
    organizations::{self, ORGANIZATIONS, World},
    refresh,
};
use crate::{
    cli::Plan,
    composed::ratio,
    contest::{Contender, contest},
    peer::{self, Peer},
    row::{Outcome, Row, Spec, Target, Unit},
    stage::Stage,
    tokens::{USER, sessions},
    wrk::{CREATE, Wrk, in_turn},
};

/// Connections of each side.
const CONNECTIONS: usize = 16;
/// A ratio of twenty is seen in a few rounds.
const ROUNDS: usize = 5;

const VERIFY: Spec = Spec {
    name: "peer/verify",
    what: "verify an access token",
    against: "peer: Django, SimpleJWT, gunicorn",
    target: Target::AtLeast(20.0),
    unit: Unit::Times,
};
const LIST: Spec = Spec { name: "peer/list", what: "the first page of 12 organizations", ..VERIFY };
const RETRIEVE: Spec = Spec { name: "peer/retrieve", what: "one organization", ..VERIFY };
const CREATE_ONE: Spec = Spec { name: "peer/create", what: "create an organization", ..VERIFY };
const REFRESH: Spec = Spec { name: "peer/refresh", what: "refresh without rotation", ..VERIFY };
const ROTATE: Spec = Spec { name: "peer/rotate", what: "refresh with rotation and blacklist", ..VERIFY };
const OBTAIN: Spec = Spec {
    name: "peer/obtain",
    what: "login against the peer's own PBKDF2 hash",
    target: Target::AtLeast(1.5),
    ..VERIFY
};
const ALL: [Spec; 7] = [VERIFY, LIST, RETRIEVE, CREATE_ONE, REFRESH, ROTATE, OBTAIN];

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    if peer::folder().is_none() {
        return Ok(ALL.map(|spec| spec.with(Outcome::Skipped("peer absent".to_owned()))).into());
    }
    // Tokens that outlive the run, as ours do. The first one to start installs what both need.
    let still = Peer::start(stage, &json!({"ACCESS_TOKEN_LIFETIME": 43_200})).await?;
    let settings = json!({"ROTATE_REFRESH_TOKENS": true, "BLACKLIST_AFTER_ROTATION": true});
    let (sides, mut peer) = tokio::try_join!(Sides::new(stage, still), Peer::start(stage, &settings))?;
    let mut rows = reading(stage, sides).await?;
    rows.push(ROTATE.or_failed(rotating(stage, &peer).await));
    rows.push(OBTAIN.or_failed(obtain::measure(stage, &peer).await));
    peer.node.terminate().await?;
    Ok(rows)
}

fn plan(stage: &Stage) -> Plan {
    Plan { rounds: stage.plan.rounds.min(ROUNDS), ..stage.plan }
}

/// Who asks, and whom.
struct Side<'a> {
    auth: &'a Node,
    org: &'a Node,
    access: String,
    refresh: String,
    org_id: String,
}

/// Both sides of everything that needs no rotation.
struct Sides {
    ours: World,
    peer: Peer,
    refresh: String,
    theirs: Actor,
    their_org: String,
}

impl Sides {
    async fn new(stage: &Stage, peer: Peer) -> anyhow::Result<Self> {
        let ours = World::new(stage, &[("AUTH_ROTATE_REFRESH_TOKENS", "false")]).await?;
        let session = sessions(&ours.cluster, &ours.auth, 1).await?.pop();
        let refresh = session.and_then(|session| session.refresh).context("a token")?;
        let theirs = peer.login().await?;
        let mut their_org = String::new();
        for number in 0..ORGANIZATIONS {
            let body = json!({"name": format!("Organization {number}")});
            let answer = theirs.post(organizations::PATH, &body).await?;
            their_org = answer.json.pointer("/data/id").context("an id")?.to_string();
        }
        Ok(Self { ours, peer, refresh, theirs, their_org })
    }

    fn both(&self) -> [Side<'_>; 2] {
        let (ours, peer) = (&self.ours, &self.peer.node);
        let text = |token: &Option<String>| token.clone().unwrap_or_default();
        [
            Side {
                auth: &ours.auth,
                org: &ours.org,
                access: ours.token().to_owned(),
                refresh: self.refresh.clone(),
                org_id: ours.org_id.clone(),
            },
            Side {
                auth: peer,
                org: peer,
                access: text(&self.theirs.access),
                refresh: text(&self.theirs.refresh),
                org_id: self.their_org.clone(),
            },
        ]
    }
}

async fn reading(stage: &Stage, mut sides: Sides) -> anyhow::Result<Vec<Row>> {
    let rows = compare(stage, &sides).await;
    sides.peer.node.terminate().await?;
    Ok(rows)
}

async fn compare(stage: &Stage, sides: &Sides) -> Vec<Row> {
    let [ours, theirs] = sides.both();
    let both = |asking: Asking| [asking(&ours), asking(&theirs)];
    let rows = [
        VERIFY.or_failed(in_turns(stage, &VERIFY, both(verify)).await),
        LIST.or_failed(in_turns(stage, &LIST, both(list)).await),
        RETRIEVE.or_failed(in_turns(stage, &RETRIEVE, both(retrieve)).await),
        REFRESH.or_failed(in_turns(stage, &REFRESH, both(refresh)).await),
        CREATE_ONE.or_failed(creating(stage, both(create)).await),
    ];
    rows.into()
}

/// Who is asked for what.
type Asked<'a> = (&'a Node, Vec<u8>);
type Asking = for<'a> fn(&Side<'a>) -> Asked<'a>;

fn verify<'a>(side: &Side<'a>) -> Asked<'a> {
    let body = json!({"token": side.access}).to_string();
    (side.auth, wire::post("/api/v1/user/token/verify/", &body, None))
}

fn list<'a>(side: &Side<'a>) -> Asked<'a> {
    (side.org, wire::get(organizations::PATH, &side.access))
}

fn retrieve<'a>(side: &Side<'a>) -> Asked<'a> {
    (side.org, wire::get(&format!("{}{}/", organizations::PATH, side.org_id), &side.access))
}

fn refresh<'a>(side: &Side<'a>) -> Asked<'a> {
    (side.auth, wire::post(refresh::PATH, &json!({"refresh": side.refresh}).to_string(), None))
}

fn create<'a>(side: &Side<'a>) -> Asked<'a> {
    (side.org, wire::post(organizations::PATH, r#"{"name":"NAME"}"#, Some(&side.access)))
}

async fn in_turns(stage: &Stage, spec: &Spec, asked: [Asked<'_>; 2]) -> anyhow::Result<Row> {
    let wrk = stage.turns(CONNECTIONS);
    let sides = asked.map(|(node, request)| (node, in_turn([request])));
    let [ours, theirs] = sides
        .each_ref()
        .map(|(node, requests)| Contender::new(move |length| wrk.run(node, (requests, length))));
    let [ours, theirs] = contest(&plan(stage), [ours, theirs]).await?;
    Ok(spec.measured(ratio(("ours", &ours), ("peer", &theirs))))
}

async fn creating(stage: &Stage, asked: [Asked<'_>; 2]) -> anyhow::Result<Row> {
    let sides = asked.each_ref().map(|(node, request)| {
        Contender::new(move |length| async move {
            // A name is taken by whoever comes first.
            let run = random::hex32();
            let variables = [("RUN", run.as_str())];
            let wrk = Wrk { script: CREATE, variables: &variables, ..stage.turns(CONNECTIONS) };
            wrk.run(node, (request, length)).await
        })
    });
    let [ours, theirs] = contest(&plan(stage), sides).await?;
    Ok(CREATE_ONE.measured(ratio(("ours", &ours), ("peer", &theirs))))
}

async fn rotating(stage: &Stage, peer: &Peer) -> anyhow::Result<Row> {
    let cluster = stage.cluster(&[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let (cluster, auth) = (&cluster, &auth);
    let ours = |length| async move {
        let sessions = sessions(cluster, auth, CONNECTIONS).await?;
        refresh::chains(stage, auth, sessions, length).await
    };
    let theirs = |length| async move {
        let sessions = stream::iter((0..CONNECTIONS).map(|_| peer.login()));
        refresh::chains(stage, &peer.node, sessions.buffered(2).try_collect().await?, length).await
    };
    let [ours, theirs] = contest(&plan(stage), [Contender::new(ours), Contender::new(theirs)]).await?;
    Ok(ROTATE.measured(ratio(("ours", &ours), ("peer", &theirs))))
}
