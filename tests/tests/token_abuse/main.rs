//! Tokens that must not open anything, at every door of every service: the auth service, the
//! organization service, and the example that gets its keys over HTTP.
//!
//! Beside each refusal stands its control: the same token, unharmed, is accepted at the same door
//! before and after. Where the real key is needed to show what a refusal is due to, the stack runs
//! with a key that the test holds too.

mod algorithms;
mod audience;
mod claims;
mod forge;
mod headers;
mod keys;
mod kinds;
mod spelling;
mod text;
mod world;
