//! [`Fake`]: an organization service's management port, which says what a test wants it to say.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    web::{self, Bytes, Data, Json},
};
use shared::{
    internal::SERVICE_SECRET_HEADER,
    organizations::{Answer, MEMBERSHIPS_PATH, Membership, Question},
};

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// This status, with a body that would be an answer.
    Status(u16),
    /// This body, with status 200.
    Body(&'static str),
    /// The connection ends in the middle of the answer.
    Broken,
    /// The answer takes so long.
    Late(Duration),
}

#[derive(Debug, Default)]
struct State {
    secret: String,
    /// By organization, as it is asked for, and user.
    memberships: HashMap<(String, String), Membership>,
    trouble: Option<Trouble>,
    asked: usize,
}

/// An organization service. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    server: actix_web::dev::ServerHandle,
}

impl Fake {
    /// One that answers whoever has this secret.
    pub(crate) fn start(secret: &str) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State { secret: secret.to_owned(), ..State::default() }));
        let shared = Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(shared.clone()).route(MEMBERSHIPS_PATH, web::post().to(answer))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let url = server.addrs().first().map(|address| format!("http://{address}")).unwrap_or_default();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { url, state, server: handle })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the user is a member of the organization with these names.
    pub(crate) fn admit(&self, names: &[&str], user_id: &str, membership: &Membership) {
        for name in names {
            let key = ((*name).to_owned(), user_id.to_owned());
            self.state().memberships.insert(key, membership.clone());
        }
    }

    /// From now on this goes wrong, or nothing.
    pub(crate) fn trouble(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state().asked
    }

    /// Stops at once: connections are refused from then on.
    pub(crate) async fn stop(&self) {
        self.server.stop(false).await;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // It stops whether or not anybody waits.
        drop(self.server.stop(false));
    }
}

async fn answer(request: HttpRequest, state: Data<Mutex<State>>, question: Json<Question>) -> HttpResponse {
    let (trouble, answer) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked += 1;
        let secret = request.headers().get(SERVICE_SECRET_HEADER).and_then(|value| value.to_str().ok());
        if secret != Some(state.secret.as_str()) {
            return HttpResponse::Forbidden().finish();
        }
        let Question { organization, user_id } = question.into_inner();
        let membership = state.memberships.get(&(organization, user_id)).cloned();
        (state.trouble, Answer { membership })
    };
    match trouble {
        None => HttpResponse::Ok().json(answer),
        Some(Trouble::Status(status)) => {
            let status = status.try_into().unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY);
            HttpResponse::build(status).json(answer)
        }
        Some(Trouble::Body(body)) => HttpResponse::Ok().content_type("application/json").body(body),
        Some(Trouble::Broken) => {
            let parts = [Ok(Bytes::from_static(b"{\"membership\": ")), Err(io::Error::other("broken"))];
            HttpResponse::Ok().streaming(futures_util::stream::iter(parts))
        }
        Some(Trouble::Late(by)) => {
            tokio::time::sleep(by).await;
            HttpResponse::Ok().json(answer)
        }
    }
}
