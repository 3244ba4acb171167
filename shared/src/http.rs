//! The frame around every handler: endpoints, the server, the management port, request ids, metrics;
//! and the question from outside whether all of it is ready.

pub mod endpoint;
pub mod frame;
pub mod healthcheck;
pub mod management;
pub mod metrics;
pub mod origin;
pub mod server;
mod slash;
pub mod stopping;
mod unread;

pub use endpoint::Endpoint;
