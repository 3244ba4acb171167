//! User stories, from the first request to the last, written against HTTP and the service's own command
//! line alone: they run on a stack of each test's own, or on whatever answers at `E2E_BASE_URL`.

mod browser;
mod errors;
mod frame;
mod keys;
mod operators;
mod organizations;
mod public;
mod refreshing;
mod sessions;
mod tenants;
mod tokens;
mod tour;

use anyhow::Context as _;
use e2e::{Actor, Answer};
use serde_json::Value;

const TOKEN: &str = "/api/v1/user/token/";
const REFRESH: &str = "/api/v1/user/token/refresh/";
const VERIFY: &str = "/api/v1/user/token/verify/";
const BLACKLIST: &str = "/api/v1/user/token/blacklist/";
const SLIDING: &str = "/api/v1/user/token/sliding/";
const ME: &str = "/api/v1/user/me/";
const SESSION: &str = "/api/v1/user/session/";
const SESSIONS: &str = "/api/v1/user/sessions/";
const LOGOUT: &str = "/api/v1/user/logout/";
const LOGOUT_ALL: &str = "/api/v1/user/logout/all/";
const ORGANIZATIONS: &str = "/api/v1/organization/";
const JWKS: &str = "/.well-known/jwks.json";
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// One path of each service that a bearer token opens.
const BOTH: [&str; 2] = [ME, ORGANIZATIONS];

/// Demands a 401 in these words, with its challenge.
fn refused(answer: &Answer, words: &str) {
    assert_eq!((answer.status, answer.detail()), (401, words), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
}

/// Demands that both services take the actor's access token.
async fn accepted(actor: &Actor) -> anyhow::Result<()> {
    for path in BOTH {
        let answer = actor.get(path).await?;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    Ok(())
}

/// Refreshes with the token that the actor got at login.
async fn refresh(actor: &Actor) -> anyhow::Result<Answer> {
    actor.refresh_with(actor.refresh.as_deref().context("a refresh token")?).await
}

/// The path of the organization that an answer shows, created or read.
fn path_of(answer: &Answer) -> anyhow::Result<String> {
    let id = answer.json.pointer("/data/id").or_else(|| answer.json.get("id")).and_then(Value::as_str);
    Ok(format!("{ORGANIZATIONS}{}/", id.with_context(|| format!("no id: {answer:?}"))?))
}
