//! The frame around every handler: endpoints, the server, the management port, request ids, metrics.

pub mod endpoint;
pub mod frame;
pub mod management;
pub mod metrics;
pub mod origin;
pub mod server;
mod unread;

pub use endpoint::Endpoint;
