//! Requests that nobody should send: each gets a 4xx in the envelope, soon, without a log line above
//! debug, and those that can be refused without the database do not reach it.

mod bodies;
mod check;
mod queries;
mod raw;
mod routes;
mod witness;
