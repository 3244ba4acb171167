//! A session's step to its next generation: the statement on the path of every refresh.
//!
//! Those that come at the same time are taken together. On SQLite that is one transaction. On PostgreSQL it is
//! one statement that waits for nobody: it leaves out rows that somebody else has locked, for whoever holds
//! some rows and waits for others is in a deadlock sooner or later. Such a step has to be taken by itself.
//!
//! Diesel never prepares an UPDATE of its own making, for its columns may differ from call to call, so
//! that PostgreSQL would parse and plan it each time, which takes longer than to carry it out. This one
//! has the same columns always and is written out, to be prepared once on each connection.

use std::collections::HashMap;

use diesel::{
    backend::Backend,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, HasSqlType, Nullable, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::{
        opaque::push_array,
        types::{Id, Instant},
    },
    each_engine,
};

use super::{Session, SessionId};
use crate::schema::sessions;

/// A rotation: from which generation, when, and what the new tokens are signed with.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The session.
    pub id: SessionId,
    /// The generation of the presented token.
    pub from: i64,
    /// Now.
    pub now: Timestamp,
    /// Now less the leeway: what expired after it still counts.
    pub alive_at: Timestamp,
    /// When the new refresh token expires, unless the session ends before.
    pub expires_at: Timestamp,
    /// The key that signs the access token.
    pub signing_kid: Option<String>,
    /// The key that signs the refresh token.
    pub refresh_kid: Option<String>,
}

/// Takes the step to the next generation if the presented token is the latest of a live session:
/// one statement, so that of any number of concurrent refreshes exactly one takes it.
pub fn rotate(conn: &mut DbConnection, rotation: &Rotation) -> QueryResult<Option<Session>> {
    let step = Step { rotation, to: rotation.from + 1 };
    // The derived connection would write the statement's text anew for each call, though it is prepared.
    each_engine!(conn => step.get_result(conn)).optional()
}

/// Takes many such steps. Of each that is missing it is not said why: its session is somewhere else, or
/// another holds its row at the moment.
pub fn rotate_together(conn: &mut DbConnection, steps: &[Rotation]) -> QueryResult<Vec<Option<Session>>> {
    if let [step] = steps {
        return Ok(vec![rotate(conn, step)?]);
    }
    let pg = match conn {
        DbConnection::Postgres(pg) => pg,
        DbConnection::Sqlite(_) => {
            return conn.write_transaction(|conn| steps.iter().map(|step| rotate(conn, step)).collect());
        }
    };
    let taken: Vec<Session> = Steps::of(steps).load(pg)?;
    // By what each came from: in one batch a session may be asked for with an older token too, or twice.
    let mut taken: HashMap<_, _> =
        taken.into_iter().map(|session| ((session.id, session.generation - 1), session)).collect();
    Ok(steps.iter().map(|step| taken.remove(&(step.id, step.from))).collect())
}

struct Step<'a> {
    rotation: &'a Rotation,
    to: i64,
}

impl QueryId for Step<'_> {
    type QueryId = Step<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Step<'_> {
    type SqlType = sessions::SqlType;
}

impl<Conn> RunQueryDsl<Conn> for Step<'_> {}

impl<DB> QueryFragment<DB> for Step<'_>
where
    DB: Backend + HasSqlType<Id> + HasSqlType<Instant>,
    SessionId: ToSql<Id, DB>,
    Timestamp: ToSql<Instant, DB>,
    i64: ToSql<BigInt, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
    <sessions::table as Table>::AllColumns: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Rotation { id, from, now, alive_at, expires_at, signing_kid, refresh_kid } = self.rotation;
        out.push_sql("UPDATE sessions SET generation = ");
        out.push_bind_param::<BigInt, _>(&self.to)?;
        out.push_sql(", rotated_at = ");
        out.push_bind_param::<Instant, _>(now)?;
        out.push_sql(", expires_at = ");
        out.push_bind_param::<Instant, _>(expires_at)?;
        out.push_sql(", signing_kid = ");
        out.push_bind_param::<Nullable<Text>, _>(signing_kid)?;
        out.push_sql(", refresh_kid = ");
        out.push_bind_param::<Nullable<Text>, _>(refresh_kid)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<Id, _>(id)?;
        out.push_sql(" AND generation = ");
        out.push_bind_param::<BigInt, _>(from)?;
        out.push_sql(" AND revoked_at IS NULL AND expires_at > ");
        out.push_bind_param::<Instant, _>(alive_at)?;
        out.push_sql(" AND absolute_expires_at > ");
        out.push_bind_param::<Instant, _>(alive_at)?;
        out.push_sql(" RETURNING ");
        sessions::all_columns.walk_ast(out)
    }
}

