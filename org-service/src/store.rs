//! The nouns: one file per table, rows and named queries.

pub mod announcements;
pub mod audit;
pub mod keyset;
pub mod memberships;
pub mod organizations;
pub mod roles;
pub mod secrets;
pub mod tallies;
