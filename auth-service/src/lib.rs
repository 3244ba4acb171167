//! The auth service: users, credentials, sessions, tokens and keys.

pub mod accounts;
pub mod api;
pub mod changes;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod exchange;
pub mod feed;
pub mod housekeeping;
pub mod keyring;
pub mod levelling;
pub mod login;
pub mod membership;
pub mod mint;
pub mod password;
pub mod revocation;
pub mod schema;
pub mod sealing;
pub mod session;
pub mod store;

mod app;
mod last_used;

use actix_web::{http::Method, web::ServiceConfig};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::{
    Endpoint, Migrations,
    db::Migrate,
    issuer::{EXCHANGE_PATH, PROFILES_PATH},
};

pub use app::{App, StartError};
pub use config::Config;

/// The service's migrations, one tree per engine.
#[must_use]
pub const fn migrations() -> Migrations {
    const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/auth/postgres");
    const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/auth/sqlite");
    Migrations { program: "auth-service", postgres: || POSTGRES, sqlite: || SQLITE, apply: Migrate::Start }
}

/// The whole public HTTP surface.
pub fn routes(config: &mut ServiceConfig) {
    use api::{
        blacklist, describe, logout, me, obtain, organization, refresh, session, sessions, sliding, verify,
    };
    for base in ["/api/v1/user/token", "/api/token"] {
        let token = |path: &str| Endpoint::open(&format!("{base}{path}"));
        config
            .service(
                token("/refresh/").on(Method::POST, refresh::refresh).on(Method::OPTIONS, describe::refresh),
            )
            .service(token("/verify/").on(Method::POST, verify::verify).on(Method::OPTIONS, describe::verify))
            .service(
                token("/blacklist/")
                    .on(Method::POST, blacklist::blacklist)
                    .on(Method::OPTIONS, describe::blacklist),
            )
            .service(
                token("/sliding/refresh/")
                    .on(Method::POST, sliding::refresh_sliding)
                    .on(Method::OPTIONS, describe::refresh_sliding),
            )
            .service(
                token("/sliding/")
                    .on(Method::POST, obtain::obtain_sliding)
                    .on(Method::OPTIONS, describe::obtain_sliding),
            )
            .service(token("/").on(Method::POST, obtain::obtain).on(Method::OPTIONS, describe::obtain));
    }
    config
        .service(
            Endpoint::protected("/api/v1/user/token/organization/")
                .on(Method::POST, organization::obtain_for_organization)
                .on(Method::OPTIONS, describe::organization),
        )
        .service(Endpoint::protected("/api/v1/user/me/").get(me::show).on(Method::PATCH, me::change))
        .service(Endpoint::protected("/api/v1/user/sessions/").get(sessions::list))
        .service(Endpoint::protected("/api/v1/user/sessions/{id}/").on(Method::DELETE, sessions::end))
        .service(Endpoint::protected("/api/v1/user/logout/all/").on(Method::POST, sessions::end_all))
        .service(
            Endpoint::open("/api/v1/user/session/")
                .get(session::show)
                .on(Method::POST, session::log_in)
                .on(Method::OPTIONS, describe::session),
        );
    for path in ["/api/v1/user/logout/", "/api/v1/user/token/logout/"] {
        let log_out = Endpoint::open(path).on(Method::POST, logout::log_out);
        config.service(log_out.on(Method::OPTIONS, describe::log_out));
    }
    well_known(config);
}

/// The management port's surface, beside health, readiness and metrics.
pub fn internal_routes(config: &mut ServiceConfig) {
    config
        .service(Endpoint::open("/internal/user-state/").get(api::internal::user_state))
        .service(Endpoint::open(EXCHANGE_PATH).on(Method::POST, api::internal::exchange))
        .service(Endpoint::open(PROFILES_PATH).on(Method::POST, api::internal::profiles))
        .service(
            Endpoint::plain("/internal/revocations/")
                .get(api::internal::revocations)
                .on(Method::POST, api::internal::revoke),
        );
    well_known(config);
}

fn well_known(config: &mut ServiceConfig) {
    use api::well_known::{jwks, openid_configuration};
    config
        .service(Endpoint::open("/.well-known/jwks.json/").get(jwks))
        .service(Endpoint::open("/.well-known/openid-configuration/").get(openid_configuration));
}
