//! What both services share.

pub mod input;
pub mod media;
pub mod page;
