//! The verbs: one endpoint per file, wire types beside their handler.

pub mod blacklist;
pub mod describe;
pub mod internal;
mod issued;
pub mod logout;
pub mod me;
pub mod obtain;
pub mod organization;
pub mod refresh;
pub mod session;
pub mod sessions;
pub mod sliding;
pub mod verify;
pub mod well_known;

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::Serialize;
use shared::http::origin::client_address;

use crate::{App, session::Client};

/// An answer with tokens in it: never stored by a cache (RFC 6749, section 5.1).
fn tokens(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

/// The client as the request shows it.
fn client(app: &App, request: &HttpRequest) -> Client {
    let user_agent =
        request.headers().get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let address = client_address(request, &app.config().trusted_proxies);
    Client::new(address, &user_agent.unwrap_or_default())
}
