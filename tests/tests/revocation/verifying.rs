//! `verify/` answers for whoever has no feed: it refuses what the feed refuses, of every kind.

use auth_service::{
    keyring::Purpose,
    store::feed::{self, New},
};
use e2e::{Answer, Server, claims};
use serde_json::{Map, Value, json};
use shared::{Clock, DbConnection, Timestamp, revocation::Kind};

const NOW: i64 = 1_795_444_848;

async fn verify(server: &Server, token: &str) -> anyhow::Result<Answer> {
    server.anonymous().post("/api/v1/user/token/verify/", &json!({ "token": token })).await
}

/// A kind, whom it is about as far as the token says, its bound, and whether another user's token goes
/// with it.
type Case = (Kind, fn(&Map<String, Value>) -> String, Option<i64>, bool);

const CASES: [Case; 5] = [
    (Kind::Session, |token| text(token, "sid"), None, false),
    (Kind::Jti, |token| text(token, "jti"), None, false),
    (Kind::Key, |token| text(token, "kid"), None, true),
    (Kind::User, |token| text(token, "user_id"), Some(NOW), false),
    (Kind::All, |_| String::new(), Some(NOW), true),
];

fn text(token: &Map<String, Value>, name: &str) -> String {
    token.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// An access token of a new session; for a kind that is about tokens without one, the same without it.
async fn access(server: &Server, name: &str, kind: Kind) -> anyhow::Result<(String, Map<String, Value>)> {
    server.user(name).await?;
    let token = server.login(name).await?.access.unwrap_or_default();
    let key = server.stack.auth.keyring().signer(Purpose::Signing, None)?;
    let mut claims = claims(&token)?.as_object().cloned().unwrap_or_default();
    let token = if kind == Kind::User {
        claims.remove("sid");
        key.sign(&claims)?
    } else {
        token
    };
    claims.insert("kid".into(), json!(key.kid()));
    Ok((token, claims))
}

#[tokio::test]
async fn a_revoked_token_is_refused_whatever_revoked_it() -> anyhow::Result<()> {
    for (kind, whom, bound, is_for_all) in CASES {
        let server = Server::with(&[], Clock::manual(Timestamp::from_secs(NOW))).await?;
        let (ada, about) = access(&server, "ada", kind).await?;
        let (eve, _) = access(&server, "eve", kind).await?;
        for token in [&ada, &eve] {
            let answer = verify(&server, token).await?;
            assert_eq!((answer.status, answer.text.as_str()), (200, "{}"), "{kind}: {answer:?}");
        }
        let (entry, now) = (New { kind, key: whom(&about), bound }, server.clock().now());
        let append = move |conn: &mut DbConnection| feed::append(conn, now, &[entry]);
        server.stack.auth.db().transaction(append).await?;
        server.stack.auth.feed().passed_on().await;
        let answer = verify(&server, &ada).await?;
        assert_eq!((answer.status, answer.code()), (401, "token_not_valid"), "{kind}: {answer:?}");
        let other = verify(&server, &eve).await?;
        assert_eq!(other.status, if is_for_all { 401 } else { 200 }, "{kind}: {other:?}");
        for (path, status) in [("/api/v1/user/me/", 401), ("/api/v1/organization/", 401)] {
            assert_eq!(server.anonymous().bearing(&ada).get(path).await?.status, status, "{kind}");
        }
    }
    Ok(())
}
