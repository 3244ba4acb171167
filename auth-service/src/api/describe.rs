//! `OPTIONS`: what the framework tells of an endpoint.

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};
use shared::Caller;

use crate::membership;

fn describe(name: &str, description: &str, fields: &[(&str, &str)]) -> HttpResponse {
    let field = |(name, label): &(&str, &str)| {
        let value = json!({"type": "string", "required": true, "read_only": false, "label": label});
        ((*name).to_owned(), value)
    };
    let fields: Map<String, Value> = fields.iter().map(field).collect();
    HttpResponse::Ok().json(json!({
        "name": name,
        "description": description,
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
        "actions": {"POST": fields},
    }))
}

const CREDENTIALS: [(&str, &str); 2] = [("username", "Username"), ("password", "Password")];

/// `token/`
pub async fn obtain() -> HttpResponse {
    let what = "Takes a set of user credentials and returns an access and refresh JSON web\n\
                token pair to prove the authentication of those credentials.";
    describe("Token Obtain Pair", what, &CREDENTIALS)
}

/// `token/refresh/`
pub async fn refresh() -> HttpResponse {
    let what = "Takes a refresh type JSON web token and returns an access type JSON web\n\
                token if the refresh token is valid.";
    describe("Token Refresh", what, &[("refresh", "Refresh")])
}

/// `token/verify/`
pub async fn verify() -> HttpResponse {
    let what = "Takes a token and indicates if it is valid.  This view provides no\n\
                information about a token's fitness for a particular use.";
    describe("Token Verify", what, &[("token", "Token")])
}

/// `token/blacklist/`
pub async fn blacklist() -> HttpResponse {
    let what = "Takes a token and blacklists it. Must be used with the\n\
                `rest_framework_simplejwt.token_blacklist` app installed.";
    describe("Token Blacklist", what, &[("refresh", "Refresh")])
}

/// `token/sliding/`
pub async fn obtain_sliding() -> HttpResponse {
    let what = "Takes a set of user credentials and returns a sliding JSON web token to\n\
                prove the authentication of those credentials.";
    describe("Token Obtain Sliding", what, &CREDENTIALS)
}

/// `token/sliding/refresh/`
pub async fn refresh_sliding() -> HttpResponse {
    let what = "Takes a sliding JSON web token and returns a new, refreshed version if the\n\
                token's refresh period has not expired.";
    describe("Token Refresh Sliding", what, &[("token", "Token")])
}

/// `user/token/organization/`
pub async fn organization(_: Caller) -> HttpResponse {
    let what = "Takes the id or slug of an organization and returns an access type JSON web\n\
                token for it, if the caller is a member.";
    describe("Token Organization", what, &[(membership::FIELD, "Organization")])
}

/// `user/session/`
pub async fn session() -> HttpResponse {
    let what = "Takes a set of user credentials and keeps the tokens that prove the\n\
                authentication of those credentials in cookies.";
    describe("Session", what, &CREDENTIALS)
}

/// `user/logout/`
pub async fn log_out() -> HttpResponse {
    describe("Logout", "Ends the caller's session and takes its cookies back.", &[])
}
