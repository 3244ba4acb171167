//! Users for tests: rows with a password that is hashed once per process, for hashing is slow on
//! purpose.

use std::sync::OnceLock;

use anyhow::Context as _;
use auth_service::{
    password::{Argon2Params, Scheme, hash},
    store::users::{User, UserId},
};
use shared::Timestamp;

/// The password of every user that the harness makes.
pub const PASSWORD: &str = "correct-Pa55word";

/// A user that has not been added yet, whose password is [`PASSWORD`].
pub fn new_user(name: &str, is_superuser: bool, now: Timestamp) -> anyhow::Result<User> {
    let id = UserId::new(now);
    let (password, password_scheme) = hashed()?;
    Ok(User {
        id,
        subject: id.to_string(),
        username: name.to_owned(),
        email: format!("{name}@example.org"),
        first_name: String::new(),
        last_name: String::new(),
        password,
        password_scheme,
        is_active: true,
        is_superuser,
        credential_version: 0,
        not_before: None,
        last_login: None,
        created_at: now,
        updated_at: now,
        email_verified_at: Some(now),
    })
}

/// [`PASSWORD`], hashed once for all tests of a process, with its scheme.
fn hashed() -> anyhow::Result<(String, String)> {
    static HASHED: OnceLock<String> = OnceLock::new();
    let params = Argon2Params::default();
    let scheme = Scheme::argon2id(params).label();
    if let Some(known) = HASHED.get() {
        return Ok((known.clone(), scheme));
    }
    let made = hash(PASSWORD, &params).ok().context("the test password can be hashed")?;
    Ok((HASHED.get_or_init(|| made).clone(), scheme))
}
