//! What both services, and any third service, need to verify Tessera's tokens and to answer like
//! each other: claims and verifier, keys, the actix extractor, errors, settings, telemetry, the
//! server's frame, and the database handle.

pub mod auth;
pub mod claims;
pub mod clock;
pub mod config;
pub mod db;
pub mod http;
pub mod input;
pub mod internal;
pub mod issuer;
pub mod jwks;
pub mod keys;
pub mod media;
pub mod organizations;
pub mod page;
pub mod problem;
pub mod process;
pub mod random;
pub mod revocation;
pub mod secret;
pub mod telemetry;
pub mod token;
pub mod verifier;

pub use auth::{Authenticator, Caller, CookieJar, OrgCaller};
pub use claims::Claims;
pub use clock::{Clock, Timestamp};
pub use db::{Db, DbConnection, DbError, DbLimits, DbUrl, Migrations};
pub use http::Endpoint;
pub use issuer::Issuer;
pub use organizations::Organizations;
pub use problem::Problem;
pub use secret::Secret;
pub use verifier::Verifier;
