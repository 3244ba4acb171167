//! `/internal`: calls between services, authenticated by `SERVICE_SECRET`.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Json, Query},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use shared::{
    Problem,
    http::server::Closing,
    internal::ServiceCall,
    issuer::{Changes, Presented, ProfilesAnswer, ProfilesQuestion},
    revocation::wire::Place,
};

use crate::{App, error::AuthError, exchange, feed};

/// The query of [`user_state`].
#[derive(Debug, Deserialize)]
pub struct Who {
    user_id: String,
}

/// The state of the user with this value in the user id claim.
pub async fn user_state(
    _: ServiceCall,
    app: Data<App>,
    who: Option<Query<Who>>,
) -> Result<HttpResponse, AuthError> {
    let Some(who) = who else { return Ok(Problem::not_found().error_response()) };
    Ok(match app.user_state(&who.user_id).await? {
        Some(state) => HttpResponse::Ok().json(state),
        None => Problem::not_found().error_response(),
    })
}

/// The revocation feed; see [`shared::revocation::wire`].
pub async fn revocations(
    _: ServiceCall,
    app: Data<App>,
    place: Option<Query<Place>>,
    closing: Option<Data<Closing>>,
) -> Result<HttpResponse, AuthError> {
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
    _: ServiceCall,
    app: Data<App>,
    presented: Option<Json<Presented>>,
) -> Result<HttpResponse, AuthError> {
    let Some(Json(presented)) = presented else { return Err(unreadable()) };
    let exchanged = exchange::exchange(&app, presented).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(exchanged.into_body()))
}

/// Users as others may see them, in a batch.
pub async fn profiles(
    _: ServiceCall,
    app: Data<App>,
    question: Option<Json<ProfilesQuestion>>,
) -> Result<HttpResponse, AuthError> {
    let Some(Json(ProfilesQuestion { user_ids })) = question else { return Err(unreadable()) };
    let users = app.profiles(user_ids).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(ProfilesAnswer { users }))
}

/// Changes of memberships: 204 once they are committed and on their way to every validator.
pub async fn revoke(
    _: ServiceCall,
    app: Data<App>,
    changes: Option<Json<Changes>>,
) -> Result<HttpResponse, AuthError> {
    let Some(Json(Changes { entries })) = changes else { return Err(unreadable()) };
    app.revoke(entries).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn unreadable() -> AuthError {
    Problem::new(StatusCode::BAD_REQUEST, "The body is not what this call takes.").into()
}
