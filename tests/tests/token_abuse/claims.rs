//! Claims under a good signature: times, the issuer, and types that nobody expects.

use serde_json::{Value, json};
use shared::Clock;

use crate::{
    forge::{Forged, GENUINE, Key, Parts},
    world::{ACCESS, BEARER, Door, REFRESH, World, check_refusal},
};

/// Signs either token of the pair with one claim changed; `None` takes it away.
async fn refuse_values(world: &World, claim: &str, values: &[Option<Value>]) -> anyhow::Result<()> {
    let genuine = Key::ed25519(GENUINE)?;
    world
        .refuse_made_of_pair(|token| {
            let forge = |value: &Option<Value>| -> anyhow::Result<Forged> {
                let parts = Parts::of(token)?;
                let parts = match value {
                    Some(value) => parts.claim(claim, value.clone()),
                    None => parts.without_claim(claim),
                };
                Ok((format!("{claim} {value:?}"), parts.signed_by(&genuine)?))
            };
            values.iter().map(forge).collect()
        })
        .await
}

async fn accept_value(world: &World, claim: &str, value: Value) -> anyhow::Result<()> {
    let genuine = Key::ed25519(GENUINE)?;
    for (token, doors) in world.pair() {
        world.accept(doors, &Parts::of(token)?.claim(claim, value.clone()).signed_by(&genuine)?).await?;
    }
    Ok(())
}

fn no_numbers() -> Vec<Option<Value>> {
    [json!(null), json!("soon"), json!(""), json!([1]), json!({"at": 1}), json!([])].map(Some).to_vec()
}

#[tokio::test]
async fn expired_tokens_are_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let now = Clock::System.now().as_secs();
    accept_value(&world, "exp", json!(now + 600)).await?;
    let mut values = no_numbers();
    values.extend([now, now - 1, now - 86_400, 0, -1, i64::MIN].map(|at| Some(json!(at))));
    values.extend(
        [json!(true), json!(false), json!(1.5), json!(1e300), json!(u64::MAX), json!("4000000000")].map(Some),
    );
    values.push(None);
    refuse_values(&world, "exp", &values).await
}

#[tokio::test]
async fn tokens_from_the_future_are_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let now = Clock::System.now().as_secs();
    for claim in ["iat", "nbf"] {
        accept_value(&world, claim, json!(now - 1)).await?;
        let mut values = no_numbers();
        values.extend([now + 60, now + 86_400, i64::MAX].map(|at| Some(json!(at))));
        values.extend([json!(1e300), json!(u64::MAX), json!((now + 60).to_string())].map(Some));
        refuse_values(&world, claim, &values).await?;
    }
    Ok(())
}

#[tokio::test]
async fn tokens_of_another_issuer_are_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let ours = shared::verifier::DEFAULT_ISSUER;
    accept_value(&world, "iss", json!(ours)).await?;
    let mut values: Vec<_> = ["", "http://localhost:8000/", "HTTP://localhost:8000", "http://evil.example"]
        .into_iter()
        .map(|issuer| Some(json!(issuer)))
        .collect();
    values.extend([json!(null), json!([ours]), json!({"iss": ours}), json!(8000), json!(true)].map(Some));
    values.push(None);
    refuse_values(&world, "iss", &values).await
}

#[tokio::test]
async fn ids_that_are_no_text_are_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let odd = [json!(null), json!(5), json!(1.5), json!(true), json!([]), json!(["a"]), json!({})].map(Some);
    for claim in ["jti", "sub"] {
        accept_value(&world, claim, Parts::of(world.access())?.claims["sub"].clone()).await?;
        refuse_values(&world, claim, &odd).await?;
    }
    refuse_values(&world, "jti", &[None]).await
}

#[tokio::test]
async fn a_user_that_cannot_be_one_opens_nothing() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let parts = Parts::of(world.access())?;
    world.accept(&BEARER, &parts.signed_by(&genuine)?).await?;
    let mut odd = vec![json!(null), json!(true), json!(1.5), json!([]), json!(["a"]), json!({}), json!("")];
    odd.extend([json!("\0"), json!("a\0b")]);
    for value in odd {
        let token = parts.clone().claim("user_id", value.clone()).signed_by(&genuine)?;
        for door in BEARER {
            check_refusal(&format!("user_id {value} at {door:?}"), &world.knock(door, &token).await?, &token);
        }
    }
    // These name nobody; only the auth service knows, for only it looks.
    for value in [json!(-1), json!(u64::MAX), json!("x".repeat(8000)), json!("\u{fffd}")] {
        let token = parts.clone().claim("user_id", value.clone()).signed_by(&genuine)?;
        let answer = world.knock(Door::Me, &token).await?;
        check_refusal(&format!("user_id {value:.20}"), &answer, &token);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_but_true_makes_a_superuser() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    world.server.user("bob").await?;
    let bob = world.server.login("bob").await?;
    let made = bob.post("/api/v1/organization/", &json!({"name": "Of Bob"})).await?;
    assert_eq!(made.status, 201, "{}", made.text);
    let genuine = Key::ed25519(GENUINE)?;
    let count = async |value: Value| -> anyhow::Result<Value> {
        let token = Parts::of(world.access())?.claim("is_superuser", value).signed_by(&genuine)?;
        Ok(world.knock(Door::Organization, &token).await?.json["count"].clone())
    };
    assert_eq!(count(json!(true)).await?, json!(1), "a superuser sees every organization");
    for value in
        [json!(false), json!(null), json!("true"), json!(1), json!([true]), json!({"is_superuser": true})]
    {
        assert_eq!(count(value.clone()).await?, json!(0), "is_superuser {value}");
    }
    Ok(())
}

#[tokio::test]
async fn an_odd_session_or_generation_is_never_a_fault_of_ours() -> anyhow::Result<()> {
    let settings = [("AUTH_SIGNING_KEY", GENUINE), ("AUTH_ROTATE_REFRESH_TOKENS", "true")];
    let world = World::with(&settings, &[]).await?;
    let genuine = Key::ed25519(GENUINE)?;
    let mut odd = vec![json!(null), json!(true), json!(1.5), json!("x"), json!("\0"), json!([]), json!({})];
    odd.extend([json!(-1), json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300)]);
    for (claim, value) in odd.iter().flat_map(|value| [("sid", value), ("gen", value)]) {
        // A wrong generation counts as reuse and ends the session, so each has one of its own.
        let first = world.server.login("alice").await?.refresh.unwrap_or_default();
        let second = world.knock(Door::Refresh, &first).await?.text_of("refresh")?;
        let token = Parts::of(&second)?.claim(claim, value.clone()).signed_by(&genuine)?;
        for door in REFRESH {
            let answer = world.knock(door, &token).await?;
            let told = format!("{claim} {value} at {door:?}: {} {}", answer.status, answer.text);
            assert!(matches!(answer.status, 200 | 400 | 401), "{told}");
        }
    }
    world.accept(&ACCESS, world.access()).await
}
