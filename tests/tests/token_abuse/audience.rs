//! `aud`, where a service demands one (RFC 8725, section 3.9).

use serde_json::{Value, json};

use crate::{
    forge::{Forged, GENUINE, Key, Parts},
    world::{ACCESS, World},
};

const OURS: [(&str, &str); 1] = [("AUTH_AUDIENCE", "api,intern")];

async fn with_audience() -> anyhow::Result<World> {
    World::with(&[("AUTH_SIGNING_KEY", GENUINE), ("AUTH_AUDIENCE", "api,intern")], &OURS).await
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() -> anyhow::Result<()> {
    let world = with_audience().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let ours = [json!("api"), json!(["api"]), json!(["other", "intern"])];
    for audience in ours {
        for (token, doors) in world.pair() {
            let token = Parts::of(token)?.claim("aud", audience.clone()).signed_by(&genuine)?;
            world.accept(doors, &token).await?;
        }
    }
    world
        .refuse_made_of_pair(|token| {
            let parts = Parts::of(token)?;
            let mut others: Vec<Value> =
                ["", "API", "api ", "api,intern", "other", "api\0"].map(Value::from).to_vec();
            others.extend([
                json!(null),
                json!(5),
                json!(true),
                json!([]),
                json!({"api": 1}),
                json!(["other"]),
            ]);
            others.extend([json!(["api", 5]), json!([["api"]]), json!([null, "api"])]);
            let mut forged: Vec<Forged> = Vec::new();
            for other in others {
                forged.push((format!("aud {other}"), parts.clone().claim("aud", other).signed_by(&genuine)?));
            }
            forged.push(("no aud".into(), parts.without_claim("aud").signed_by(&genuine)?));
            Ok(forged)
        })
        .await
}

#[tokio::test]
async fn without_a_configured_audience_the_claim_is_not_looked_at() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let token = Parts::of(world.access())?.claim("aud", "other").signed_by(&genuine)?;
    world.accept(&ACCESS, &token).await
}
