//! A database that is away: 503 with `Retry-After`, `/readyz` red, recovery without a restart.
//!
//! On PostgreSQL a proxy before the server cuts every connection. SQLite cannot go away; there
//! another process holds the write lock for longer than anybody waits.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a test's report")]

use diesel::connection::SimpleConnection;
use e2e::{Answer, Mode, PASSWORD, Proxy, Server};
use serde_json::json;
use shared::{Clock, DbUrl, db::testing::TestDb};
use tokio::net::TcpListener;

fn unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("content-type"), "application/json");
}

async fn readiness(server: &Server) -> Answer {
    e2e::Actor::new(&server.management).get("/readyz").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_503_and_recovers_by_itself() {
    let database = TestDb::empty().unwrap();
    match database.url.clone() {
        DbUrl::Postgres { url } => postgres_goes_away(url).await,
        DbUrl::Sqlite { path } => sqlite_is_locked(path).await,
    }
}

async fn postgres_goes_away(url: url::Url) {
    let proxy = Proxy::before_url(&url).await.unwrap();
    let url = proxy.through(&url).unwrap();
    let server = Server::with(&[("AUTH_DATABASE_URL", url.as_str())], Clock::System).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    assert_eq!(readiness(&server).await.status, 200);

    proxy.set(Mode::Cut);
    unavailable(&ada.get("/api/v1/user/me/").await.unwrap());
    unavailable(&ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap());
    let credentials = json!({"username": "ada", "password": PASSWORD});
    unavailable(&ada.post("/api/v1/user/token/", &credentials).await.unwrap());
    let red = readiness(&server).await;
    assert_eq!((red.status, red.json["status"].as_str()), (503, Some("unavailable")), "{red:?}");
    assert_eq!(red.json["checks"]["keys"], "ok");
    // Keys are in memory: what needs no database goes on.
    assert_eq!(ada.get("/.well-known/jwks.json").await.unwrap().status, 200);

    proxy.set(Mode::Pass);
    let mut answer = ada.get("/api/v1/user/me/").await.unwrap();
    for _ in 0..20 {
        if answer.status == 200 {
            break;
        }
        unavailable(&answer);
        answer = ada.get("/api/v1/user/me/").await.unwrap();
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap().status, 200);
    assert_eq!(readiness(&server).await.status, 200);
}

async fn sqlite_is_locked(path: String) {
    use diesel::Connection;
    let url = format!("sqlite://{path}");
    let server = Server::with(&[("AUTH_DATABASE_URL", url.as_str())], Clock::System).await.unwrap();
    server.user("ada").await.unwrap();
    let ada = server.login("ada").await.unwrap();
    let mut other = diesel::SqliteConnection::establish(&path).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    unavailable(&ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap());
    assert_eq!(ada.get("/api/v1/user/me/").await.unwrap().status, 200, "readers do not wait for the writer");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(ada.refresh_with(ada.refresh.as_deref().unwrap()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_start_without_its_database_fails_at_once_and_says_why() {
    let began = std::time::Instant::now();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("postgres://ada:hunter2@{closed}/nothing");
    let refused = Server::with(&[("AUTH_DATABASE_URL", &url)], Clock::System).await.unwrap_err().to_string();
    assert!(refused.contains("cannot connect to postgres://ada:***@"), "{refused}");
    assert!(!refused.contains("hunter2") && !refused.contains('\n'), "{refused}");
    assert!(began.elapsed().as_secs() < 5);
}
