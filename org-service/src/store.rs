//! The nouns: one file per table, with its rows and named queries.

pub mod organizations;
