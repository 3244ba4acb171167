//! The harness of the end-to-end tests: the real stack on port 0 with databases of its own, the real
//! services as processes of their own, and actors that speak HTTP to either.
//!
//! Stories run at a [`Site`]: such a stack, or whatever answers at `E2E_BASE_URL`.
//!
//! The engine is SQLite, or PostgreSQL where `TEST_POSTGRES_URL` is set.

mod actor;
mod browser;
mod cluster;
mod deployment;
mod done;
mod front;
mod load;
mod poll;
mod process;
mod proxy;
mod revoking;
mod server;
mod site;
mod usage;
mod users;
pub mod wire;

pub use actor::{Actor, Answer};
pub use browser::{Browser, set_cookies};
pub use cluster::{Cluster, Settings, claims, session_of};
pub use deployment::{Deployment, Known};
pub use done::Done;
pub use front::Front;
pub use load::{Load, Pace, Report, Running, Sample};
pub use poll::{Patience, everywhere, until};
pub use process::Node;
pub use proxy::{Mode, Proxy};
pub use revoking::{Eyes, Revoked, Watch};
pub use server::Server;
pub use site::{Person, Site, unique};
pub use usage::Usage;
pub use users::{PASSWORD, new_user};
