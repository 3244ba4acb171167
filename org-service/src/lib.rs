//! The organization service: organizations, guarded by tokens that it verifies itself.

pub mod api;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod schema;
pub mod search;
pub mod store;
pub mod visibility;

mod app;

use actix_web::{Scope, http::Method, web};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::{Endpoint, Migrations, db::Migrate};

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
    use api::{create, delete, describe, list, retrieve, update};
    web::scope("/api/v1/organization")
        .service(
            Endpoint::protected("/")
                .get(list::list)
                .on(Method::POST, create::create)
                .on(Method::OPTIONS, describe::list),
        )
        .service(
            Endpoint::protected("/{id:[0-9]+|[0-9a-fA-F-]{36}}/")
                .get(retrieve::retrieve)
                .on(Method::PUT, update::replace)
                .on(Method::PATCH, update::change)
                .on(Method::DELETE, delete::delete)
                .on(Method::OPTIONS, describe::detail),
        )
}
