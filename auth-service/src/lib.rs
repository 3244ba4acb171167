//! x
pub mod schema;
pub mod store;
