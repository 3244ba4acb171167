//! [`FakeIssuer`]: a JWKS server that does as it is told, and keys to sign with.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web};
use anyhow::Context as _;
use serde_json::{Map, Value, json};
use shared::{
    Clock, Timestamp,
    jwks::{JwksClient, JwksOptions},
    keys::{Alg, SigningKey},
    random,
};
use tokio::sync::Semaphore;

/// Two keys that an issuer may publish.
pub(crate) const FIRST: &str = include_str!("../../golden/keys/ed25519.pem");
pub(crate) const SECOND: &str = include_str!("../../golden/keys/ed25519_other.pem");

pub(crate) fn key(pem: &str) -> anyhow::Result<SigningKey> {
    Ok(SigningKey::from_pem(Alg::EDDSA, pem.as_bytes())?)
}

pub(crate) fn jwk(key: &SigningKey) -> Value {
    serde_json::to_value(key.public()).unwrap_or_default()
}

pub(crate) fn jwks(keys: &[&SigningKey]) -> Reply {
    Reply::json(&json!({"keys": keys.iter().map(|key| jwk(key)).collect::<Value>()}))
}

/// What the issuer answers.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self { status: 200, location: None, body: body.to_string().into_bytes() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, location: None, body: Vec::new() }
    }
}

struct State {
    reply: Mutex<Reply>,
    asked: AtomicUsize,
    /// One permit for each answer that may leave.
    gate: Semaphore,
    arrived: Semaphore,
}

/// An issuer of a test's own.
pub(crate) struct FakeIssuer {
    state: Arc<State>,
    pub(crate) url: url::Url,
    running: ServerHandle,
}

/// More answers than any test waits for.
const OPEN: usize = 1_000_000;

impl FakeIssuer {
    pub(crate) fn start(reply: Reply) -> anyhow::Result<Self> {
        let state = Arc::new(State {
            reply: Mutex::new(reply),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(OPEN),
            arrived: Semaphore::new(0),
        });
        let data = web::Data::from(Arc::clone(&state));
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")?;
        let address = server.addrs().first().copied().context("an address")?;
        let server = server.run();
        let running = server.handle();
        tokio::spawn(server);
        Ok(Self { state, url: format!("http://{address}/").parse()?, running })
    }

    pub(crate) fn replies(&self, reply: Reply) {
        if let Ok(mut current) = self.state.reply.lock() {
            *current = reply;
        }
    }

    /// How many requests came in.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// From now on answers wait for [`FakeIssuer::open`].
    pub(crate) fn close(&self) {
        self.state.gate.forget_permits(OPEN);
    }

    pub(crate) fn open(&self) {
        self.state.gate.add_permits(OPEN);
    }

    /// Waits for a request that has come in, one for each call.
    pub(crate) async fn arrival(&self) -> anyhow::Result<()> {
        self.state.arrived.acquire().await?.forget();
        Ok(())
    }

    /// A client of this issuer that has fetched nothing yet.
    pub(crate) fn client(&self, clock: &Clock) -> anyhow::Result<Arc<JwksClient>> {
        let options = JwksOptions { cooldown: COOLDOWN, max_stale: MAX_STALE, foreign: None };
        let url = self.url.join("/.well-known/jwks.json")?;
        Ok(Arc::new(JwksClient::new(url, options, clock.clone())?))
    }
}

impl Drop for FakeIssuer {
    fn drop(&mut self) {
        let running = self.running.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { running.stop(false).await });
        }
    }
}

async fn answer(state: web::Data<State>) -> HttpResponse {
    state.asked.fetch_add(1, Ordering::SeqCst);
    state.arrived.add_permits(1);
    if let Ok(permit) = state.gate.acquire().await {
        permit.forget();
    }
    let Ok(reply) = state.reply.lock().map(|reply| reply.clone()) else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK));
    if let Some(location) = reply.location {
        response.insert_header(("Location", location));
    }
    response.content_type("application/json").body(reply.body)
}

pub(crate) const COOLDOWN: Duration = Duration::from_secs(10);
pub(crate) const MAX_STALE: Duration = Duration::from_secs(3600);

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

/// An access token by the clock's time, good for a day.
pub(crate) fn token(key: &SigningKey, clock: &Clock) -> anyhow::Result<String> {
    let now = clock.now().as_secs();
    let claims = json!({
        "token_type": "access", "exp": now + 86_400, "iat": now, "jti": random::hex32(), "user_id": "1",
        "iss": shared::verifier::DEFAULT_ISSUER,
    });
    let claims: Map<String, Value> = serde_json::from_value(claims)?;
    Ok(key.sign(&claims)?)
}

/// A token whose `kid` nobody has ever published.
pub(crate) fn token_of_nobody(clock: &Clock) -> anyhow::Result<String> {
    let secret = random::bytes::<32>();
    token(&SigningKey::hmac(Alg::HS256, &secret, Some(random::hex32()))?, clock)
}
