//! The harness of the end-to-end tests: the real stack on port 0 with databases of its own, and
//! actors that speak HTTP to it.
//!
//! The engine is SQLite, or PostgreSQL where `TEST_POSTGRES_URL` is set.

mod actor;
mod server;

pub use actor::{Actor, Answer};
pub use server::{PASSWORD, Server};
