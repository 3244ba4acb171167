//! The organization service: organizations, guarded by tokens that it verifies itself.

pub mod access;
pub mod act;
pub mod announce;
pub mod api;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod housekeeping;
pub mod membership;
pub mod organization;
pub mod permission;
pub mod policy;
pub mod record;
pub mod role;
pub mod roster;
pub mod schema;
pub mod search;
pub mod slug;
pub mod store;
pub mod visibility;

mod app;

use actix_web::{
    Scope,
    http::Method,
    web::{self, ServiceConfig},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::{Endpoint, Migrations, db::Migrate, organizations::MEMBERSHIPS_PATH};

pub use app::{App, StartError};
pub use config::Config;

/// The service's migrations, one tree per engine.
#[must_use]
pub const fn migrations() -> Migrations {
    const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/org/postgres");
    const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/org/sqlite");
    Migrations { program: "org-service", postgres: || POSTGRES, sqlite: || SQLITE, apply: Migrate::Start }
}

/// The whole public HTTP surface. A path whose id is neither a UUID nor an integer is no route of
/// ours, so it is 404 for everybody; integers are the ids of the original.
#[must_use]
pub fn routes() -> Scope {
    use api::{create, delete, describe, list, members, membership, retrieve, roles, update};
    let within = |path: &str| Endpoint::protected(&format!("/{{id:[0-9]+|[0-9a-fA-F-]{{36}}}}{path}"));
    web::scope("/api/v1/organization")
        .service(
            Endpoint::protected("/")
                .get(list::list)
                .on(Method::POST, create::create)
                .on(Method::OPTIONS, describe::list),
        )
        .service(
            within("/")
                .get(retrieve::retrieve)
                .on(Method::PUT, update::replace)
                .on(Method::PATCH, update::change)
                .on(Method::DELETE, delete::delete)
                .on(Method::OPTIONS, describe::detail),
        )
        .service(within("/membership/").get(membership::show).on(Method::DELETE, membership::leave))
        .service(within("/transfer/").on(Method::POST, membership::transfer))
        .service(within("/members/").get(members::list))
        .service(
            within("/members/{user_id}/")
                .get(members::show)
                .on(Method::PATCH, members::change)
                .on(Method::DELETE, members::remove),
        )
        .service(within("/roles/").get(roles::list).on(Method::POST, roles::define))
        .service(
            within("/roles/{name}/")
                .get(roles::show)
                .on(Method::PATCH, roles::redefine)
                .on(Method::DELETE, roles::remove),
        )
}

/// The management port's surface, beside health, readiness and metrics.
pub fn internal_routes(config: &mut ServiceConfig) {
    config.service(Endpoint::open(MEMBERSHIPS_PATH).on(Method::POST, api::internal::membership));
}
