//! [`Server`]: a running stack of a test's own.

use auth_service::store::users::{self, User};
use shared::{
    Clock, DbUrl,
    config::Variables,
    db::testing::TestDb,
    http::server::{ServerOptions, Stop},
};
use tessera::Stack;

use crate::{Actor, PASSWORD};

/// A running stack with databases of its own. It stops when dropped.
#[derive(Debug)]
pub struct Server {
    /// Both services.
    pub stack: Stack,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    /// The management port, likewise.
    pub management: String,
    clock: Clock,
    stop: Stop,
    _databases: [TestDb; 2],
}

impl Server {
    /// A server with the default settings.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(&[], Clock::System).await
    }

    /// A server with these settings and this clock.
    pub async fn with(settings: &[(&str, &str)], clock: Clock) -> anyhow::Result<Self> {
        Self::on(shared::db::testing::server()?, settings, clock).await
    }

    /// The same on this PostgreSQL server, or on SQLite, whatever the environment says.
    pub async fn on(server: Option<DbUrl>, settings: &[(&str, &str)], clock: Clock) -> anyhow::Result<Self> {
        let databases = [TestDb::empty_on(server.clone())?, TestDb::empty_on(server)?];
        let mut pairs = vec![
            ("AUTH_DATABASE_URL".to_owned(), databases[0].url.secret_text()),
            ("ORG_DATABASE_URL".to_owned(), databases[1].url.secret_text()),
            ("AUTH_KEY_ENCRYPTION_KEY".to_owned(), auth_service::sealing::SealingKeys::generate()),
        ];
        pairs.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let variables = Variables::from_pairs(pairs);
        let stack = Stack::start(&variables, clock.clone()).await?;
        let any = ([127, 0, 0, 1], 0).into();
        let bound = stack.bind(&ServerOptions { workers: 2, ..ServerOptions::new(any, any) })?;
        let (base, management) =
            (format!("http://{}", bound.address), format!("http://{}", bound.management_address));
        let stop = bound.stop();
        tokio::spawn(bound.run());
        Ok(Self { stack, base, management, clock, stop, _databases: databases })
    }

    /// The clock that the services go by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Somebody without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.base)
    }

    /// Adds a user without rights whose password is [`PASSWORD`].
    pub async fn user(&self, name: &str) -> anyhow::Result<User> {
        self.add_user(name, false).await
    }

    /// Adds a superuser whose password is [`PASSWORD`].
    pub async fn superuser(&self, name: &str) -> anyhow::Result<User> {
        self.add_user(name, true).await
    }

    async fn add_user(&self, name: &str, is_superuser: bool) -> anyhow::Result<User> {
        let user = self.new_user(name, is_superuser)?;
        let row = user.clone();
        self.stack.auth.db().write(move |conn| users::insert(conn, &row)).await?;
        Ok(user)
    }

    /// A user that has not been added yet.
    pub fn new_user(&self, name: &str, is_superuser: bool) -> anyhow::Result<User> {
        crate::new_user(name, is_superuser, self.clock.now())
    }

    /// Logs in over HTTP; the actor holds the pair.
    pub async fn login(&self, name: &str) -> anyhow::Result<Actor> {
        let body = serde_json::json!({"username": name, "password": PASSWORD});
        let answer = self.anonymous().post("/api/v1/user/token/", &body).await?;
        anyhow::ensure!(answer.status == 200, "login of {name}: {answer:?}");
        Ok(Actor::with_pair(&self.base, answer.text_of("access")?, answer.text_of("refresh")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = self.stop.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { stop.now().await });
        }
    }
}
