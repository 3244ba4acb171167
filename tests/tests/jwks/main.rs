//! Keys over HTTP: what a validator does while its issuer is slow, away, wrong or under attack.
//!
//! The issuer is a fake that answers what a test tells it to; the validator is the real client, or
//! the real example service. Time moves by a manual clock.

mod fake;
mod fetching;
mod junk;
mod outage;
