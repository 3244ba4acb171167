//! `/.well-known/jwks.json` (RFC 7517) and a minimal `/.well-known/openid-configuration`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CacheControl, CacheDirective},
    web::Data,
};
use serde_json::json;
use shared::{Problem, http::origin::Origin, jwks::VERSION_HEADER};

use crate::{App, config::KEY_SET_MAX_AGE};

/// How long validators may keep the documents: short, so that a new key is seen in time.
fn cache() -> CacheControl {
    let seconds = u32::try_from(KEY_SET_MAX_AGE.as_secs()).unwrap_or(u32::MAX);
    CacheControl(vec![CacheDirective::Public, CacheDirective::MaxAge(seconds)])
}

/// The public keys.
pub async fn jwks(app: Data<App>) -> HttpResponse {
    // The version first: should the keys change in between, they are newer than it says.
    let version = app.feed().keys_version();
    HttpResponse::Ok()
        .insert_header(cache())
        .insert_header((VERSION_HEADER, version.to_string()))
        .json(app.keyring().jwks())
}

/// What a client needs to find the keys. We are not an OpenID provider yet and do not claim to be.
pub async fn openid_configuration(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Origin { scheme, host } = Origin::of(&request, &app.config().trusted_proxies)?;
    let base = format!("{scheme}://{host}");
    let rules = &app.config().rules;
    Ok(HttpResponse::Ok().insert_header(cache()).json(json!({
        "issuer": rules.issuer.as_deref().unwrap_or(&base),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "token_endpoint": format!("{base}/api/v1/user/token/"),
        "id_token_signing_alg_values_supported": [rules.algorithm],
        "subject_types_supported": ["public"],
        "response_types_supported": [],
    })))
}
