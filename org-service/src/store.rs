//! The nouns: one file per table, rows and named queries.

pub mod announcements;
pub mod audit;
pub mod catalogue;
pub mod handles;
pub mod idempotency;
pub mod invitations;
pub mod keyset;
pub mod mails;
pub mod memberships;
pub mod organizations;
pub mod profiles;
pub mod roles;
pub mod seals;
pub mod secrets;
pub mod tallies;

#[cfg(test)]
mod scale;
