//! The revocation feed: what is revoked is refused everywhere, at once, whatever fails in between.
//!
//! Nearly all of it is seen from outside, at services in processes of their own that follow the feed
//! over HTTP, as in production.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod causes;
mod cookie;
mod fake;
mod faults;
mod follower;
mod foreign;
mod housekeeping;
mod key_causes;
mod lying;
mod offline;
mod order;
mod policies;
mod sessions_api;
mod verifying;
mod watch;

use std::time::Duration;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// Within what a validator that hears of a revocation refuses, counted from the answer to whoever
/// revoked.
const PROMPT: Duration = Duration::from_millis(500);

/// How long anything else may take before a test gives up: far beyond what it needs, for a machine that
/// is busy compiling.
const PATIENCE: Duration = Duration::from_secs(30);
