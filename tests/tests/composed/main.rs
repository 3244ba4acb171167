//! The composed services, as `docker-compose.yml` starts them: what happens when they start in any
//! order, are replaced, killed, overwhelmed and lied to.
//!
//!     cargo test -p e2e --test composed -- --ignored
//!
//! needs a Docker engine and the images (`docker compose build`). `E2E_COMPOSE` names another command
//! than `docker compose`. Every test has a deployment of its own, one at a time, on free ports, beside
//! whatever else runs; it is removed with its volume at the end. The figures that tests print are what
//! they saw.

#![expect(clippy::print_stdout, reason = "the figures are what some of these tests are for")]
#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod container;
mod gateway;
mod lag;
mod losing;
mod mix;
mod replacing;
mod starting;
mod system;
mod tls;

use container::Container;
use system::Composed;

/// Where an organization service is asked.
const ORGANIZATIONS: &str = "/api/v1/organization/";
/// Where the auth service is asked for the caller.
const ME: &str = "/api/v1/user/me/";
