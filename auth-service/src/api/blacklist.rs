//! `POST token/blacklist/`: whoever holds a refresh token may end its session.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::json;
use shared::input::Body;

use super::{client, refresh::presented};
use crate::{
    App,
    error::AuthError,
    session::{self, Presented},
    store::sessions::Reason,
};

/// Ends the session of a refresh token.
pub async fn blacklist(app: Data<App>, request: HttpRequest, body: Body) -> Result<HttpResponse, AuthError> {
    let claims = presented(&app, &body.read().await?).await?;
    if app.config().tokens.blacklist_installed {
        let token = Presented::new(&claims);
        let context = app.session_context(client(&app, &request))?;
        let ended =
            app.db().write(move |conn| session::end(conn, &token, Reason::Blacklisted, &context)).await?;
        ended.map_err(|ended| app.ended(ended))?;
        app.feed().passed_on().await;
    }
    Ok(HttpResponse::Ok().json(json!({})))
}
