//! Trust under load, in figures: how soon a revoked token is refused, what a million live revocations
//! cost, and that keys rotate without anybody noticing.
//!
//! Each test prints what it measured and fails where the target is missed. The default size finds what
//! is broken and takes less than a minute, without optimisation and beside whatever else the machine
//! does; where that forbids the real bound, [`Size`] says why. `TRUST_LOAD=full` measures: run it with
//! `--release --nocapture` on a machine that does nothing else.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's report")]
#![expect(clippy::print_stdout, reason = "the figures are what these tests are for")]

mod entries;
mod insertion;
mod lag;
mod rotation;
mod rounds;
mod size;
mod traffic;

use size::Size;
use tokio::sync::RwLock;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// Held for writing by whoever measures, for reading by whoever only counts: nobody measures beside
/// anything else.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// Where an access token is shown without a look at the database.
const PROTECTED: &str = "/protected";
/// Where it is shown to an organization service.
const ORGANIZATIONS: &str = "/api/v1/organization/";
