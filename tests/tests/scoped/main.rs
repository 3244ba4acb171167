//! Tokens for organizations: how they are got, what they cost when something fails, and how what they
//! say is called back.
//!
//! The auth service and a third service that follows it are processes of their own, as in production.
//! The organization service is the tests': it says what they want it to say, or nothing.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod changes;
mod cookies;
mod definitions;
mod failing;
mod fake;
mod foreign;
mod mixing;
mod obtaining;
mod profiles;
mod refusing;
mod replaying;
mod revoking;
mod world;

use std::time::Duration;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// How long a change may take to reach a validator, counted from its answer.
const PROMPT: Duration = Duration::from_secs(10);
