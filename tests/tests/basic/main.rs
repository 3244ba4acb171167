//! Basic credentials at services that verify tokens: an organization service by itself, which asks
//! the auth service over HTTP, and the single-process stack, which asks within.
//!
//! A proxy between the two counts what is asked and answers in the auth service's place where a
//! test wants trouble. Time moves by manual clocks.

mod ending;
mod exchange;
mod lines;
mod local;
mod proxy;
mod refusals;
mod trouble;
mod world;
