//! The nouns: one file per table, with its row and its named queries.

pub mod feed;
pub mod keys;
pub mod lives;
pub mod roles;
pub mod sessions;
pub mod users;
