//! `/internal`: calls between services, authenticated by `SERVICE_SECRET`.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Json, Query},
};
use aws_lc_rs::constant_time;
use futures_util::StreamExt as _;
use serde::Deserialize;
use shared::{
    Problem,
    http::server::Closing,
    issuer::{Presented, SERVICE_SECRET_HEADER},
    revocation::wire::Place,
};

use crate::{App, error::AuthError, exchange, feed};

/// Refuses a call that does not carry one of the service secrets; without any, every call.
fn authenticate(app: &App, request: &HttpRequest) -> Result<(), AuthError> {
    let presented = request
        .headers()
        .get(SERVICE_SECRET_HEADER)
        .map(actix_web::http::header::HeaderValue::as_bytes)
        .unwrap_or_default();
    let secrets = &app.config().service_secrets;
    let known = secrets
        .iter()
        .any(|secret| constant_time::verify_slices_are_equal(secret.expose().as_bytes(), presented).is_ok());
    if known { Ok(()) } else { Err(AuthError::NotAService) }
}

/// The query of [`user_state`].
#[derive(Debug, Deserialize)]
pub struct Who {
    user_id: String,
}

/// The state of the user with this value in the user id claim.
pub async fn user_state(
    app: Data<App>,
    request: HttpRequest,
    who: Option<Query<Who>>,
) -> Result<HttpResponse, AuthError> {
    authenticate(&app, &request)?;
    let Some(who) = who else { return Ok(Problem::not_found().error_response()) };
    Ok(match app.user_state(&who.user_id).await? {
        Some(state) => HttpResponse::Ok().json(state),
        None => Problem::not_found().error_response(),
    })
}

/// The revocation feed; see [`shared::revocation::wire`].
pub async fn revocations(
    app: Data<App>,
    request: HttpRequest,
    place: Option<Query<Place>>,
    closing: Option<Data<Closing>>,
) -> Result<HttpResponse, AuthError> {
    authenticate(&app, &request)?;
    let place = place.map(Query::into_inner).unwrap_or_default();
    let events = feed::stream(app.feed(), app.db(), &place);
    // Without this, a server that stops would wait for its followers.
    let closed = async move {
        match closing {
            Some(closing) => closing.begun().await,
            None => std::future::pending().await,
        }
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(events.take_until(Box::pin(closed))))
}

/// Exchanges a name and a password for a short-lived access token: 200 with the decision, whatever it
/// is, so that no refusal of ours is taken for the user's.
pub async fn exchange(
    app: Data<App>,
    request: HttpRequest,
    presented: Option<Json<Presented>>,
) -> Result<HttpResponse, AuthError> {
    authenticate(&app, &request)?;
    let Some(Json(presented)) = presented else {
        return Ok(Problem::new(StatusCode::BAD_REQUEST, "No credentials.").error_response());
    };
    let exchanged = exchange::exchange(&app, presented).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(exchanged.into_body()))
}
