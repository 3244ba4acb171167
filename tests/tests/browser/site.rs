//! [`Site`]: a page on a port of its own, perhaps with the services under `/api/` behind it as a gateway
//! puts them, and what browsers have asked of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    web::{self, Bytes, Data},
};
use anyhow::Context as _;
use tokio::sync::{Barrier, watch};

use crate::tls::Tls;

/// How long a request may keep a test waiting that has made it already.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it arrived, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The `Origin` header, empty if absent.
    pub(crate) origin: String,
    /// The names of the cookies that came along, sorted.
    pub(crate) cookies: Vec<String>,
    pub(crate) status: u16,
    /// How many cookies the answer sets.
    pub(crate) sets: usize,
}

/// A site of a test's own.
pub(crate) struct Site {
    scheme: &'static str,
    port: u16,
    state: Arc<State>,
    running: ServerHandle,
    _tls: Option<Tls>,
}

struct State {
    page: &'static str,
    scheme: &'static str,
    /// Where everything under `/api/` goes.
    services: Option<String>,
    client: reqwest::Client,
    seen: watch::Sender<Vec<Seen>>,
    /// Requests to this path wait for each other.
    meeting: Mutex<Option<(&'static str, Arc<Barrier>)>>,
}

impl Site {
    /// Serves a page at every path, over TLS if so wished; with `services`, theirs under `/api/`.
    pub(crate) async fn start(
        secure: bool,
        page: &'static str,
        services: Option<&str>,
    ) -> anyhow::Result<Self> {
        let scheme = if secure { "https" } else { "http" };
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let state = Arc::new(State {
            page,
            scheme,
            services: services.map(str::to_owned),
            client: client.redirect(reqwest::redirect::Policy::none()).build()?,
            seen: watch::Sender::default(),
            meeting: Mutex::default(),
        });
        let data = Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            let api = web::resource("/api/{rest:.*}").to(pass_on);
            App::new().app_data(data.clone()).service(api).default_service(web::to(page_of))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
        let port = server.addrs().first().context("an address")?.port();
        let server = server.run();
        let running = server.handle();
        tokio::spawn(server);
        let tls = if secure { Some(Tls::before(port).await?) } else { None };
        let port = tls.as_ref().map_or(port, |tls| tls.port);
        Ok(Self { scheme, port, state, running, _tls: tls })
    }

    /// Its origin under this name.
    pub(crate) fn at(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    /// Forgets what it has seen.
    pub(crate) fn forget(&self) {
        self.state.seen.send_replace(Vec::new());
    }

    /// Everything since then.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.borrow().clone()
    }

    /// Waits until a request of this method to this path has been answered.
    pub(crate) async fn answered(&self, method: &str, path: &str) -> anyhow::Result<Seen> {
        let wanted = |seen: &&Seen| seen.method == method && seen.path == path;
        let mut all = self.state.seen.subscribe();
        let found = tokio::time::timeout(PATIENCE, all.wait_for(|all| all.iter().any(|seen| wanted(&seen))));
        let found = match found.await {
            Ok(all) => all?.iter().find(wanted).cloned(),
            Err(_) => None,
        };
        found.with_context(|| format!("no {method} {path} among {:?}", self.seen()))
    }

    /// From now on requests to this path are passed on by twos: the first waits for the second, so that
    /// both are sent before either is answered.
    pub(crate) fn pair(&self, path: &'static str) {
        *self.state.meeting() = Some((path, Arc::new(Barrier::new(2))));
    }

    /// Requests are passed on as they come again.
    pub(crate) fn part(&self) {
        *self.state.meeting() = None;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Told at once; its thread ends by itself.
        drop(self.running.stop(false));
    }
}

impl State {
    fn meeting(&self) -> std::sync::MutexGuard<'_, Option<(&'static str, Arc<Barrier>)>> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, request: &HttpRequest, status: StatusCode, sets: usize) {
        let header = |name: header::HeaderName| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let cookies = header(header::COOKIE);
        let names = cookies.split("; ").filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.into());
        let mut names: Vec<String> = names.collect();
        names.sort();
        let seen = Seen {
            method: request.method().to_string(),
            path: request.path().to_owned(),
            origin: header(header::ORIGIN),
            cookies: names,
            status: status.as_u16(),
            sets,
        };
        self.seen.send_modify(|all| all.push(seen));
    }
}

async fn page_of(state: Data<State>, request: HttpRequest) -> HttpResponse {
    state.note(&request, StatusCode::OK, 0);
    HttpResponse::Ok().content_type("text/html").insert_header(("Cache-Control", "no-store")).body(state.page)
}

/// Passes a request on to the services, saying how the browser came here.
async fn pass_on(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(services) = &state.services else { return page_of(state, request).await };
    let meeting = state.meeting().clone().filter(|(path, _)| *path == request.path());
    if let Some((_, barrier)) = meeting {
        barrier.wait().await;
    }
    match send(&state, services, &request, body).await {
        Ok(response) => {
            let sets = response.headers().get_all(header::SET_COOKIE).count();
            state.note(&request, response.status(), sets);
            response
        }
        Err(error) => {
            state.note(&request, StatusCode::BAD_GATEWAY, 0);
            HttpResponse::BadGateway().body(format!("{error:#}"))
        }
    }
}

/// Concern one connection only (RFC 9110, section 7.6.1), or are written anew.
const HOP_BY_HOP: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "content-length"];

async fn send(
    state: &State,
    services: &str,
    request: &HttpRequest,
    body: Bytes,
) -> anyhow::Result<HttpResponse> {
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes())?;
    let mut onward = state.client.request(method, format!("{services}{}", request.uri()));
    for (name, value) in request.headers() {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            onward = onward.header(name.as_str(), value.as_bytes());
        }
    }
    let peer = request.peer_addr().context("a peer")?.ip();
    onward = onward.header("X-Forwarded-Proto", state.scheme).header("X-Forwarded-For", peer.to_string());
    let answer = onward.body(body.to_vec()).send().await?;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status().as_u16())?);
    for (name, value) in answer.headers() {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            response.append_header((name.as_str(), value.as_bytes()));
        }
    }
    Ok(response.body(answer.bytes().await?))
}
