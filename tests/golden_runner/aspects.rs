//! Which of a variant's settings a deployment has, and which fixtures depend on them: what cannot be
//! played is left out by name and reason, never silently.
//!
//! Every [`Aspect`] is seen from outside. A fixture that needs none of the missing ones must be answered
//! as recorded whatever the deployment's settings are.

use std::{collections::BTreeSet, fmt};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::Browser;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    craft::pem_name,
    fixture::{Fixture, Request, Step},
    json,
    remote::Remote,
    settings::{CSRF_COOKIE, CSRF_HEADER, Keys, SESSION_COOKIE, Variant},
};

/// A part of a variant's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// Tokens are signed by the variant's key, and by nothing else.
    Key,
    /// A refresh answers with a new refresh token, or does not.
    Rotation,
    /// Which classes authenticate a request, besides bearer tokens.
    Classes,
    /// What the session's cookies are called.
    Cookies,
    /// Whoever is signed in sees every organization.
    Visibility,
    /// How pages are cut.
    Pages,
    /// Whether the organization service asks for the user on every request.
    UserState,
    /// Clients that say where a request came from are taken for a proxy.
    Forwarding,
    /// Not of the settings: what only a process of the runner's own can be asked to do.
    InProcess,
}

impl fmt::Display for Aspect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Key => "the variant's signing key",
            Self::Rotation => "its rotation of refresh tokens",
            Self::Classes => "its authentication classes",
            Self::Cookies => "its cookies",
            Self::Visibility => "its visibility of organizations",
            Self::Pages => "its pages",
            Self::UserState => "its look at the user",
            Self::Forwarding => "a client that counts as a proxy",
            Self::InProcess => "a step that only a stack in this process can take",
        })
    }
}

/// What a fixture depends on.
pub(crate) fn needs(fixture: &Fixture) -> BTreeSet<Aspect> {
    const REFRESH: &str = "/token/refresh";
    let (request, response) = (&fixture.request, &fixture.response);
    let of_setup = fixture.setup.iter().filter_map(|step| match step {
        Step::Http { request, .. } => Some(&**request),
        _ => None,
    });
    let requests: Vec<&Request> = of_setup.clone().chain([request]).collect();
    let has = |is: fn(&Step) -> bool| fixture.setup.iter().any(is);
    let any = |is: fn(&Request) -> bool| requests.iter().any(|request| is(request));
    let refreshes = |request: &Request| request.path.contains(REFRESH);
    // Only a token that the verifier's key has signed gets as far as its kind.
    let is_of_other_kind = json::write(&json!(response.body)).contains("wrong type");
    let needed = [
        (Aspect::Key, has(|step| matches!(step, Step::Craft(_)))),
        // Tokens in the answer are compared claim by claim.
        (Aspect::Key, !fixture.tokens.is_empty() || is_of_other_kind),
        (Aspect::Rotation, refreshes(request) && response.status == 200 || of_setup.clone().any(refreshes)),
        (Aspect::Classes, any(|request| request.headers.iter().any(is_basic))),
        (Aspect::Cookies, any(has_cookie) || has(|step| matches!(step, Step::Session { .. }))),
        (
            Aspect::Visibility,
            has(is_login_of_another) && has(|step| matches!(step, Step::Organizations { .. })),
        ),
        (Aspect::Pages, any(|request| request.path.contains("page_size="))),
        (Aspect::UserState, has(ends_user) && any(|request| request.path.contains("/organization/"))),
        (Aspect::Forwarding, any(|request| request.headers.iter().any(is_forwarding))),
        (Aspect::InProcess, has(|step| matches!(step, Step::ExpireOutstanding))),
    ];
    needed.into_iter().filter_map(|(aspect, is_needed)| is_needed.then_some(aspect)).collect()
}

fn is_basic((name, value): &(String, String)) -> bool {
    let is_authorization = name.eq_ignore_ascii_case("Authorization");
    name == "Authorization-Basic" || is_authorization && value.to_ascii_lowercase().starts_with("basic")
}

fn is_forwarding((name, _): &(String, String)) -> bool {
    name.to_ascii_lowercase().starts_with("x-forwarded-")
}

fn has_cookie(request: &Request) -> bool {
    request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Cookie"))
}

fn is_login_of_another(step: &Step) -> bool {
    matches!(step, Step::MintPair { user, .. } if user != "alice")
}

fn ends_user(step: &Step) -> bool {
    matches!(step, Step::DeleteUser { .. } | Step::SetActive { .. })
}

/// What of the variant the deployment lacks, asked of it as a client.
pub(crate) async fn missing(
    remote: &Remote,
    variant: &Variant,
    keys: &Keys,
) -> anyhow::Result<BTreeSet<Aspect>> {
    let alice = remote.login("alice", "alice-Pa55word").await?.context("alice cannot log in")?;
    let token = |pair: &Value, name: &str| {
        let text = pair.get(name).and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("no {name} token"))
    };
    let (access, refresh) = (token(&alice, "access")?, token(&alice, "refresh")?);
    let bob = remote.login("bob", "bob-Pa55word").await?.context("bob cannot log in")?;
    let found = [
        (Aspect::Key, is_signed(&access, variant, keys)? && is_signed(&refresh, variant, keys)?),
        (Aspect::Classes, takes_basic(remote).await? == variant.takes_basic()),
        (Aspect::Cookies, names_cookies(remote).await?),
        (Aspect::Visibility, shows_all(remote, &access, &token(&bob, "access")?).await?),
        (Aspect::Pages, cuts_alike(remote, &access).await?),
        (Aspect::UserState, remote.asks_for_users().await? == variant.asks_for_users()),
        (Aspect::Forwarding, believes_clients(remote).await?),
        (Aspect::InProcess, false),
        // Last, for where a spent token ends its session alice's access token opens nothing any more.
        (Aspect::Rotation, rotates_alike(remote, variant, &refresh).await?),
    ];
    Ok(found.into_iter().filter_map(|(aspect, is_there)| (!is_there).then_some(aspect)).collect())
}

