//! Tokens of the original, which name no session: they are called in by user and time of issue.

use std::time::Duration;

use e2e::{Cluster, Server};
use serde_json::json;
use shared::{
    Clock, Timestamp,
    keys::{Alg, SigningKey},
    random,
};

use crate::{
    PROMPT,
    causes::{World, set_password},
    watch::{ALWAYS, NEVER_AGAIN, Shown, Watch, accepted, refused},
};

pub(crate) const SECRET: &str = "a-secret-of-the-original-0123456789abcdef";
/// Settings with which the original's tokens are good everywhere.
pub(crate) const SETTINGS: [(&str, &str); 3] =
    [("AUTH_ALGORITHM", "HS256"), ("AUTH_SIGNING_KEY", SECRET), ("AUTH_ISSUER", "none")];

/// A token of the original, issued so many seconds from now.
pub(crate) fn minted(kind: &str, user: &str, jti: &str, issued_in: i64) -> anyhow::Result<String> {
    let now = Clock::System.now().as_secs();
    let claims = json!({
        "token_type": kind, "exp": now + 200, "iat": now + issued_in, "jti": jti, "user_id": user,
    });
    let claims = claims.as_object().cloned().unwrap_or_default();
    Ok(SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None)?.sign(&claims)?)
}

/// Any of the original's access tokens for this user.
fn access(user: &str, issued_in: i64) -> anyhow::Result<Shown> {
    minted("access", user, &random::hex32(), issued_in).map(Shown::Bearer)
}

async fn user(cluster: &Cluster, name: &str) -> anyhow::Result<String> {
    Ok(cluster.user(name).await?.subject)
}

async fn log_out_everywhere(world: &World, token: &str) -> anyhow::Result<()> {
    let actor = world.auth.anonymous().bearing(token);
    let answer = actor.post("/api/v1/user/logout/all/", &json!({})).await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_without_a_session_are_called_in_with_their_users_sessions() -> anyhow::Result<()> {
    let world = World::start(&SETTINGS).await?;
    let (cluster, validators) = (&world.cluster, &world.validators);
    let (leaves, changes) = (user(cluster, "leaves").await?, user(cluster, "changes").await?);
    let bystander = access(&user(cluster, "bystander").await?, -30)?;
    let unharmed = Watch::over("bystander", validators, &bystander, ALWAYS);
    let mut watches = Vec::new();
    for (name, id) in [("leaves", &leaves), ("changes", &changes)] {
        let tokens = [access(id, -30)?, access(id, -1)?];
        for token in &tokens {
            accepted(validators, token).await?;
        }
        match &tokens[0] {
            Shown::Bearer(token) if name == "leaves" => log_out_everywhere(&world, token).await?,
            _ => set_password(&world, name).await.map(drop)?,
        }
        for token in &tokens {
            refused(validators, token, PROMPT).await?;
            watches.push(Watch::over(name, validators, token, NEVER_AGAIN));
        }
        // Issued after it, as far as the original's whole seconds and our leeway can tell.
        accepted(validators, &access(id, 5)?).await?;
    }
    for watch in watches {
        watch.finish().await?;
    }
    unharmed.finish().await.map(drop)
}

/// The original's access tokens live as long as it said, which nobody tells us.
#[tokio::test]
async fn a_foreign_token_that_lives_longer_than_ours_stays_refused_to_its_end() -> anyhow::Result<()> {
    const HOUR: u64 = 3600;
    let now = 1_795_444_848;
    // Who is called in, how long their token lives, and when it is looked at again, in hours.
    for (path, life, later) in [("/api/v1/user/logout/all/", 23, 22), ("/api/v1/user/logout/", 100, 99)] {
        let server = Server::with(&SETTINGS, Clock::manual(Timestamp::from_secs(now))).await?;
        let token = |user: &str| -> anyhow::Result<String> {
            let claims = json!({
                "token_type": "access", "exp": now + life * 3600, "iat": now - 60, "jti": format!("of {user}"),
                "user_id": user,
            });
            let claims = claims.as_object().cloned().unwrap_or_default();
            Ok(SigningKey::hmac(Alg::HS256, SECRET.as_bytes(), None)?.sign(&claims)?)
        };
        let (ada, eve) = (server.user("ada").await?.subject, server.user("eve").await?.subject);
        let [ada, eve] = [token(&ada)?, token(&eve)?].map(|token| server.anonymous().bearing(&token));
        assert_eq!(ada.post(path, &json!({})).await?.status, 200, "{path}");
        for hours in [0, 1, later - 1] {
            server.clock().advance(Duration::from_secs(hours * HOUR));
            auth_service::housekeeping::step(&server.stack.auth).await?;
            server.stack.org.revocations().sweep();
            assert_eq!(ada.get("/api/v1/organization/").await?.status, 401, "{path} after {hours} h");
            assert_eq!(eve.get("/api/v1/organization/").await?.status, 200, "{path} after {hours} h");
        }
    }
    Ok(())
}
