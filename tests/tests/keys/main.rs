//! Managed keys over their whole life: published, signing, retired, gone, or revoked.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a test's report")]

mod algorithm;
mod replicas;
mod revoking;
mod rotation;
mod world;
