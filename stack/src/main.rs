//! `tessera`: both services in one process on one port.

use clap::Parser;
use shared::config::Variables;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    shared::process::run(tessera::cli::run(tessera::cli::Cli::parse(), Variables::from_env()))
}
