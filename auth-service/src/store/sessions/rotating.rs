//! A session's step to its next generation: the statement on the path of every refresh.
//!
//! Diesel never prepares an UPDATE of its own making, for its columns may differ from call to call, so
//! that PostgreSQL would parse and plan it each time, which takes longer than to carry it out. This one
//! has the same columns always and is written out, to be prepared once on each connection.

use diesel::{
    backend::Backend,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Nullable, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::types::{Id, Instant},
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

#[cfg(test)]
mod tests {
    use diesel::{dsl::sql_query, sql_types::Bool};
    use shared::db::testing::TestDb;

    use super::{
        super::{find, insert},
        *,
    };

    fn session(now: Timestamp) -> Session {
        Session {
            id: SessionId::new(now),
            user_id: None,
            user_claim: "7".to_owned(),
            is_superuser: true,
            secret: vec![1; 32],
            generation: 4,
            signing_kid: None,
            refresh_kid: Some("old".to_owned()),
            created_at: now,
            rotated_at: now,
            expires_at: Timestamp::from_secs(now.as_secs() + 60),
            absolute_expires_at: Timestamp::from_secs(now.as_secs() + 600),
            revoked_at: None,
            revoked_reason: None,
            user_agent: "agent".to_owned(),
            address: "address".to_owned(),
            last_used_at: None,
        }
    }

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
}
