//! Revocation: what validators refuse although its signature and times are good.

mod entry;

pub use entry::{Entry, Kind, Line, UnknownKind};