/// Whether the variant's key made a token's signature.
pub(crate) fn is_signed(token: &str, variant: &Variant, keys: &Keys) -> anyhow::Result<bool> {
    let (message, signature) = token.rsplit_once('.').context("no token")?;
    let header = URL_SAFE_NO_PAD.decode(message.split('.').next().unwrap_or_default())?;
    let header: Value = serde_json::from_slice(&header)?;
    let name = variant.jwt_text("ALGORITHM").context("no ALGORITHM")?;
    if header.get("alg").and_then(Value::as_str) != Some(name) {
        return Ok(false);
    }
    let algorithm: Algorithm = name.parse()?;
    let pem = || {
        let named = variant.jwt_text("VERIFYING_KEY").and_then(pem_name);
        keys.read(named.context("a variant whose verifying key is no PEM cannot be recognized")?)
    };
    let key = match name.get(..2) {
        Some("HS") => {
            DecodingKey::from_secret(variant.jwt_text("SIGNING_KEY").unwrap_or_default().as_bytes())
        }
        Some("RS" | "PS") => DecodingKey::from_rsa_pem(pem()?.as_bytes())?,
        Some("ES") => DecodingKey::from_ec_pem(pem()?.as_bytes())?,
        _ => DecodingKey::from_ed_pem(pem()?.as_bytes())?,
    };
    Ok(crypto::verify(signature, message.as_bytes(), &key, algorithm)?)
}

async fn rotates_alike(remote: &Remote, variant: &Variant, refresh: &str) -> anyhow::Result<bool> {
    let answer = remote.anonymous().refresh_with(refresh).await?;
    anyhow::ensure!(answer.status == 200, "a refresh: {answer:?}");
    let rotates = answer.json.get("refresh").is_some();
    if !rotates || variant.jwt("ROTATE_REFRESH_TOKENS") != &Value::Bool(true) {
        return Ok(Value::Bool(rotates) == *variant.jwt("ROTATE_REFRESH_TOKENS"));
    }
    // The variants know no grace: what is spent is spent.
    let again = remote.anonymous().refresh_with(refresh).await?;
    Ok((again.status == 401) == variant.spends_refresh_tokens())
}

async fn takes_basic(remote: &Remote) -> anyhow::Result<bool> {
    let request = remote.anonymous().request(Method::GET, "/api/v1/organization/");
    let answer = remote.anonymous().send(request.basic_auth("alice", Some("alice-Pa55word"))).await?;
    Ok(answer.status == 200)
}

async fn names_cookies(remote: &Remote) -> anyhow::Result<bool> {
    const PATH: &str = "/api/v1/user/session/";
    let mut page = Browser { actor: remote.anonymous(), ..Browser::at(remote.base(), remote.base()) };
    page.get(PATH).await?;
    let Some((csrf, _)) = page.cookies.get(CSRF_COOKIE).cloned() else { return Ok(false) };
    let body = json!({ "username": "alice", "password": "alice-Pa55word" });
    let login = page.request(Method::POST, PATH).header("Origin", remote.base()).json(&body);
    page.send(login.header(CSRF_HEADER, csrf)).await?;
    Ok(page.cookies.contains_key(SESSION_COOKIE))
}

/// Whether bob sees what alice has made.
async fn shows_all(remote: &Remote, alice: &str, bob: &str) -> anyhow::Result<bool> {
    let body = json!({ "name": "Seen by all?" });
    let made = remote.bearing(alice, Method::POST, "/api/v1/organization/").json(&body);
    let made = remote.anonymous().send(made).await?;
    let id = made.json.pointer("/data/id").and_then(Value::as_str).with_context(|| format!("{made:?}"))?;
    let path = format!("/api/v1/organization/{id}/");
    Ok(remote.anonymous().send(remote.bearing(bob, Method::GET, &path)).await?.status == 200)
}

/// Whether clients cannot choose the size of a page, as in the original.
async fn cuts_alike(remote: &Remote, alice: &str) -> anyhow::Result<bool> {
    for name in ["One more", "And another"] {
        let body = json!({ "name": name });
        let made = remote.bearing(alice, Method::POST, "/api/v1/organization/").json(&body);
        anyhow::ensure!(remote.anonymous().send(made).await?.status == 201, "no organization {name}");
    }
    let path = "/api/v1/organization/?page_size=1";
    let page = remote.anonymous().send(remote.bearing(alice, Method::GET, path)).await?;
    let rows = page.json.get("results").and_then(Value::as_array).with_context(|| format!("{page:?}"))?;
    Ok(rows.len() > 1)
}

/// Whether links follow what a client says of itself: behind a gateway only its word counts.
async fn believes_clients(remote: &Remote) -> anyhow::Result<bool> {
    let request = remote.anonymous().request(Method::GET, "/.well-known/openid-configuration");
    let answer = remote.anonymous().send(request.header("X-Forwarded-Proto", "https")).await?;
    Ok(answer.text_of("jwks_uri")?.starts_with("https://"))
}
