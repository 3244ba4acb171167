//! Organizations in tokens: what a member may do is refused everywhere, at once, when it changes, whatever
//! fails in between; and two organizations of one user never mix.
//!
//! Seen from outside, at services in processes of their own, as in production.

#![expect(clippy::print_stdout, reason = "the figures are what some of these tests are for")]
#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]

mod catalogue;
mod changes;
mod crash;
mod lag;
mod profiles;
mod tabs;
mod world;

use std::time::Duration;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// Within what a validator that hears of a change refuses, counted from the answer to whoever made it.
const PROMPT: Duration = Duration::from_millis(500);

/// How long anything else may take before a test gives up: far beyond what it needs, for a machine that
/// is busy compiling.
const PATIENCE: Duration = Duration::from_secs(30);
