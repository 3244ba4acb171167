//! `POST token/sliding/refresh/`: the same sliding token with a new expiry.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use shared::{
    Claims,
    input::{Body, Form, Mode, Text},
    token::{Refusal, TokenKind},
};

use super::{client, obtain::Single, tokens};
use crate::{
    App,
    error::AuthError,
    mint::Stamp,
    session::{Presented, foreign_session, over},
    store::sessions,
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
    let claims =
        app.verifier().verify(&text, TokenKind::Sliding).await.map_err(|refusal| app.refused(refusal))?;
    check_refresh_exp(&app, &claims).map_err(|refusal| app.refused(refusal))?;
    let token = Presented::new(&claims);
    let context = app.session_context(client(&app, &request))?;
    let session = app
        .db()
        .read(move |conn| match sessions::find(conn, token.session)? {
            Some(session) => Ok(over(&session, context.now).map_or(Ok(session), Err)),
            None => foreign_session(conn, &token, &context),
        })
        .await?
        .map_err(|ended| app.ended(ended))?;
    let stamp = Stamp {
        jti: claims.jti().to_owned(),
        ..Stamp::fresh(app.now(), app.config().tokens.sliding_lifetime)
    };
    Ok(tokens(&Single { token: app.mint().sliding(claims.as_map(), &session, &stamp)? }))
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
