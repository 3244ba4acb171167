//! What roles permit, for tokens that do not list it: the latest definition of each, as validators are
//! told. Kept here so that a validator which begins anew needs nobody but this service.

use diesel::prelude::*;
use shared::{DbConnection, Timestamp, each_engine};

use crate::schema::role_definitions;

/// A row of `role_definitions`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = role_definitions)]
pub struct Definition {
    /// `organization/role`
    pub key: String,
    /// The membership version from which on it holds.
    pub version: i64,
    /// A JSON array of texts.
    pub permissions: String,
    /// The place in the feed of the entry that came with it.
    pub seq: i64,
    /// When nobody can have a token for the role any more; none while there is the role.
    pub expires_at: Option<Timestamp>,
}

/// Replaces a role's definition, unless it is as new. Within the transaction that appends its entry to
/// the feed, and after that: so no other can come between the two statements.
pub fn define(conn: &mut DbConnection, definition: &Definition) -> QueryResult<()> {
    let known = role_definitions::table.find(definition.key.clone());
    let older = known.filter(role_definitions::version.lt(definition.version));
    let replaced = diesel::update(older)
        .set((
            role_definitions::version.eq(definition.version),
            role_definitions::permissions.eq(definition.permissions.clone()),
            role_definitions::seq.eq(definition.seq),
            role_definitions::expires_at.eq(definition.expires_at),
        ))
        .execute(conn)?;
    if replaced == 0 {
        each_engine!(conn => diesel::insert_into(role_definitions::table)
            .values(definition.clone())
            .on_conflict_do_nothing()
            .execute(conn))?;
    }
    Ok(())
}

/// Up to `limit` definitions that came with entries behind `seq`, in order.
pub fn list_behind(conn: &mut DbConnection, seq: i64, limit: i64) -> QueryResult<Vec<Definition>> {
    role_definitions::table
        .filter(role_definitions::seq.gt(seq))
        .order(role_definitions::seq)
        .limit(limit)
        .select(Definition::as_select())
        .load(conn)
}

/// The definitions of these roles.
pub fn list(conn: &mut DbConnection, keys: &[&str]) -> QueryResult<Vec<Definition>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    role_definitions::table
        .filter(role_definitions::key.eq_any(keys.to_vec()))
        .select(Definition::as_select())
        .load(conn)
}

/// Removes up to `limit` definitions of roles that nobody can have a token for any more.
pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let over = role_definitions::table
        .filter(role_definitions::expires_at.le(now))
        .select(role_definitions::key)
        .limit(limit);
    let over: Vec<String> = over.load(conn)?;
    diesel::delete(role_definitions::table.filter(role_definitions::key.eq_any(over))).execute(conn)
}

#[cfg(test)]
mod tests {
    use shared::db::testing::TestDb;

    use super::*;
    use crate::migrations;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_795_444_848 + seconds)
    }

    fn definition(key: &str, version: i64, seq: i64) -> Definition {
        let permissions = format!("[\"v{version}:read\"]");
        Definition { key: key.to_owned(), version, permissions, seq, expires_at: None }
    }

    fn define_all(conn: &mut DbConnection, steps: &[(&str, i64, i64)]) -> QueryResult<()> {
        steps.iter().try_for_each(|(key, version, seq)| define(conn, &definition(key, *version, *seq)))
    }

    #[tokio::test]
    async fn the_latest_version_stays_whatever_comes_again() {
        let test = TestDb::new(migrations()).await.unwrap();
        let all = test.db.transaction(|conn| {
            define_all(conn, &[("o/r", 5, 1), ("o/r", 7, 2), ("o/r", 5, 3), ("o/r", 7, 4)])?;
            list(conn, &["o/r", "o/other"])
        });
        let all = all.await.unwrap();
        let [known] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((known.version, known.seq, known.permissions.as_str()), (7, 2, "[\"v7:read\"]"));
    }

    #[tokio::test]
    async fn a_follower_gets_what_it_lacks_in_order() {
        let test = TestDb::new(migrations()).await.unwrap();
        let steps = [("o/a", 1, 1), ("o/b", 1, 2), ("o/c", 1, 3), ("o/a", 2, 9)];
        let behind = test.db.transaction(move |conn| {
            define_all(conn, &steps)?;
            Ok([list_behind(conn, 0, 2)?, list_behind(conn, 2, 9)?])
        });
        let keys = behind.await.unwrap().map(|some| some.into_iter().map(|one| one.key).collect::<Vec<_>>());
        assert_eq!(keys, [vec!["o/b", "o/c"], vec!["o/c", "o/a"]]);
    }

    #[tokio::test]
    async fn only_roles_that_are_gone_are_forgotten() {
        let test = TestDb::new(migrations()).await.unwrap();
        let left = test.db.transaction(|conn| {
            define(conn, &definition("o/a", 1, 1))?;
            define(conn, &Definition { expires_at: Some(at(60)), ..definition("o/b", 1, 2) })?;
            let early = purge(conn, at(59), 9)?;
            Ok((early, purge(conn, at(60), 9)?, list_behind(conn, 0, 9)?.len()))
        });
        assert_eq!(left.await.unwrap(), (0, 1, 1));
    }
}
