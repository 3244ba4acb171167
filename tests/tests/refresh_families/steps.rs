//! Counts the steps that sessions take, by a trigger in the test's own database.
//!
//! The row alone does not tell: a second step from the same generation would write the same number
//! again.

use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::BigInt};
use e2e::{Cluster, session_of};
use shared::each_engine;

const POSTGRES: &str = "
    CREATE TABLE steps (session text NOT NULL);
    CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO steps VALUES (NEW.id::text); RETURN NULL; END $$;
    CREATE TRIGGER step AFTER UPDATE OF generation ON sessions FOR EACH ROW EXECUTE FUNCTION note_step();
";
const SQLITE: &str = "
    CREATE TABLE steps (session TEXT NOT NULL);
    CREATE TRIGGER step AFTER UPDATE OF generation ON sessions
        BEGIN INSERT INTO steps VALUES (NEW.id); END;
";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    taken: i64,
}

/// Counts from now on. The tables must be there: start a service before.
pub(crate) async fn count(cluster: &Cluster) -> anyhow::Result<()> {
    let trigger = if cluster.auth_db.url.is_postgres() { POSTGRES } else { SQLITE };
    Ok(cluster.auth_db.db.write(|conn| conn.batch_execute(trigger)).await?)
}

/// How many steps the session of this token has taken.
pub(crate) async fn taken(cluster: &Cluster, token: &str) -> anyhow::Result<i64> {
    let query = format!("SELECT count(*) AS taken FROM steps WHERE session = '{}'", session_of(token)?);
    let count: Count =
        cluster.auth_db.db.read(move |conn| each_engine!(conn => sql_query(query).get_result(conn))).await?;
    Ok(count.taken)
}
