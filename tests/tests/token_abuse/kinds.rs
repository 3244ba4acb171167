//! What a token is for decides where it opens (RFC 8725, section 3.12).

use serde_json::{Value, json};

use crate::{
    forge::{Forged, GENUINE, Key, MARK, Parts},
    world::{ACCESS, BEARER, Door, REFRESH, World},
};

/// One refusal at each of the doors, in the words of the original.
async fn refused_as(world: &World, doors: &[Door], token: &str, words: &str) -> anyhow::Result<()> {
    world.refuse(doors, &[(words.to_owned(), token.to_owned())]).await?;
    for door in doors {
        let answer = world.knock(*door, token).await?;
        let message = answer.json.pointer("/messages/0/message").and_then(Value::as_str);
        let told = message.unwrap_or(answer.detail());
        assert_eq!(told, words, "{door:?}: {}", answer.text);
    }
    Ok(())
}

async fn sliding(world: &World) -> anyhow::Result<String> {
    let body = json!({"username": "alice", "password": e2e::PASSWORD});
    world.server.anonymous().post("/api/v1/user/token/sliding/", &body).await?.text_of("token")
}

#[tokio::test]
async fn under_managed_keys_one_kind_is_not_even_signed_like_another() -> anyhow::Result<()> {
    let world = World::managed().await?;
    world.accept(&ACCESS, world.access()).await?;
    world.accept(&REFRESH, world.refresh()).await?;
    // Another key, so "invalid" rather than "wrong type".
    refused_as(&world, &BEARER, world.refresh(), "Token is invalid").await?;
    refused_as(&world, &[Door::Refresh], world.access(), "Token is invalid").await?;
    let sliding = sliding(&world).await?;
    world.accept(&[Door::Verify], &sliding).await?;
    refused_as(&world, &BEARER, &sliding, "Token has wrong type").await?;
    refused_as(&world, &[Door::Refresh], &sliding, "Token is invalid").await
}

#[tokio::test]
async fn under_one_key_for_all_the_type_alone_keeps_kinds_apart() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    world.accept(&ACCESS, world.access()).await?;
    world.accept(&REFRESH, world.refresh()).await?;
    let wrong = "Token has wrong type";
    refused_as(&world, &BEARER, world.refresh(), wrong).await?;
    refused_as(&world, &[Door::Refresh], world.access(), wrong).await?;
    let sliding = sliding(&world).await?;
    world.accept(&[Door::Verify], &sliding).await?;
    refused_as(&world, &BEARER, &sliding, wrong).await?;
    refused_as(&world, &[Door::Refresh], &sliding, wrong).await?;
    for token in [world.access(), world.refresh()] {
        let body = json!({"token": token});
        let answer = world.server.anonymous().post("/api/v1/user/token/sliding/refresh/", &body).await?;
        assert_eq!((answer.status, answer.detail()), (401, wrong), "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_type_is_compared_letter_by_letter() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    for (token, doors) in [(world.access(), BEARER.as_slice()), (world.refresh(), &[Door::Refresh])] {
        let parts = Parts::of(token)?;
        let right = parts.claims["token_type"].as_str().unwrap_or_default().to_owned();
        world.accept(doors, &parts.clone().claim("token_type", right.clone()).signed_by(&genuine)?).await?;
        let mut types = vec![json!(null), json!(true), json!(1), json!([right]), json!({"type": right})];
        types.extend(
            [right.to_uppercase(), format!("{right} "), format!("{right}\0"), String::new()].map(Value::from),
        );
        types.extend(["untyped", "sliding", MARK].map(Value::from));
        let mut forged: Vec<Forged> = Vec::new();
        for kind in types {
            forged
                .push((format!("type {kind}"), parts.clone().claim("token_type", kind).signed_by(&genuine)?));
        }
        forged.push(("no type".into(), parts.without_claim("token_type").signed_by(&genuine)?));
        world.refuse(doors, &forged).await?;
    }
    Ok(())
}
