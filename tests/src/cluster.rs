//! [`Cluster`]: the databases, keys and secrets that services in processes of their own share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use auth_service::{
    sealing::SealingKeys,
    store::{
        sessions::{self, Session, SessionId},
        users::{self, User},
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use shared::{Clock, DbUrl, db::testing::TestDb, random};

use crate::{Actor, Done, Node, PASSWORD, new_user};

/// Settings as names and values.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// Where the services' programs are.
#[derive(Debug)]
enum Programs {
    /// One that is any of them: `node` of this package.
    One(&'static Path),
    /// Their own, in this folder.
    Own(PathBuf),
}

impl Programs {
    /// The program for a command line whose first word says which service, and what is left of the line.
    fn find<'a>(&self, arguments: &'a [&'a str]) -> (PathBuf, &'a [&'a str]) {
        match (self, arguments) {
            (Self::Own(folder), [service, rest @ ..]) => {
                let program = if *service == "tessera" { "tessera" } else { &format!("{service}-service") };
                (folder.join(program), rest)
            }
            (Self::Own(program), []) => (program.clone(), arguments),
            (Self::One(program), _) => (program.to_path_buf(), arguments),
        }
    }
}

/// What services that belong together share. It starts any number of each.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    settings: Vec<(String, String)>,
    /// The auth services' database, empty until the first one is started.
    pub auth_db: TestDb,
    /// The organization services' database, likewise.
    pub org_db: TestDb,
}

impl Cluster {
    /// `program` is `env!("CARGO_BIN_EXE_node")`, which only a test can name.
    pub fn new(program: &'static str) -> anyhow::Result<Self> {
        Self::with(program, &[])
    }

    /// A cluster whose services all have these settings.
    pub fn with(program: &'static str, settings: Settings<'_>) -> anyhow::Result<Self> {
        let databases = (TestDb::empty()?, TestDb::empty()?);
        Ok(Self::of(Programs::One(Path::new(program)), databases, settings))
    }

    /// The services as they are shipped: their programs are in `folder`, their databases on this server,
    /// or in files where there is none.
    pub fn shipped(folder: &Path, server: Option<&DbUrl>, settings: Settings<'_>) -> anyhow::Result<Self> {
        let database = || TestDb::empty_on(server.cloned());
        Ok(Self::of(Programs::Own(folder.to_owned()), (database()?, database()?), settings))
    }

    fn of(programs: Programs, (auth_db, org_db): (TestDb, TestDb), settings: Settings<'_>) -> Self {
        let secrets = [
            ("AUTH_KEY_ENCRYPTION_KEY".to_owned(), SealingKeys::generate()),
            ("SERVICE_SECRET".to_owned(), random::hex32()),
        ];
        let settings = secrets.into_iter().chain(owned(settings)).collect();
        Self { programs, settings, auth_db, org_db }
    }

    /// Starts an auth service.
    pub async fn auth(&self) -> anyhow::Result<Node> {
        self.auth_with(&[]).await
    }

    /// Starts an auth service with further settings; what they name a second time counts.
    pub async fn auth_with(&self, settings: Settings<'_>) -> anyhow::Result<Node> {
        let database = self.auth_db.url.secret_text();
        let own = [
            ("AUTH_DATABASE_URL", database.as_str()),
            ("AUTH_LISTEN", "127.0.0.1:0"),
            ("AUTH_MANAGEMENT_LISTEN", "127.0.0.1:0"),
        ];
        self.start(&["auth", "serve"], &[&own, settings].concat(), 2).await
    }

    /// Starts an organization service that follows this auth service.
    pub async fn org(&self, auth: &Node) -> anyhow::Result<Node> {
        self.org_with(auth, &[]).await
    }

    /// The same with further settings.
    pub async fn org_with(&self, auth: &Node, settings: Settings<'_>) -> anyhow::Result<Node> {
        self.org_at(&auth.management, settings, 2).await
    }

    /// The same at this address, through a proxy for example. Of its addresses so many are waited for:
    /// it tells the management port's at once, and the public one when it serves.
    pub async fn org_at(&self, auth: &str, settings: Settings<'_>, wait: usize) -> anyhow::Result<Node> {
        let database = self.org_db.url.secret_text();
        let own = [
            ("ORG_DATABASE_URL", database.as_str()),
            ("ORG_LISTEN", "127.0.0.1:0"),
            ("ORG_MANAGEMENT_LISTEN", "127.0.0.1:0"),
            ("ORG_AUTH_URL", auth),
        ];
        self.start(&["org", "serve"], &[&own, settings].concat(), wait).await
    }

    /// Starts the example of a third service, which follows this auth service.
    pub async fn protected(&self, auth: &Node) -> anyhow::Result<Node> {
        self.protected_at(&auth.management, &[]).await
    }

    /// The same at this address, with further settings.
    pub async fn protected_at(&self, auth: &str, settings: Settings<'_>) -> anyhow::Result<Node> {
        self.start(&["protected", "--issuer", auth], settings, 1).await
    }

    /// Runs a command of the auth service beside those that serve, with this on its standard input;
    /// gives what it prints.
    pub async fn command(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let database = self.auth_db.url.secret_text();
        let arguments = [&["auth"], arguments].concat();
        self.run(&arguments, &[("AUTH_DATABASE_URL", &database)], input).await?.ok()
    }

    /// Runs a command of any service to its end: the first argument says which. Besides the cluster's
    /// own settings it has these.
    pub async fn run(&self, arguments: &[&str], own: Settings<'_>, input: &str) -> anyhow::Result<Done> {
        let environment: Vec<_> = self.settings.iter().cloned().chain(owned(own)).collect();
        let (program, arguments) = self.programs.find(arguments);
        Done::of(&program, arguments, &environment, input).await
    }

    /// What authenticates services to each other.
    #[must_use]
    pub fn secret(&self) -> &str {
        let secret = self.settings.iter().rfind(|(name, _)| name == "SERVICE_SECRET");
        secret.map_or("", |(_, value)| value)
    }

    async fn start(&self, arguments: &[&str], own: Settings<'_>, addresses: usize) -> anyhow::Result<Node> {
        let environment: Vec<_> = self.settings.iter().cloned().chain(owned(own)).collect();
        let (program, arguments) = self.programs.find(arguments);
        Node::start(&program, arguments, &environment, addresses).await
    }

    /// Adds a user without rights whose password is [`PASSWORD`]. The database must have its tables:
    /// start an auth service before.
    pub async fn user(&self, name: &str) -> anyhow::Result<User> {
        let user = new_user(name, false, Clock::System.now())?;
        let row = user.clone();
        self.auth_db.db.write(move |conn| users::insert(conn, &row)).await?;
        Ok(user)
    }

    /// Logs in at one of the services; the actor holds the pair.
    pub async fn login(&self, node: &Node, name: &str) -> anyhow::Result<Actor> {
        let body = serde_json::json!({"username": name, "password": PASSWORD});
        let answer = node.anonymous().post("/api/v1/user/token/", &body).await?;
        anyhow::ensure!(answer.status == 200, "login of {name}: {answer:?}");
        Ok(Actor::with_pair(&node.base, answer.text_of("access")?, answer.text_of("refresh")?))
    }

    /// The row of a session as it stands, read over a connection of the test's own.
    pub async fn session(&self, id: SessionId) -> anyhow::Result<Session> {
        let found = self.auth_db.db.read(move |conn| sessions::find(conn, id)).await?;
        found.with_context(|| format!("no session {id}"))
    }
}

fn owned(settings: Settings<'_>) -> impl Iterator<Item = (String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

/// The claims of a token, not verified.
pub fn claims(token: &str) -> anyhow::Result<Value> {
    let payload = token.split('.').nth(1).context("a token has three parts")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// The session that a token names.
pub fn session_of(token: &str) -> anyhow::Result<SessionId> {
    let claims = claims(token)?;
    let sid = claims.get("sid").and_then(Value::as_str).context("a token names its session")?;
    Ok(SessionId::from_uuid(sid.parse()?))
}
