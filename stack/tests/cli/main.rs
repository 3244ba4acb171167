//! `tessera` as its user meets it: a process, its output, its exit code, its files.

mod process;
mod serving;
mod settings;
mod starting;
mod tokens;
mod users;
