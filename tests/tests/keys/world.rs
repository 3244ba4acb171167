//! [`World`]: one database and one clock for any number of replicas, and what tests ask of tokens.

use std::time::Duration;

use auth_service::{
    keyring::{KeyringError, Managed, Purpose},
    sealing::SealingKeys,
    store::{
        feed,
        keys::{self, StoredKey},
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{Actor, Answer, Server};
use serde_json::{Map, Value, json};
use shared::{Clock, DbConnection, Timestamp, db::testing::TestDb};

/// How long the signing and the refresh key sign, in seconds like all of these: a day.
pub(crate) const PERIOD: u64 = 86_400;
/// How long a key is published before it signs.
pub(crate) const AHEAD: u64 = 600;
/// How long a retired refresh key verifies: a refresh token's life and a minute.
pub(crate) const REFRESH: u64 = 3600 + 60;

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) database: TestDb,
    sealing: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            clock: Clock::manual(Timestamp::from_secs(1_795_444_848)),
            database: TestDb::empty().unwrap(),
            sealing: SealingKeys::generate(),
        }
    }

    /// Lets so many seconds pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn replica(&self) -> Server {
        self.replica_with(&[]).await
    }

    pub(crate) async fn replica_with(&self, settings: &[(&str, &str)]) -> Server {
        let url = self.database.url.secret_text();
        let mut all = vec![
            ("AUTH_DATABASE_URL", url.as_str()),
            ("AUTH_KEY_ENCRYPTION_KEY", self.sealing.as_str()),
            ("AUTH_KEY_ROTATION", "1d"),
            ("AUTH_KEY_PUBLISH_AHEAD", "10m"),
            ("AUTH_REFRESH_TOKEN_LIFETIME", "1h"),
        ];
        all.extend_from_slice(settings);
        Server::with(&all, self.clock.clone()).await.unwrap()
    }

    /// For how many seconds the retired signing key still verifies: an access token's life and a minute,
    /// and a second more where the service has said lately how long its tokens live, for that rounds up.
    pub(crate) async fn promised(&self, server: &Server) -> u64 {
        let rows = self.stored(server, Purpose::Signing).await;
        let until = rows.iter().find_map(|row| row.retires_at).unwrap();
        let left = until.since(self.clock.now()).as_secs();
        assert!((360..=361).contains(&left), "{left}");
        left
    }

    /// The keys of a purpose as they are stored, oldest first.
    pub(crate) async fn stored(&self, server: &Server, purpose: Purpose) -> Vec<StoredKey> {
        let rows = server.stack.auth.db().read(keys::list).await.unwrap();
        rows.into_iter().filter(|row| purpose.is_of(row)).collect()
    }
}

/// Takes the steps that are due on this replica.
pub(crate) async fn step(server: &Server) -> Option<Timestamp> {
    server.stack.auth.tending().unwrap().step().await.unwrap()
}

/// Does what an operator's command does, beside the server, which has not heard of it yet.
pub(crate) async fn command<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce(&Managed, &mut DbConnection) -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let auth = &server.stack.auth;
    Managed::of(auth.config())?.change(auth.db(), work).await
}

/// The ids of the published keys.
pub(crate) async fn published(server: &Server) -> Vec<String> {
    let answer = server.anonymous().get("/.well-known/jwks.json").await.unwrap();
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    let keys = answer.json["keys"].as_array().unwrap();
    for key in keys {
        assert!(key.get("d").is_none() && key.get("k").is_none(), "a private part is published");
    }
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// What the feed says, `kind key` each.
pub(crate) async fn announced(server: &Server) -> Vec<String> {
    let now = server.clock().now();
    let read = move |conn: &mut DbConnection| feed::list_after(conn, 0, now, 1000);
    let rows = server.stack.auth.db().read(read).await.unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.kind, row.key)).collect()
}

fn part(token: &str, place: usize) -> Map<String, Value> {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The id of the key that a token names.
pub(crate) fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

pub(crate) fn claims(token: &str) -> Map<String, Value> {
    part(token, 1)
}

pub(crate) fn access(actor: &Actor) -> &str {
    actor.access.as_deref().unwrap()
}

pub(crate) fn refresh(actor: &Actor) -> &str {
    actor.refresh.as_deref().unwrap()
}

/// What the service's own protected endpoint says to an access token.
pub(crate) async fn shown(server: &Server, token: &str) -> Answer {
    server.anonymous().bearing(token).get("/api/v1/user/me/").await.unwrap()
}

/// What `verify/` says to a token of any kind.
pub(crate) async fn verified(server: &Server, token: &str) -> Answer {
    server.anonymous().post("/api/v1/user/token/verify/", &json!({"token": token})).await.unwrap()
}
