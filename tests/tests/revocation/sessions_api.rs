//! `user/sessions/` and `user/logout/all/`: what users see of their sessions and can do with them.

use std::time::Duration;

use auth_service::{
    housekeeping,
    store::sessions::{self, Session},
};
use e2e::{Actor, Answer, PASSWORD, Server, session_of};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{Clock, DbConnection, Timestamp};

const SESSIONS: &str = "/api/v1/user/sessions/";
const ME: &str = "/api/v1/user/me/";

async fn server() -> anyhow::Result<Server> {
    let server = Server::with(&[], Clock::manual(Timestamp::from_secs(1_795_444_848))).await?;
    for name in ["ada", "eve"] {
        server.user(name).await?;
    }
    Ok(server)
}

/// Logs in with a client of this name at this address.
async fn login(server: &Server, name: &str, (device, address): (&str, &str)) -> anyhow::Result<Actor> {
    let client = server.anonymous();
    let body = json!({"username": name, "password": PASSWORD});
    let request = client.request(Method::POST, "/api/v1/user/token/").json(&body);
    let answer = client.send(request.header("User-Agent", device).header("X-Forwarded-For", address)).await?;
    Ok(Actor::with_pair(&server.base, answer.text_of("access")?, answer.text_of("refresh")?))
}

fn id(actor: &Actor) -> anyhow::Result<String> {
    Ok(session_of(actor.access.as_deref().unwrap_or_default())?.to_string())
}

async fn row(server: &Server, actor: &Actor) -> anyhow::Result<Session> {
    let id = session_of(actor.access.as_deref().unwrap_or_default())?;
    let found = server.stack.auth.db().read(move |conn: &mut DbConnection| sessions::find(conn, id)).await?;
    found.ok_or_else(|| anyhow::anyhow!("no session {id}"))
}

async fn end(actor: &Actor, id: &str) -> anyhow::Result<Answer> {
    actor.delete(&format!("{SESSIONS}{id}/")).await
}

#[tokio::test]
async fn a_user_sees_every_live_session_of_theirs_and_no_other() -> anyhow::Result<()> {
    let server = server().await?;
    let laptop = login(&server, "ada", ("Laptop/1.0", "203.0.113.7")).await?;
    server.clock().advance(Duration::from_secs(60));
    let phone = login(&server, "ada", ("Phone/2.0", "2001:db8::9")).await?;
    login(&server, "eve", ("Laptop/1.0", "203.0.113.8")).await?;
    let ended = login(&server, "ada", ("Old/0.1", "203.0.113.9")).await?;
    assert_eq!(end(&laptop, &id(&ended)?).await?.status, 204);
    let answer = laptop.get(SESSIONS).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expected = json!([
        {
            "id": id(&phone)?, "device": "Phone/2.0", "address": "2001:db8::9",
            "created_at": "2026-11-23T14:41:48Z", "last_used_at": "2026-11-23T14:41:48Z",
            "expires_at": "2026-11-24T14:41:48Z", "current": false,
        },
        {
            "id": id(&laptop)?, "device": "Laptop/1.0", "address": "203.0.113.7",
            "created_at": "2026-11-23T14:40:48Z", "last_used_at": "2026-11-23T14:40:48Z",
            "expires_at": "2026-11-24T14:40:48Z", "current": true,
        },
    ]);
    assert_eq!(answer.json, expected);
    let current = |answer: &Answer| -> Vec<Value> {
        let shown = answer.json.as_array().into_iter().flatten();
        shown.filter(|session| session["current"] == true).map(|session| session["id"].clone()).collect()
    };
    assert_eq!(current(&phone.get(SESSIONS).await?), [json!(id(&phone)?)]);
    Ok(())
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_of_the_user_alone() -> anyhow::Result<()> {
    let server = server().await?;
    let (one, two, eve) =
        (server.login("ada").await?, server.login("ada").await?, server.login("eve").await?);
    let answer = one.post("/api/v1/user/logout/all/", &json!({})).await?;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    for actor in [&one, &two] {
        for path in [ME, SESSIONS, "/api/v1/organization/"] {
            assert_eq!(actor.get(path).await?.status, 401, "{path}");
        }
        let refresh = actor.refresh_with(actor.refresh.as_deref().unwrap_or_default()).await?;
        assert_eq!((refresh.status, refresh.detail()), (401, "Token is blacklisted"));
        assert_eq!(row(&server, actor).await?.revoked_reason.as_deref(), Some("logged_out"));
    }
    assert_eq!(eve.get(ME).await?.status, 200);
    let again = server.login("ada").await?;
    assert_eq!(again.get(SESSIONS).await?.json.as_array().map(Vec::len), Some(1), "and may come back");
    Ok(())
}

#[tokio::test]
async fn a_use_is_written_off_the_request_path_and_once_a_minute_at_most() -> anyhow::Result<()> {
    let server = server().await?;
    let (ada, clock) = (server.login("ada").await?, server.clock());
    let login = clock.now();
    let at = |seconds: u64| Some(login.after(Duration::from_secs(seconds)));
    // When it is used, in seconds, and what is written after it.
    for (used, written) in [(100, 100), (130, 100), (159, 100), (160, 160), (200, 160), (290, 290)] {
        let before = row(&server, &ada).await?.last_used_at;
        clock.advance(at(used).map_or(Duration::ZERO, |moment| moment.since(clock.now())));
        assert_eq!(ada.get(ME).await?.status, 200);
        assert_eq!(row(&server, &ada).await?.last_used_at, before, "{used}: a request waits for no write");
        housekeeping::step(&server.stack.auth).await?;
        assert_eq!(row(&server, &ada).await?.last_used_at, at(written), "{used}");
    }
    let shown = ada.get(SESSIONS).await?;
    assert_eq!(shown.json[0]["last_used_at"], json!(at(290)));
    housekeeping::step(&server.stack.auth).await?;
    assert_eq!(row(&server, &ada).await?.last_used_at, at(290), "without a use nothing is written");
    Ok(())
}
