//! What is measured, made ready: the same for times and for instruction counts.
//!
//! Every value is what a service holds in production, made by the services' own code; there are no
//! shortcuts into private parts.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a measuring tool: what fails shall be seen"
)]

pub mod passwords;
pub mod policies;
pub mod revocations;
pub mod tokens;