/// Many steps, a column of them each.
struct Steps<'a> {
    id: Vec<SessionId>,
    from: Vec<i64>,
    now: Vec<Timestamp>,
    alive_at: Vec<Timestamp>,
    expires_at: Vec<Timestamp>,
    signing_kid: Vec<Option<&'a str>>,
    refresh_kid: Vec<Option<&'a str>>,
}

impl<'a> Steps<'a> {
    fn of(steps: &'a [Rotation]) -> Self {
        Self {
            id: steps.iter().map(|step| step.id).collect(),
            from: steps.iter().map(|step| step.from).collect(),
            now: steps.iter().map(|step| step.now).collect(),
            alive_at: steps.iter().map(|step| step.alive_at).collect(),
            expires_at: steps.iter().map(|step| step.expires_at).collect(),
            signing_kid: steps.iter().map(|step| step.signing_kid.as_deref()).collect(),
            refresh_kid: steps.iter().map(|step| step.refresh_kid.as_deref()).collect(),
        }
    }
}

impl QueryId for Steps<'_> {
    type QueryId = Steps<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Steps<'_> {
    type SqlType = sessions::SqlType;
}

impl<Conn> RunQueryDsl<Conn> for Steps<'_> {}

impl QueryFragment<Pg> for Steps<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH due AS (SELECT step.* FROM unnest(");
        push_array::<Id, _>(&mut out, &self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.from)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.now)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.alive_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.expires_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.signing_kid)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.refresh_kid)?;
        out.push_sql(
            ") AS step (id, generation, now, alive_at, expires_at, signing_kid, refresh_kid) \
             JOIN sessions AS live ON live.id = step.id AND live.generation = step.generation \
             WHERE live.revoked_at IS NULL AND live.expires_at > step.alive_at \
             AND live.absolute_expires_at > step.alive_at FOR UPDATE OF live SKIP LOCKED) \
             UPDATE sessions SET generation = due.generation + 1, rotated_at = due.now, \
             expires_at = due.expires_at, signing_kid = due.signing_kid, refresh_kid = due.refresh_kid \
             FROM due WHERE sessions.id = due.id RETURNING ",
        );
        sessions::all_columns.walk_ast(out)
    }
}

#[cfg(test)]
mod tests {
    use diesel::{dsl::sql_query, sql_types::Bool};
    use shared::db::testing::{TestDb, plans_are_kept};

