//! A feed that says things twice, out of order, or about the future; and one that forgets.

use std::{slice::from_ref, time::Duration};

use e2e::{Actor, Cluster, Node};
use serde_json::json;
use shared::{
    Clock,
    keys::{Alg, SigningKey},
};

use crate::{
    NODE, PATIENCE,
    fake::{Fake, begin, ended, head},
    foreign::{SECRET, SETTINGS},
    watch::{ALWAYS, NEVER_ACCEPTED, NEVER_AGAIN, NEVER_REFUSED, Shown, Validator, Watch, accepted, refused},
};

const SIDS: [&str; 6] = [
    "0197f3a0-0000-7000-8000-000000000000",
    "0197f3a0-0000-7000-8000-000000000001",
    "0197f3a0-0000-7000-8000-000000000002",
    "0197f3a0-0000-7000-8000-000000000003",
    "0197f3a0-0000-7000-8000-000000000004",
    "0197f3a0-0000-7000-8000-000000000005",
];

/// An access token of the session of this number.
fn token(number: usize) -> anyhow::Result<Shown> {
    let now = Clock::System.now().as_secs();
    let claims = json!({
        "token_type": "access", "exp": now + 200, "iat": now - 1, "jti": format!("j{number}"),
        "user_id": "7", "sid": SIDS[number],
    });
    let claims = claims.as_object().cloned().unwrap_or_default();
    Ok(Shown::Bearer(SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None)?.sign(&claims)?))
}

async fn follow(cluster: &Cluster, fake: &Fake, settings: e2e::Settings<'_>) -> anyhow::Result<Node> {
    cluster.org_at(&fake.address, settings, 2).await
}

/// What the validator's metrics say of the feed.
pub(crate) async fn metric(node: &Node, name: &str) -> anyhow::Result<f64> {
    let answer = Actor::new(&node.management).get("/metrics").await?;
    let line = answer.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.unwrap_or_default().parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_come_twice_or_out_of_order_count_once_and_stay() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, &SETTINGS)?;
    let snapshot =
        [begin("one")?, ended(&[(2, SIDS[2]), (1, SIDS[1])])?, ended(&[(1, SIDS[1])])?, head(2, 0)?];
    let fake = Fake::greeting(snapshot.concat()).await?;
    let org = follow(&cluster, &fake, &[]).await?;
    let validators = [Validator::org(&org)];
    let good = token(0)?;
    let unharmed = Watch::over("never revoked", &validators, &good, ALWAYS);
    fake.say([ended(&[(5, SIDS[5])])?, ended(&[(4, SIDS[4])])?, head(5, 0)?].concat());
    fake.say([ended(&[(4, SIDS[4]), (3, SIDS[3])])?, ended(&[(5, SIDS[5])])?, head(4, 0)?].concat());
    let mut watches = Vec::new();
    for (number, sid) in SIDS.iter().enumerate().skip(1) {
        refused(&validators, &token(number)?, PATIENCE).await?;
        watches.push(Watch::over(sid, &validators, &token(number)?, NEVER_AGAIN));
    }
    assert_eq!(metric(&org, "revocation_entries").await?.to_bits(), 5_f64.to_bits(), "each counts once");

    // A feed that has forgotten everything, or is another one, takes nothing back.
    for epoch in ["one", "another"] {
        fake.greet_with(Some([begin(epoch)?, head(0, 0)?].concat()));
        fake.hang_up().await?;
        accepted(&validators, &good).await?;
    }
    for watch in watches {
        watch.finish().await?;
    }
    unharmed.finish().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_speaks_of_the_future_is_believed_no_longer_than_any_other() -> anyhow::Result<()> {
    let cluster = Cluster::with(NODE, &SETTINGS)?;
    let fake = Fake::greeting([begin("one")?, ended(&[(1, SIDS[1])])?, head(1, 0)?].concat()).await?;
    let org = follow(&cluster, &fake, &[("REVOCATION_MAX_STALENESS", "2s")]).await?;
    let validator = Validator::org(&org);
    let (good, revoked) = (token(0)?, token(1)?);
    let never = Watch::over("revoked", from_ref(&validator), &revoked, NEVER_ACCEPTED);
    for future in [3_600_000_000, i64::MAX] {
        fake.greet_with(Some([begin("one")?, head(1, 0)?].concat()));
        fake.hang_up().await?;
        validator.answers(&good, 200, PATIENCE).await?;
        fake.greet_with(None);
        fake.say(head(1, future)?);
        fake.leave();
        validator.answers(&good, 503, Duration::from_secs(4)).await?;
    }
    let put_off = Watch::over("good", from_ref(&validator), &good, NEVER_REFUSED);
    assert_eq!(validator.status(&revoked).await, Some(401), "known before, and still");
    fake.greet_with(Some([begin("one")?, head(1, 0)?].concat()));
    fake.leave();
    validator.answers(&good, 200, PATIENCE).await?;
    put_off.finish().await?;
    never.finish().await.map(drop)
}
