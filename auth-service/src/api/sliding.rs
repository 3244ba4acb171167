//! `POST token/sliding/refresh/`: the same sliding token with a new expiry.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Claims, Timestamp,
    input::{Body, Form, Mode, Text},
    token::{Refusal, TokenKind},
    verifier::Authentic,
};

use super::{client, obtain::Single, tokens};
use crate::{
    App,
    error::AuthError,
    mint::Stamp,
    session::{Presented, adopt, over},
};

/// Answers with the prolonged token. Both expiries must be ahead; the id and the second stay.
pub async fn refresh_sliding(
    app: Data<App>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, AuthError> {
    let input = body.read().await?;
    let mut form = Form::new(&input, Mode::Full);
    let text = form.required("token", Text::required());
    form.finish()?;
    let authentic = presented(&app, &text).await.map_err(|refusal| app.refused(refusal))?;
    let claims = &authentic.claims;
    let mut token = Presented::new(claims);
    token.expires_at =
        claims.seconds(&app.config().rules.names.refresh_exp).map_or(token.expires_at, Timestamp::from_secs);
    let context = app.session_context(client(&app, &request))?;
    let session = match app.sessions().run(token.session).await? {
        Some(session) => over(&session, context.alive_at()).map_or(Ok(session), Err),
        None => app.db().write(move |conn| adopt(conn, &token, &context)).await?,
    };
    let session = session.map_err(|ended| app.ended(ended))?;
    // The database has the words; whatever it does not know of is in the feed.
    app.verifier().check_revoked(&authentic).map_err(|refusal| app.refused(refusal))?;
    let stamp = Stamp {
        jti: claims.jti().to_owned(),
        ..Stamp::fresh(app.now(), app.config().tokens.sliding_lifetime)
    };
    Ok(tokens(&Single { token: app.mint().sliding(claims.as_map(), &session, &stamp)? }))
}

async fn presented(app: &App, text: &str) -> Result<Authentic, Refusal> {
    let token = app.verifier().authenticate(text).await?;
    token.claims.check_kind(TokenKind::Sliding, &app.config().rules.names)?;
    check_refresh_exp(app, &token.claims)?;
    Ok(token)
}

fn check_refresh_exp(app: &App, claims: &Claims) -> Result<(), Refusal> {
    let rules = &app.config().rules;
    let name = &rules.names.refresh_exp;
    let Some(value) = claims.get(name) else { return Err(Refusal::Missing(name.clone())) };
    if !value.is_number() {
        return Err(Refusal::Claim { claim: name.clone(), complaint: "is not a time in seconds since 1970" });
    }
    let until = claims.seconds(name).unwrap_or(0);
    if until <= app.now().before(rules.expiry_leeway()).as_secs() {
        return Err(Refusal::Passed(name.clone()));
    }
    Ok(())
}
