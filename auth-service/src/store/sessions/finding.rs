//! Sessions of many requests, found together.

use std::collections::HashMap;

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
};
use shared::{
    DbConnection,
    db::{opaque::push_array, types::Id},
};

use super::{Session, SessionId, find};
use crate::schema::sessions;

/// The sessions with these ids, in their order.
pub fn find_together(conn: &mut DbConnection, ids: &[SessionId]) -> QueryResult<Vec<Option<Session>>> {
    let pg = match conn {
        DbConnection::Postgres(pg) if ids.len() > 1 => pg,
        DbConnection::Postgres(_) | DbConnection::Sqlite(_) => {
            return ids.iter().map(|id| find(conn, *id)).collect();
        }
    };
    let found: Vec<Session> = Together(ids).load(pg)?;
    // Many may ask for the same one.
    let found: HashMap<_, _> = found.into_iter().map(|session| (session.id, session)).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

struct Together<'a>(&'a [SessionId]);

impl QueryId for Together<'_> {
    type QueryId = Together<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Together<'_> {
    type SqlType = sessions::SqlType;
}

impl RunQueryDsl<PgConnection> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        sessions::all_columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM sessions WHERE id = ANY (");
        push_array::<Id, _>(&mut out, &self.0)?;
        // The cast makes it a value; otherwise it would be a subquery of ids.
        out.push_sql("::uuid[])");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        Timestamp,
        db::testing::{TestDb, plans_are_kept},
    };

    use super::{
        super::{
            insert,
            tests::{crowd, session},
        },
        *,
    };

    #[tokio::test]
    async fn sessions_are_found_together_in_the_order_of_asking() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let [one, other] = [0; 2].map(|_| session(now));
        insert(&mut conn, &one).unwrap();
        insert(&mut conn, &other).unwrap();
        let asked = [other.id, SessionId::new(now), one.id, other.id];
        let found = |conn: &mut DbConnection, asked: &[SessionId]| -> Vec<_> {
            let found = find_together(conn, asked).unwrap();
            found.into_iter().map(|found| found.map(|session| session.id)).collect()
        };
        assert_eq!(found(&mut conn, &asked), [Some(other.id), None, Some(one.id), Some(other.id)]);
        assert_eq!(found(&mut conn, &[one.id]), [Some(one.id)]);
        assert!(found(&mut conn, &[]).is_empty());
        crowd(&mut conn);
        for _ in 0..10 {
            found(&mut conn, &asked);
        }
        assert!(plans_are_kept(&mut conn, "%FROM sessions WHERE id = ANY%"));
    }
}
