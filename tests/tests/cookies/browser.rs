//! What the tests of cookies share: the paths, a server with ada, and what answers must look like.

use anyhow::Context as _;
use e2e::{Answer, Server};
use serde_json::Value;
use shared::{Clock, Timestamp};

pub(crate) use e2e::{Browser, set_cookies};

pub(crate) const SESSION: &str = "/api/v1/user/session/";
pub(crate) const REFRESH: &str = "/api/v1/user/token/refresh/";
pub(crate) const LOGOUT: &str = "/api/v1/user/logout/";
pub(crate) const TOKEN_LOGOUT: &str = "/api/v1/user/token/logout/";
pub(crate) const ME: &str = "/api/v1/user/me/";
pub(crate) const ORGANIZATIONS: &str = "/api/v1/organization/";

pub(crate) fn manual() -> Clock {
    Clock::manual(Timestamp::from_secs(1_795_444_848))
}

/// A server with a user named ada.
pub(crate) async fn server(settings: &[(&str, &str)]) -> anyhow::Result<Server> {
    let server = Server::with(settings, manual()).await?;
    server.user("ada").await?;
    Ok(server)
}

/// The lines with their values cut out.
pub(crate) fn shapes(answer: &Answer) -> Vec<String> {
    let shape = |line: String| match line.split_once('=').zip(line.split_once("; ")) {
        Some(((name, _), (pair, rest))) if pair.ends_with('=') => format!("{name}=; {rest}"),
        Some(((name, _), (_, rest))) => format!("{name}=*; {rest}"),
        None => line,
    };
    set_cookies(answer).into_iter().map(shape).collect()
}

/// A token's claims, unverified.
pub(crate) fn claims(token: &str) -> anyhow::Result<Value> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).context("a payload")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Demands a refusal for forgery in these words.
pub(crate) fn check_forgery(what: &str, answer: &Answer, words: &str) {
    assert_eq!((answer.status, answer.detail()), (403, format!("CSRF Failed: {words}").as_str()), "{what}");
    assert_eq!(answer.header("www-authenticate"), "", "{what}");
    assert_eq!(set_cookies(answer), Vec::<String>::new(), "{what}");
}
