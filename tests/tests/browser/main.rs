//! Cookie mode in a real browser: what Chromium keeps, sends and shows of a session's cookies, and what
//! the pages of other sites can do with them.
//!
//! `cookies` proves what the services answer; whether that protects anybody is up to a browser's own
//! rules for prefixes, `SameSite`, ports and subdomains, so here they are a browser's.

mod chromium;
mod forgery;
mod https;
mod session;
mod site;
mod tabs;
mod theft;
mod tls;
mod world;
