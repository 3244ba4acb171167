//! A session begins, if its user is still as the password was checked against.
//!
//! On PostgreSQL that is one statement, prepared once on each connection: as a transaction it takes four, of which
//! one is parsed and planned each time, for diesel prepares no UPDATE of its own making.

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::types::{Id, Instant},
};

use super::{Session, insert};
use crate::store::users::{self, User};

/// A session that is to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The session.
    pub session: Session,
    /// Its user, as the password was checked.
    pub user: User,
    /// Off where inactive users may log in.
    pub demand_active: bool,
    /// What becomes of the user's `last_login`, if anything does.
    pub login: Option<Timestamp>,
}

/// Begins it; false if the user has another password by now, is not active, or is gone. Whoever changes the
/// user at the same time either comes first or finds the session.
pub fn begin(conn: &mut DbConnection, beginning: &Beginning) -> QueryResult<bool> {
    match conn {
        DbConnection::Postgres(pg) => Ok(Together(beginning).execute(pg)? == 1),
        DbConnection::Sqlite(_) => conn.write_transaction(|conn| {
            let Beginning { session, user, demand_active, login } = beginning;
            Ok(users::confirm(conn, user, *demand_active, *login)? && insert(conn, session)? == 1)
        }),
    }
}

/// Both steps in one.
struct Together<'a>(&'a Beginning);

impl QueryId for Together<'_> {
    type QueryId = Together<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Beginning { session, user, demand_active, login } = self.0;
        out.push_sql("WITH confirmed AS (UPDATE users SET last_login = COALESCE(");
        out.push_bind_param::<Nullable<Instant>, _>(login)?;
        out.push_sql(", last_login) WHERE id = ");
        out.push_bind_param::<Id, _>(&user.id)?;
        out.push_sql(" AND credential_version = ");
        out.push_bind_param::<BigInt, _>(&user.credential_version)?;
        out.push_sql(" AND is_active = (");
        out.push_bind_param::<Bool, _>(&user.is_active)?;
        out.push_sql(" OR ");
        out.push_bind_param::<Bool, _>(demand_active)?;
        out.push_sql(
            ") RETURNING id) INSERT INTO sessions (id, user_id, user_claim, is_superuser, secret, generation, \
             signing_kid, refresh_kid, created_at, rotated_at, expires_at, absolute_expires_at, revoked_at, \
             revoked_reason, user_agent, address, last_used_at) SELECT ",
        );
        out.push_bind_param::<Id, _>(&session.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Id>, _>(&session.user_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&session.user_claim)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&session.is_superuser)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(&session.secret)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&session.generation)?;
        for kid in [&session.signing_kid, &session.refresh_kid] {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(kid)?;
        }
        for at in
            [&session.created_at, &session.rotated_at, &session.expires_at, &session.absolute_expires_at]
        {
            out.push_sql(", ");
            out.push_bind_param::<Instant, _>(at)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Instant>, _>(&session.revoked_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&session.revoked_reason)?;
        for text in [&session.user_agent, &session.address] {
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(text)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Instant>, _>(&session.last_used_at)?;
        out.push_sql(" FROM confirmed");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::db::testing::TestDb;

    use super::{
        super::{find, tests::session},
        *,
    };
    use crate::store::users::UserId;

    fn user(now: Timestamp) -> User {
        User {
            id: UserId::new(now),
            subject: "7".to_owned(),
            username: "ana".to_owned(),
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            password: "hash".to_owned(),
            password_scheme: "scheme".to_owned(),
            is_active: true,
            is_superuser: false,
            credential_version: 3,
            not_before: None,
            last_login: None,
            created_at: now,
            updated_at: now,
            email_verified_at: None,
        }
    }

    #[tokio::test]
    async fn a_session_begins_only_for_a_user_as_was_checked() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let (active, inactive) = (
            user(now),
            User { is_active: false, username: "ben".to_owned(), subject: "8".to_owned(), ..user(now) },
        );
        for user in [&active, &inactive] {
            users::insert(&mut conn, user).unwrap();
        }
        let changed = User { credential_version: 2, ..active.clone() };
        let gone = User { id: UserId::new(now), ..active.clone() };
        let cases = [
            (&active, true, true),
            (&active, false, true),
            (&inactive, true, false),
            (&inactive, false, true),
            (&changed, true, false),
            (&gone, false, false),
        ];
        for (user, demand_active, begins) in cases {
            let session = Session { user_id: Some(user.id), ..session(now) };
            let beginning = Beginning { session, user: user.clone(), demand_active, login: None };
            assert_eq!(begin(&mut conn, &beginning).unwrap(), begins, "{beginning:?}");
            assert_eq!(find(&mut conn, beginning.session.id).unwrap().is_some(), begins, "{beginning:?}");
        }
    }

    #[tokio::test]
    async fn a_session_is_stored_as_it_is_and_a_login_is_noted() {
        let test = TestDb::new(crate::migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        let now = Timestamp::from_secs(1_795_444_848);
        let user = user(now);
        users::insert(&mut conn, &user).unwrap();
        let last_login = |conn: &mut _| users::find_by_username(conn, "ana").unwrap().unwrap().last_login;
        for (login, noted) in [(None, None), (Some(now), Some(now)), (None, Some(now))] {
            let session = Session {
                user_id: Some(user.id),
                signing_kid: Some("signs".to_owned()),
                last_used_at: Some(now),
                ..session(now)
            };
            let beginning = Beginning { session, user: user.clone(), demand_active: true, login };
            assert!(begin(&mut conn, &beginning).unwrap());
            let wanted = beginning.session;
            let stored = find(&mut conn, wanted.id).unwrap().unwrap();
            assert_eq!(last_login(&mut conn), noted);
            assert!(stored.secret == wanted.secret && stored.user_id == wanted.user_id);
            assert_eq!((stored.user_claim, stored.is_superuser), (wanted.user_claim, wanted.is_superuser));
            assert_eq!((stored.signing_kid, stored.refresh_kid), (wanted.signing_kid, wanted.refresh_kid));
            assert_eq!((stored.created_at, stored.rotated_at), (wanted.created_at, wanted.rotated_at));
            assert_eq!(stored.expires_at, wanted.expires_at);
            assert_eq!(stored.absolute_expires_at, wanted.absolute_expires_at);
            assert_eq!((stored.revoked_at, stored.revoked_reason), (None, None));
            assert_eq!((stored.user_agent, stored.address), (wanted.user_agent, wanted.address));
            assert_eq!((stored.generation, stored.last_used_at), (wanted.generation, wanted.last_used_at));
        }
    }
}
