//! The system under test, as the runner needs it: one running stack of one variant on one engine.

use std::fmt;

/// The database engine a stack runs on.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite,
    /// With the address from `TEST_POSTGRES_URL`.
    Postgres(String),
}

/// The three users' ids, as the user-id claim carries them.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    pub(crate) alice: String,
    pub(crate) bob: String,
    pub(crate) ivan: String,
}

impl Users {
    pub(crate) fn id(&self, name: &str) -> Option<&str> {
        match name {
            "alice" => Some(&self.alice),
            "bob" => Some(&self.bob),
            "ivan" => Some(&self.ivan),
            _ => None,
        }
    }
}

/// One running stack. Users are named `alice`, `bob` and `ivan`.
pub(crate) trait System {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    fn base_url(&self) -> &str;

    /// An empty database with alice (superuser), bob, and ivan (inactive), whose passwords are
    /// `alice-Pa55word` and so on. Nothing an earlier fixture did may be remembered anywhere.
    async fn reset(&mut self) -> anyhow::Result<Users>;

    async fn set_active(&mut self, user: &str, active: bool) -> anyhow::Result<()>;
    async fn delete_user(&mut self, user: &str) -> anyhow::Result<()>;
    async fn change_password(&mut self, user: &str, password: &str) -> anyhow::Result<()>;

    /// Every outstanding token's stored expiry is moved into the past.
    async fn expire_outstanding(&mut self) -> anyhow::Result<()>;
    /// The management command of that name.
    async fn flush_expired_tokens(&mut self) -> anyhow::Result<()>;

    /// Puts organizations into an empty table without HTTP and says their ids, in order. Only asked
    /// for where the variant's own tokens do not open the API.
    async fn insert_organizations(&mut self, organizations: &[Organization]) -> anyhow::Result<Vec<String>>;

    /// Ends the stack and removes its database.
    async fn stop(self) -> anyhow::Result<()>;
}

/// An organization as the setup step of that name makes it.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) description: String,
    pub(crate) is_active: bool,
}

/// The stack would not start. For deviation D13 the message must be one line.
#[derive(Clone, Debug)]
pub(crate) struct StartRefused {
    pub(crate) message: String,
}

impl StartRefused {
    pub(crate) fn is_one_line(&self) -> bool {
        self.message.trim().lines().count() == 1
    }
}

impl fmt::Display for StartRefused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "start refused: {}", self.message)
    }
}
