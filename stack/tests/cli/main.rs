//! `tessera` as its user meets it: a process, its output, its exit code, its files.

mod audit;
mod files;
mod keys;
mod organizations;
mod process;
mod serving;
mod settings;
mod starting;
mod tokens;
mod users;