    use super::{
        super::{
            Reason, find, insert, revoke,
            tests::{crowd, session},
        },
        *,
    };

    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }

    /// Of SQLite nobody can ask that.
    fn is_prepared(conn: &mut DbConnection) -> bool {
        let asked = "SELECT count(*) = 1 AS found FROM pg_prepared_statements WHERE statement LIKE 'UPDATE sessions%'";
        match conn {
            DbConnection::Postgres(pg) => sql_query(asked).get_result::<Found>(pg).unwrap().found,
            DbConnection::Sqlite(_) => true,
        }
    }

    #[tokio::test]
    async fn a_step_is_taken_once_by_a_statement_that_stays_prepared() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let before = session(now);
        insert(&mut conn, &before).unwrap();
        let mut step = Rotation {
            id: before.id,
            from: 4,
            now: Timestamp::from_secs(now.as_secs() + 5),
            alive_at: now,
            expires_at: Timestamp::from_secs(now.as_secs() + 65),
            signing_kid: Some("signs".to_owned()),
            refresh_kid: None,
        };
        let after = rotate(&mut conn, &step).unwrap().unwrap();
        assert_eq!((after.id, after.generation, after.rotated_at), (before.id, 5, step.now));
        assert_eq!((after.signing_kid.as_deref(), after.refresh_kid.as_deref()), (Some("signs"), None));
        assert_eq!(
            (after.expires_at, after.absolute_expires_at),
            (step.expires_at, before.absolute_expires_at)
        );
        assert_eq!((&after.user_agent, &after.address), (&before.user_agent, &before.address));
        assert!(after.is_superuser && after.secret == before.secret && after.user_claim == "7");
        assert_eq!(find(&mut conn, before.id).unwrap().unwrap().generation, 5);
        assert!(rotate(&mut conn, &step).unwrap().is_none(), "a step taken twice");
        step.from = 5;
        step.alive_at = step.expires_at;
        assert!(rotate(&mut conn, &step).unwrap().is_none(), "a step of an expired session");
        assert!(is_prepared(&mut conn));
    }

    /// The step of a session to which nothing special has happened.
    fn step_of(session: &Session) -> Rotation {
        Rotation {
            id: session.id,
            from: session.generation,
            now: Timestamp::from_secs(session.rotated_at.as_secs() + 5),
            alive_at: session.rotated_at,
            expires_at: Timestamp::from_secs(session.rotated_at.as_secs() + 65),
            signing_kid: Some("signs".to_owned()),
            refresh_kid: None,
        }
    }

    #[tokio::test]
    async fn of_steps_taken_together_each_is_taken_as_if_alone() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let [one, other, ended, expired] = [0; 4].map(|_| session(now));
        for session in [&one, &other, &ended, &expired] {
            insert(&mut conn, session).unwrap();
        }
        revoke(&mut conn, ended.id, Reason::LoggedOut, now).unwrap();
        let old = Rotation { from: 3, ..step_of(&one) };
        let late = Rotation { alive_at: expired.expires_at, ..step_of(&expired) };
        let steps = [old, step_of(&one), step_of(&other), step_of(&one), step_of(&ended), late];
        let taken = rotate_together(&mut conn, &steps).unwrap();
        let generations: Vec<_> = taken.iter().map(|taken| taken.as_ref().map(|s| s.generation)).collect();
        assert_eq!(generations, [None, Some(5), Some(5), None, None, None]);
        for (before, step) in [(&one, 1), (&other, 2)] {
            let after = taken.get(step).and_then(Option::as_ref).unwrap();
            assert_eq!(
                (after.id, after.rotated_at, after.expires_at),
                (before.id, steps[step].now, steps[step].expires_at)
            );
            assert_eq!((after.signing_kid.as_deref(), after.refresh_kid.as_deref()), (Some("signs"), None));
            assert_eq!(find(&mut conn, before.id).unwrap().unwrap().generation, 5);
        }
        let untouched = |conn: &mut DbConnection, id| find(conn, id).unwrap().unwrap().generation == 4;
        assert!(untouched(&mut conn, ended.id) && untouched(&mut conn, expired.id));
        assert!(rotate_together(&mut conn, &[]).unwrap().is_empty());
        crowd(&mut conn);
        for _ in 0..10 {
            rotate_together(&mut conn, &steps).unwrap();
        }
        assert!(plans_are_kept(&mut conn, "WITH due AS%"));
    }

    #[tokio::test]
    async fn together_nobody_waits_for_a_row() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let (mut conn, mut elsewhere) = (test.db.dedicated().unwrap(), test.db.dedicated().unwrap());
        let DbConnection::Postgres(holding) = &mut elsewhere else {
            // SQLite has one lock, and nobody holds it for long.
            return;
        };
        let now = Timestamp::from_secs(1_795_444_848);
        let [locked, free] = [0; 2].map(|_| session(now));
        insert(&mut conn, &locked).unwrap();
        insert(&mut conn, &free).unwrap();
        let steps = [step_of(&locked), step_of(&free)];
        let taken = holding
            .transaction(|holding| {
                sessions::table
                    .find(locked.id)
                    .select(sessions::generation)
                    .for_update()
                    .first::<i64>(holding)?;
                rotate_together(&mut conn, &steps)
            })
            .unwrap();
        assert!(matches!(taken.as_slice(), [None, Some(_)]));
        assert!(rotate(&mut conn, &steps[0]).unwrap().is_some(), "by itself it waits for its turn");
    }
}
