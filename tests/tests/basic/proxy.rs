//! [`Proxy`]: stands before the auth service's management port and watches the exchanges.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header::CONTENT_TYPE},
    web,
};
use anyhow::Context as _;
use serde_json::Value;
use shared::issuer::{EXCHANGE_PATH, SERVICE_SECRET_HEADER};
use tokio::sync::Semaphore;

/// What is answered in the auth service's place: a status, and perhaps `Retry-After`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instead(pub(crate) u16, pub(crate) Option<u64>);

struct State {
    issuer: String,
    client: reqwest::Client,
    instead: Mutex<Option<Instead>>,
    asked: AtomicUsize,
    last: Mutex<Value>,
    /// One permit for each exchange that may go on.
    gate: Semaphore,
    arrived: Semaphore,
}

pub(crate) struct Proxy {
    state: Arc<State>,
    pub(crate) url: String,
    running: ServerHandle,
}

/// More exchanges than any test waits for.
const OPEN: usize = 1_000_000;

impl Proxy {
    pub(crate) fn before(issuer: &str) -> anyhow::Result<Self> {
        let state = Arc::new(State {
            issuer: issuer.to_owned(),
            client: reqwest::Client::builder().no_proxy().build()?,
            instead: Mutex::default(),
            asked: AtomicUsize::new(0),
            last: Mutex::default(),
            gate: Semaphore::new(OPEN),
            arrived: Semaphore::new(0),
        });
        let data = web::Data::from(Arc::clone(&state));
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(pass_on)))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")?;
        let address = server.addrs().first().copied().context("an address")?;
        let server = server.run();
        let running = server.handle();
        tokio::spawn(server);
        Ok(Self { state, url: format!("http://{address}"), running })
    }

    /// How many exchanges were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// The body of the last exchange asked for.
    pub(crate) fn last(&self) -> Value {
        self.state.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers exchanges in the auth service's place, or no longer.
    pub(crate) fn answer(&self, instead: Option<Instead>) {
        *self.state.instead.lock().unwrap_or_else(PoisonError::into_inner) = instead;
    }

    /// From now on exchanges wait for [`Proxy::open`].
    pub(crate) fn close(&self) {
        self.state.gate.forget_permits(OPEN);
    }

    pub(crate) fn open(&self) {
        self.state.gate.add_permits(OPEN);
    }

    /// Waits for an exchange that has come in, one for each call.
    pub(crate) async fn arrival(&self) -> anyhow::Result<()> {
        self.state.arrived.acquire().await?.forget();
        Ok(())
    }

    /// Nobody listens any more.
    pub(crate) async fn go_away(&self) {
        self.running.stop(false).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let running = self.running.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { running.stop(false).await });
        }
    }
}

async fn pass_on(state: web::Data<State>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if request.path().trim_end_matches('/') == EXCHANGE_PATH {
        state.asked.fetch_add(1, Ordering::SeqCst);
        *state.last.lock().unwrap_or_else(PoisonError::into_inner) =
            serde_json::from_slice(&body).unwrap_or_default();
        state.arrived.add_permits(1);
        if let Ok(permit) = state.gate.acquire().await {
            permit.forget();
        }
        let instead = *state.instead.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Instead(status, wait)) = instead {
            let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or_default());
            if let Some(wait) = wait {
                response.insert_header(("Retry-After", wait));
            }
            return response.json("refused");
        }
    }
    match forward(&state, &request, body).await {
        Ok(response) => response,
        Err(_) => HttpResponse::BadGateway().finish(),
    }
}

async fn forward(state: &State, request: &HttpRequest, body: web::Bytes) -> anyhow::Result<HttpResponse> {
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes())?;
    let mut onward = state.client.request(method, format!("{}{}", state.issuer, request.uri()));
    for name in [CONTENT_TYPE.as_str(), SERVICE_SECRET_HEADER] {
        if let Some(value) = request.headers().get(name) {
            onward = onward.header(name, value.as_bytes());
        }
    }
    let answer = onward.body(body.to_vec()).send().await?;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status().as_u16())?);
    for name in ["content-type", "retry-after"] {
        if let Some(value) = answer.headers().get(name) {
            response.insert_header((name, value.as_bytes()));
        }
    }
    Ok(response.body(answer.bytes().await?))
}
