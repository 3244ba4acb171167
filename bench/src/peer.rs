//! [`Peer`]: the tutorial's own Django system under gunicorn, beside the checkout.

use std::{net::TcpListener, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use e2e::{Actor, Node, PASSWORD, until};
use serde_json::{Value, json};
use shared::{config::Variables, db::testing::TestDb};

use crate::{postgres::Durability, programs::beside, rows::organizations, stage::Stage, tokens::USER};

/// Where it is unless `TESSERA_PEER` says otherwise.
const FOLDER: &str = "shared/compat/peer";
/// Its first start makes a virtual environment and installs into it.
const START: Duration = Duration::from_secs(300);
/// Processes of gunicorn, as its README measures it; `sync` is the fastest kind of them on PostgreSQL.
const WORKERS: [&str; 2] = ["2", "sync"];

/// A running peer with a database of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its processes.
    pub(crate) node: Node,
    /// Its database.
    pub(crate) database: TestDb,
}

/// Where it is; none if it is absent.
pub(crate) fn folder() -> Option<PathBuf> {
    let named = Variables::from_env().get("TESSERA_PEER").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| beside(FOLDER));
    folder.join("run.sh").is_file().then_some(folder)
}

impl Peer {
    /// Starts it on the same PostgreSQL as ours, with these settings of SimpleJWT.
    pub(crate) async fn start(stage: &Stage, settings: &Value) -> anyhow::Result<Self> {
        let folder = folder().context("the peer is absent")?;
        let server = stage.postgres(Durability::Full).await?;
        let database = TestDb::empty_on(Some(server.clone()))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let own = [
            ("DATABASE_URL", database.url.secret_text()),
            ("PEER_USER", USER.to_owned()),
            ("PEER_PASSWORD", PASSWORD.to_owned()),
            ("PEER_SIMPLE_JWT", settings.to_string()),
            // What is measured beside is not to be changed by it.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        // pip and venv find their places by it.
        let environment = std::env::vars().chain(own.map(|(name, value)| (name.to_owned(), value)));
        let environment: Vec<_> = environment.collect();
        let arguments = [&[port.as_str()], WORKERS.as_slice()].concat();
        let mut node = Node::start(&folder.join("run.sh"), &arguments, &environment, 0).await?;
        node.base = format!("http://127.0.0.1:{port}");
        let anonymous = node.anonymous();
        let answers = async || {
            node.usage().context("it has ended")?;
            Ok(anonymous.get(organizations::PATH).await.is_ok_and(|answer| answer.status == 401))
        };
        until("the peer answers", START, answers).await?;
        Ok(Self { node, database })
    }

    /// The user, logged in.
    pub(crate) async fn login(&self) -> anyhow::Result<Actor> {
        let body = json!({"username": USER, "password": PASSWORD});
        let answer = self.node.anonymous().post("/api/v1/user/token/", &body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(Actor::with_pair(&self.node.base, answer.text_of("access")?, answer.text_of("refresh")?))
    }
}
