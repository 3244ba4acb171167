//! The nouns: one file per table, with its row and its named queries.

pub mod keys;
pub mod sessions;
pub mod users;
