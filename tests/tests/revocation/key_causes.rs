//! `keys revoke`, by the command line beside running services.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{Actor, until};
use serde_json::Value;

use crate::{
    PATIENCE, PROMPT,
    causes::World,
    watch::{ALWAYS, NEVER_AGAIN, Shown, Watch, accepted, refused},
};

fn kid(token: &str) -> anyhow::Result<String> {
    let header = token.split('.').next().unwrap_or_default();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    Ok(header["kid"].as_str().unwrap_or_default().to_owned())
}

fn access(actor: &Actor) -> Shown {
    Shown::Bearer(actor.access.clone().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_takes_its_tokens_or_its_sessions_with_it_and_no_others() -> anyhow::Result<()> {
    let world = World::start(&[]).await?;
    let (cluster, validators) = (&world.cluster, &world.validators);
    cluster.user("ada").await?;
    let old = cluster.login(&world.auth, "ada").await?;
    let old_kid = kid(old.refresh.as_deref().unwrap_or_default())?;
    cluster.command(&["keys", "rotate", "--purpose", "refresh", "--now"], "").await?;
    let mut new = old.clone();
    until("a login under the next refresh key", PATIENCE, async || {
        new = cluster.login(&world.auth, "ada").await?;
        Ok(kid(new.refresh.as_deref().unwrap_or_default())? != old_kid)
    })
    .await?;
    accepted(validators, &access(&old)).await?;

    let goes_on = Watch::over("under the other key", validators, &access(&new), ALWAYS);
    cluster.command(&["keys", "revoke", &old_kid], "").await?;
    refused(validators, &access(&old), PROMPT).await?;
    let ended = Watch::over("of a revoked refresh key", validators, &access(&old), NEVER_AGAIN);
    goes_on.finish().await?;

    let signing = kid(new.access.as_deref().unwrap_or_default())?;
    cluster.command(&["keys", "revoke", &signing], "").await?;
    refused(validators, &access(&new), PROMPT).await?;
    let called_in = Watch::over("of a revoked signing key", validators, &access(&new), NEVER_AGAIN);
    // The session goes on, under a key that everybody has to fetch first.
    let mut refresh = new.refresh.clone().unwrap_or_default();
    let mut token = access(&new);
    until("a token under the next signing key", PATIENCE, async || {
        let answer = new.refresh_with(&refresh).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        refresh = answer.text_of("refresh")?;
        token = Shown::Bearer(answer.text_of("access")?);
        Ok(kid(&answer.text_of("access")?)? != signing)
    })
    .await?;
    for validator in validators {
        validator.answers(&token, 200, PATIENCE).await?;
    }
    ended.finish().await?;
    called_in.finish().await.map(drop)
}
