//! What goes when its time is over, what stays, and that nobody stands in the way of a revocation.

use std::time::Duration;

use auth_service::{
    housekeeping, revocation,
    schema::sessions as table,
    store::{
        feed::{self, New},
        sessions::{self, Reason, SessionId},
        users::UserIdField,
    },
};
use diesel::prelude::*;
use e2e::{Server, session_of};
use shared::{Clock, DbConnection, Timestamp, revocation::Kind};

/// More than one statement of housekeeping removes.
const MANY: usize = 1100;

async fn server() -> anyhow::Result<Server> {
    let server = Server::with(&[], Clock::manual(Timestamp::from_secs(1_795_444_848))).await?;
    server.user("ada").await?;
    Ok(server)
}

fn count(conn: &mut DbConnection) -> QueryResult<i64> {
    table::table.count().get_result(conn)
}

#[tokio::test]
async fn what_has_expired_goes_in_small_batches_and_the_rest_stays() -> anyhow::Result<()> {
    let server = server().await?;
    let (auth, clock) = (&server.stack.auth, server.clock());
    let ada = server.login("ada").await?;
    let live = session_of(ada.access.as_deref().unwrap_or_default())?;
    let now = clock.now();
    let past = move |conn: &mut DbConnection| {
        let model = sessions::find(conn, live)?.ok_or(diesel::result::Error::NotFound)?;
        for _ in 0..MANY {
            let id = SessionId::new(now);
            let ends = now.after(Duration::from_secs(60));
            sessions::insert(conn, &sessions::Session { id, absolute_expires_at: ends, ..model.clone() })?;
            feed::append(conn, now, &[New::of(Kind::Session, id)])?;
        }
        Ok(())
    };
    auth.db().transaction(past).await?;
    housekeeping::step(auth).await?;
    assert_eq!(auth.db().read(count).await?, i64::try_from(MANY)? + 1, "nothing has expired yet");
    assert_eq!(auth.db().read(move |conn| feed::count(conn, now)).await?, i64::try_from(MANY)?);

    clock.advance(Duration::from_secs(3600));
    let now = clock.now();
    let recent = move |conn: &mut DbConnection| feed::append(conn, now, &[New::of(Kind::Jti, "live")]);
    auth.db().transaction(recent).await?;
    for (purged, limit) in [(100, 100), (7, 7)] {
        assert_eq!(auth.db().write(move |conn| sessions::purge(conn, now, limit)).await?, purged);
        assert_eq!(auth.db().write(move |conn| feed::purge(conn, now, limit)).await?, purged);
    }
    housekeeping::step(auth).await?;
    assert_eq!(auth.db().read(count).await?, 1);
    assert!(auth.db().read(move |conn| sessions::find(conn, live)).await?.is_some());
    // Asked as of the beginning, so that what is over would show if it were there.
    let all = |conn: &mut DbConnection| feed::list_after(conn, 0, Timestamp::from_secs(0), 10);
    let left: Vec<String> = auth.db().read(all).await?.into_iter().map(|row| row.key).collect();
    assert_eq!(left, ["live"]);
    assert_eq!(ada.refresh_with(ada.refresh.as_deref().unwrap_or_default()).await?.status, 200);
    Ok(())
}

/// Both change many rows of one user. Should each hold what the other waits for, the database ends one
/// of them, and a revocation that is ended so did not happen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_when_sessions_were_used_is_no_deadlock_with_ending_them() -> anyhow::Result<()> {
    let server = server().await?;
    let (auth, clock) = (server.stack.auth.clone(), server.clock());
    let user = server.user("eve").await?;
    let mut ids = Vec::new();
    for _ in 0..12 {
        let eve = server.login("eve").await?;
        ids.push(session_of(eve.access.as_deref().unwrap_or_default())?);
        clock.advance(Duration::from_secs(1));
        assert_eq!(eve.get("/api/v1/user/me/").await?.status, 200);
    }
    let (now, middle) = (clock.now(), ids[6]);
    let (locked, was_locked) = tokio::sync::oneshot::channel();
    let (go_on, going_on) = tokio::sync::oneshot::channel::<()>();
    let db = auth.db().clone();
    let ending = async move {
        db.transaction(move |conn| {
            sessions::touch(conn, middle, now, Duration::ZERO)?;
            locked.send(()).ok();
            going_on.blocking_recv().map_err(|_| diesel::result::Error::RollbackTransaction)?;
            revocation::end_all(conn, &user, UserIdField::Id, Reason::LoggedOut, now)
        })
        .await
    };
    let ending = tokio::spawn(ending);
    was_locked.await?;
    let step = {
        let auth = auth.clone();
        tokio::spawn(async move { housekeeping::step(&auth).await })
    };
    e2e::until("housekeeping waits for the row, or for the writer", Duration::from_secs(5), async || {
        waits(&auth).await
    })
    .await?;
    go_on.send(()).ok();
    assert_eq!(ending.await??, ids.len());
    step.await??;
    Ok(())
}

/// Whether somebody waits for a row's lock. SQLite has one writer, for which everybody waits elsewhere.
async fn waits(auth: &auth_service::App) -> anyhow::Result<bool> {
    const WAITING: &str = "SELECT count(*) AS n FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
    #[derive(QueryableByName)]
    struct Waiting {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let ask = |conn: &mut DbConnection| match conn {
        DbConnection::Sqlite(_) => Ok(1),
        DbConnection::Postgres(pg) => diesel::sql_query(WAITING).get_result::<Waiting>(pg).map(|row| row.n),
    };
    Ok(auth.db().read(ask).await? > 0)
}
