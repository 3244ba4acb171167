//! Login, beside its password hash alone.

use e2e::{PASSWORD, wire};
use serde_json::json;

use crate::{
    composed::ratio,
    contest::{Contender, contest},
    raw,
    row::{Row, Spec, Target, Unit},
    stage::Stage,
    tokens::USER,
    wrk::in_turn,
};

pub(crate) const PATH: &str = "/api/v1/user/token/";
/// A few more than hash at a time, so that no core waits.
const PER_CORE: usize = 4;

const SPEC: Spec = Spec {
    name: "login",
    what: "login by password, PostgreSQL, a hashing thread per core",
    against: "limit: Argon2id alone on the same cores",
    target: Target::AtLeast(0.95),
    unit: Unit::Times,
};

pub(super) async fn measure(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let cores = std::thread::available_parallelism()?.get();
    let cluster = stage.cluster(&[("AUTH_HASH_THREADS", &cores.to_string())]).await?;
    let auth = cluster.auth().await?;
    cluster.user(USER).await?;
    let body = json!({"username": USER, "password": PASSWORD}).to_string();
    let request = in_turn([wire::post(PATH, &body, None)]);
    let wrk = stage.turns(cores * PER_CORE);
    let [ours, alone] = contest(
        &stage.plan,
        [
            Contender::new(|length| wrk.run(&auth, (&request, length))),
            Contender::new(|length| std::future::ready(raw::argon2(length))),
        ],
    )
    .await?;
    Ok(vec![SPEC.measured(ratio(("login", &ours), ("Argon2id", &alone)))])
}
