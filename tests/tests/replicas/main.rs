//! Several processes on one database: who makes its tables, and what a start says without it.

mod databases;
mod migrating;

/// The program that runs a service.
const NODE: &str = env!("CARGO_BIN_EXE_node");
