//! `auth-service serve`, or a management command.

use clap::Parser;
use shared::config::Variables;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    shared::process::run(auth_service::cli::run(auth_service::cli::Cli::parse(), Variables::from_env()))
}
