//! What authentication costs a service: the example's `/protected` beside its `/open`, with the same
//! headers sent and the same body answered.

use anyhow::ensure;
use e2e::{Cluster, Node, wire};

use crate::{
    composed::ratio,
    contest::{Contender, contest},
    feed, raw,
    row::{Measured, Row, Run, Side, Spec, Target, Unit},
    stage::Stage,
    tokens::{USER, access_tokens},
    wrk::in_turn,
};

const CONNECTIONS: usize = 32;

const ONE: Spec = Spec {
    name: "protected/one",
    what: "authenticated request, one token, no database",
    against: "limit: the same handler without authentication",
    target: Target::AtLeast(0.95),
    unit: Unit::Times,
};
const MANY: Spec = Spec {
    name: "protected/many",
    what: "the same, 10,000 tokens in turn",
    target: Target::AtLeast(0.90),
    ..ONE
};
const REVOKED: Spec =
    Spec { name: "protected/revoked", what: "the same beside 10⁶ live revocations", ..MANY };
const FIRST: Spec = Spec {
    name: "protected/first",
    what: "CPU time that a token takes which was not seen before",
    against: "limit: one raw signature verification",
    target: Target::AtMost(1.25),
    unit: Unit::Times,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cluster = stage.cluster(&[]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let tokens = access_tokens(&cluster, &auth, stage.plan.tokens).await?;
    let [one, many] = [Asked::with(tokens.get(..1).unwrap_or_default()), Asked::with(&tokens)];
    let room = stage.plan.tokens.to_string();

    let service = start(&cluster, &auth, &room).await?;
    check(&service, tokens.first().map_or("", String::as_str)).await?;
    let mut rows = vec![ONE.measured(beside_open(stage, &service, &one).await?)];
    rows.push(MANY.measured(beside_open(stage, &service, &many).await?));
    drop(service);

    // With room for one token, each request of many in turn is the first of its token.
    rows.push(first(stage, &start(&cluster, &auth, "1").await?, &many).await?);

    drop(auth);
    feed::fill(&cluster, stage.plan.revocations).await?;
    let auth = cluster.auth().await?;
    let revoked = beside_open(stage, &start(&cluster, &auth, &room).await?, &many).await?;
    rows.push(REVOKED.measured(revoked.noting(format!("{} live revocations", stage.plan.revocations))));
    Ok(rows)
}

async fn start(cluster: &Cluster, auth: &Node, cache: &str) -> anyhow::Result<Node> {
    cluster.protected_at(&auth.management, &[("AUTH_TOKEN_CACHE", cache)]).await
}

/// The same tokens for both paths.
struct Asked {
    open: Vec<u8>,
    protected: Vec<u8>,
}

impl Asked {
    fn with(tokens: &[String]) -> Self {
        let all = |path| in_turn(tokens.iter().map(|token| wire::get(path, token)));
        Self { open: all("/open"), protected: all("/protected") }
    }
}

/// A ratio between different answers would mean nothing.
async fn check(service: &Node, token: &str) -> anyhow::Result<()> {
    let actor = service.anonymous().bearing(token);
    let [open, protected] = [actor.get("/open").await?, actor.get("/protected").await?];
    ensure!(open.text == protected.text && protected.status == 200, "{open:?} and {protected:?}");
    let refused = service.anonymous().get("/protected").await?.status;
    ensure!(refused == 401, "without a token /protected answers {refused}");
    Ok(())
}

async fn beside_open(stage: &Stage, service: &Node, asked: &Asked) -> anyhow::Result<Measured> {
    let wrk = stage.turns(CONNECTIONS);
    let side = |requests| Contender::new(move |length| wrk.run(service, (requests, length)));
    let [protected, open] = contest(&stage.plan, [side(&asked.protected), side(&asked.open)]).await?;
    Ok(ratio(("/protected", &protected), ("/open", &open)))
}

async fn first(stage: &Stage, service: &Node, asked: &Asked) -> anyhow::Result<Row> {
    let wrk = stage.turns(CONNECTIONS);
    let side = |requests| Contender::new(move |length| wrk.run(service, (requests, length)));
    let raw = Contender::new(|length| std::future::ready(raw::verification(length / 4)));
    let [protected, open, raw] =
        contest(&stage.plan, [side(&asked.protected), side(&asked.open), raw]).await?;
    let cpu = |run: &Run| run.cpu_us.unwrap_or(f64::NAN);
    let rounds = protected.iter().zip(&open).zip(&raw);
    let figures = rounds.map(|((protected, open), raw)| (cpu(protected) - cpu(open)) / cpu(raw)).collect();
    let sides = [("/protected, first seen", &protected), ("/open", &open), ("Ed25519 verification", &raw)];
    Ok(FIRST.measured(Measured::of(figures, sides.map(|(name, runs)| Side::of(name, runs)).into())))
}
