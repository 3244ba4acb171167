//! The proof that the golden runner compares: every kind of expectation, changed in one place, must be
//! noticed, every deviation must refuse a near miss, and every made-up token must be what it says.

#![expect(dead_code, reason = "the runner's modules are compiled again here, without the program")]

mod aspects;
mod compare;
mod craft;
mod deviations;
mod extra;
mod fixture;
mod history;
mod json;
mod play;
#[cfg(test)]
mod proofs;
mod remote;
mod settings;
mod setup;
mod system;
mod tokens;
mod wire;
mod world;
