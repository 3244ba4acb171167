//! [`Client`]: somebody who logs in, refreshes and shows tokens all the time, and counts what is
//! refused although it is good.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{Actor, Answer, PASSWORD, claims};
use serde_json::{Value, json};
use shared::Clock;

use crate::ORGANIZATIONS;

/// Refreshes of one session before the next login.
const REFRESHES: usize = 12;
/// Access tokens that are shown at a time: the latest, and older ones under keys that sign no more.
const HELD: usize = 4;

/// A client. Its requests go to the replicas and validators in turn.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The auth services.
    pub(crate) replicas: Vec<Actor>,
    /// The organization services.
    pub(crate) validators: Vec<Actor>,
    turn: usize,
}

/// What a client has met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) logins: usize,
    pub(crate) refreshes: usize,
    pub(crate) shown: usize,
    pub(crate) verified: usize,
    /// Ids of the keys that signed access tokens.
    pub(crate) signing: BTreeSet<String>,
    /// Ids of the keys that signed refresh tokens.
    pub(crate) refresh: BTreeSet<String>,
    /// What should have been accepted.
    pub(crate) failures: Vec<String>,
}

/// Tokens as a login or a refresh gives them.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    access: String,
    refresh: String,
}

impl Client {
    pub(crate) fn new(replicas: &[Actor], validators: &[Actor], first: usize) -> Self {
        Self { replicas: replicas.to_vec(), validators: validators.to_vec(), turn: first }
    }

    /// Goes on until then.
    pub(crate) async fn live(mut self, end: Instant) -> anyhow::Result<Met> {
        let mut met = Met::default();
        let mut held = VecDeque::new();
        while Instant::now() < end {
            let Some(mut pair) = self.log_in(&mut met).await? else { continue };
            for _ in 0..REFRESHES {
                held.push_front(pair.access.clone());
                held.truncate(HELD);
                self.show_all(&held, &mut met).await?;
                self.verify(&pair.refresh, &mut met).await?;
                match self.refresh(&pair, &mut met).await? {
                    Some(next) if Instant::now() < end => pair = next,
                    _ => break,
                }
            }
        }
        Ok(met)
    }

    /// Begins a session.
    pub(crate) async fn log_in(&mut self, met: &mut Met) -> anyhow::Result<Option<Pair>> {
        let body = json!({"username": "ada", "password": PASSWORD});
        let answer = self.replica().post("/api/v1/user/token/", &body).await?;
        met.logins += 1;
        met.pair("login", &answer)
    }

    /// Goes on with a session.
    pub(crate) async fn refresh(&mut self, pair: &Pair, met: &mut Met) -> anyhow::Result<Option<Pair>> {
        let answer = self.replica().refresh_with(&pair.refresh).await?;
        met.refreshes += 1;
        met.pair("refresh", &answer)
    }

    /// Shows access tokens to a validator, to the auth service's own endpoint, and to `verify/`.
    async fn show_all(&mut self, tokens: &VecDeque<String>, met: &mut Met) -> anyhow::Result<()> {
        for token in tokens {
            let validator = self.validator().bearing(token);
            met.check("an organization service", token, &validator.get(ORGANIZATIONS).await?)?;
            met.shown += 1;
        }
        if let Some(token) = tokens.front() {
            let me = self.replica().bearing(token);
            met.check("user/me/", token, &me.get("/api/v1/user/me/").await?)?;
            met.shown += 1;
        }
        if let Some(token) = tokens.back() {
            self.verify(token, met).await?;
        }
        Ok(())
    }

    async fn verify(&mut self, token: &str, met: &mut Met) -> anyhow::Result<()> {
        let body = json!({ "token": token });
        let answer = self.replica().post("/api/v1/user/token/verify/", &body).await?;
        met.verified += 1;
        met.check("token/verify/", token, &answer)
    }

    fn replica(&mut self) -> Actor {
        self.turn += 1;
        self.replicas[self.turn % self.replicas.len()].clone()
    }

    fn validator(&mut self) -> Actor {
        self.turn += 1;
        self.validators[self.turn % self.validators.len()].clone()
    }
}

impl Met {
    /// What both clients have met.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.logins += other.logins;
        self.refreshes += other.refreshes;
        self.shown += other.shown;
        self.verified += other.verified;
        self.signing.extend(other.signing);
        self.refresh.extend(other.refresh);
        self.failures.extend(other.failures);
        self
    }

    fn pair(&mut self, what: &str, answer: &Answer) -> anyhow::Result<Option<Pair>> {
        if answer.status != 200 {
            self.failures.push(format!("{what}: {} {}", answer.status, answer.text));
            return Ok(None);
        }
        let pair = Pair { access: answer.text_of("access")?, refresh: answer.text_of("refresh")? };
        self.signing.insert(kid(&pair.access)?);
        self.refresh.insert(kid(&pair.refresh)?);
        Ok(Some(pair))
    }

    /// Notes a refusal, unless the token has expired by now: then nobody can tell whether it was good.
    fn check(&mut self, who: &str, token: &str, answer: &Answer) -> anyhow::Result<()> {
        let expires = claims(token)?.get("exp").and_then(Value::as_i64).context("an expiry")?;
        if answer.status != 200 && Clock::System.now().as_secs() < expires {
            let key = kid(token)?;
            self.failures.push(format!("{who} under {key}: {} {}", answer.status, answer.text));
        }
        Ok(())
    }
}

/// The id of the key that a token names.
fn kid(token: &str) -> anyhow::Result<String> {
    let header = token.split('.').next().context("a header")?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    Ok(header.get("kid").and_then(Value::as_str).context("a kid")?.to_owned())
}
