//! The organization service: organizations, guarded by tokens that it verifies itself.

pub mod access;
pub mod act;
pub mod address;
pub mod adoption;
pub mod announce;
pub mod api;
pub mod cli;
pub mod commands;
pub mod conditional;
pub mod config;
pub mod definitions;
pub mod delivery;
pub mod error;
pub mod handle;
pub mod housekeeping;
pub mod idempotency;
pub mod invitation;
pub mod lines;
pub mod mail;
pub mod membership;
pub mod organization;
pub mod permission;
pub mod policy;
pub mod profiles;
pub mod purge;
pub mod record;
pub mod role;
pub mod roster;
pub mod schema;
pub mod seal;
pub mod search;
pub mod slug;
pub mod store;
pub mod upkeep;
pub mod verify;
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

/// Below which path all of it lies.
pub const BASE: &str = "/api/v1/organization";

/// Below which path, under [`BASE`], lies what concerns one organization. An id that is neither a UUID nor an
/// integer is no route of ours, so it is 404 for everybody; integers are the ids of the original.
pub const ONE: &str = "/{id:[0-9]+|[0-9a-fA-F-]{36}}";

/// The whole public HTTP surface: what lies under [`BASE`], and under [`ONE`] below that.
#[must_use]
pub fn endpoints() -> (Vec<Endpoint>, Vec<Endpoint>) {
    use api::{
        accept, audit, create, delete, describe, invitations, list, members, membership, restore, retrieve,
        roles, update,
    };
    let at = Endpoint::protected;
    let all = vec![
        at("/").get(list::list).on(Method::POST, create::create).on(Method::OPTIONS, describe::list),
        at("/invitations/").get(accept::list),
        at("/invitations/accept/").on(Method::POST, accept::accept),
    ];
    let one = vec![
        at("/")
            .get(retrieve::retrieve)
            .on(Method::PUT, update::replace)
            .on(Method::PATCH, update::change)
            .on(Method::DELETE, delete::delete)
            .on(Method::OPTIONS, describe::detail),
        at("/membership/").get(membership::show).on(Method::DELETE, membership::leave),
        at("/transfer/").on(Method::POST, membership::transfer),
        at("/members/").get(members::list),
        at("/members/{user_id}/")
            .get(members::show)
            .on(Method::PATCH, members::change)
            .on(Method::DELETE, members::remove),
        at("/invitations/").get(invitations::list).on(Method::POST, invitations::invite),
        at("/invitations/{invitation_id}/").get(invitations::show).on(Method::DELETE, invitations::revoke),
        at("/invitations/{invitation_id}/resend/").on(Method::POST, invitations::resend),
        at("/roles/").get(roles::list).on(Method::POST, roles::define),
        at("/roles/{name}/")
            .get(roles::show)
            .on(Method::PATCH, roles::redefine)
            .on(Method::DELETE, roles::remove),
        at("/restore/").on(Method::POST, restore::restore),
        at("/audit/").offering(audit::LINES).get(audit::list),
    ];
    (all, one)
}

/// [`endpoints`], to be served.
#[must_use]
pub fn routes() -> Scope {
    let (all, one) = endpoints();
    let below = |path, endpoints: Vec<Endpoint>| endpoints.into_iter().fold(web::scope(path), Scope::service);
    below(BASE, all).service(below(ONE, one))
}

/// The management port's surface, beside health, readiness and metrics.
pub fn internal_routes(config: &mut ServiceConfig) {
    config.service(Endpoint::open(MEMBERSHIPS_PATH).on(Method::POST, api::internal::membership));
}
