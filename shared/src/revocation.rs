//! Revocation: what validators refuse although its signature and times are good.
//!
//! The auth service keeps a sequenced, short-lived list; every validator holds an exact copy in memory
//! and asks it on each request. What bounds the delay is the README's to promise: connected,
//! milliseconds; cut off, at most the staleness that the settings allow, and 503 after it.

mod entry;
pub(crate) mod follow;
mod roles;
mod set;
mod view;
pub mod wire;

pub use entry::{Entry, Kind, Line, UnknownKind};
pub use roles::Roles;
pub use set::{RevocationSet, SessionKey, adopted_session_id};
pub use view::Revocations;
