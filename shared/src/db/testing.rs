//! Databases for tests, one per test: [`TestDb`], and [`compare_migrations`] for the parity of the
//! two migration trees.
//!
//! Where `TEST_POSTGRES_URL` names a server, tests run on PostgreSQL, otherwise on SQLite: the same
//! tests, so that neither engine is left behind.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_query,
    sql_types::{BigInt, Bool, Text},
    sqlite::Sqlite,
};
use diesel_migrations::EmbeddedMigrations;
use tempfile::TempDir;

use super::{Db, DbConnection, DbError, DbLimits, DbUrl, Migrations, connection::one_line};
use crate::{config::Variables, random};

/// A database of its own, gone when dropped.
#[derive(Debug)]
pub struct TestDb {
    /// The database, migrated, unless it was asked for empty.
    pub db: Db,
    /// Where it is.
    pub url: DbUrl,
    /// Removes the database when dropped.
    _place: Place,
}

impl TestDb {
    /// An empty database with these migrations applied.
    pub async fn new(migrations: Migrations) -> Result<Self, DbError> {
        let place = Place::new()?;
        let url = place.url();
        let limits = DbLimits { connections: 4, ..DbLimits::default() };
        Ok(Self { db: Db::connect(&url, migrations, limits).await?, url, _place: place })
    }

    /// An empty database, for whoever migrates it.
    pub fn empty() -> Result<Self, DbError> {
        Self::empty_on(server()?)
    }

    /// The same on this PostgreSQL server, or on SQLite, whatever the environment says.
    pub fn empty_on(server: Option<DbUrl>) -> Result<Self, DbError> {
        let place = server.map_or_else(Place::in_folder, Place::on)?;
        let url = place.url();
        Ok(Self {
            db: Db::pooled(&url, DbLimits { connections: 1, ..DbLimits::default() }),
            url,
            _place: place,
        })
    }
}

/// Where a test's database is, and how it is removed.
#[derive(Debug)]
enum Place {
    Folder(TempDir),
    Server { server: DbUrl, url: DbUrl, name: String },
}

impl Place {
    fn new() -> Result<Self, DbError> {
        match server()? {
            Some(server) => Self::on(server),
            None => Self::in_folder(),
        }
    }

    fn in_folder() -> Result<Self, DbError> {
        tempfile::tempdir().map(Self::Folder).map_err(|error| DbError::NoConnection(error.to_string()))
    }

    fn on(server: DbUrl) -> Result<Self, DbError> {
        let name = format!("tessera_test_{}", random::hex32());
        DbConnection::open(&server)?.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        let url = match &server {
            DbUrl::Postgres { url } => {
                let mut url = url.clone();
                url.set_path(&name);
                DbUrl::Postgres { url }
            }
            DbUrl::Sqlite { .. } => return Err(DbError::Url("TEST_POSTGRES_URL is not postgres://…")),
        };
        Ok(Self::Server { server, url, name })
    }

    fn url(&self) -> DbUrl {
        match self {
            Self::Folder(folder) => DbUrl::sqlite(&folder.path().join("test.db")),
            Self::Server { url, .. } => url.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Server { server, name, .. } = self else { return };
        let dropped = DbConnection::open(server).and_then(|mut connection| {
            Ok(connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?)
        });
        if let Err(error) = dropped {
            tracing::warn!(%error, database = %name, "a test's database could not be removed");
        }
    }
}

/// The server that `TEST_POSTGRES_URL` names, if any.
pub fn server() -> Result<Option<DbUrl>, DbError> {
    Variables::from_env().get("TEST_POSTGRES_URL").map(DbUrl::parse).transpose()
}

/// Holds both migration trees to equal names and, where there is a PostgreSQL, to equal tables,
/// columns, nullability and indexes. The error says what differs.
pub async fn compare_migrations(migrations: Migrations) -> Result<(), String> {
    same("names", &names::<Pg>(&(migrations.postgres)())?, &names::<Sqlite>(&(migrations.sqlite)())?)?;
    let readable = |error: DbError| one_line(&error.to_string());
    let Some(server) = server().map_err(readable)? else { return Ok(()) };
    let mut schemas = Vec::new();
    for place in [Place::on(server).map_err(readable)?, Place::in_folder().map_err(readable)?] {
        super::migrate(&place.url(), migrations).await.map_err(readable)?;
        let mut connection = DbConnection::open(&place.url()).map_err(readable)?;
        schemas.push(Schema::of(&mut connection).map_err(|error| one_line(&error.to_string()))?);
    }
    let [postgres, sqlite] = schemas.as_slice() else { return Ok(()) };
    same("columns", &postgres.columns, &sqlite.columns)?;
    same("indexes", &postgres.indexes, &sqlite.indexes)
}

fn names<DB: diesel::backend::Backend>(tree: &EmbeddedMigrations) -> Result<BTreeSet<String>, String> {
    let migrations: Vec<Box<dyn Migration<DB>>> = tree.migrations().map_err(|error| error.to_string())?;
    Ok(migrations.iter().map(|migration| migration.name().to_string()).collect())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, postgres: &T, sqlite: &T) -> Result<(), String> {
    if postgres == sqlite {
        return Ok(());
    }
    Err(format!("{what} differ\nPostgreSQL: {postgres:#?}\nSQLite: {sqlite:#?}"))
}

/// What both engines can say of a database: columns with their nullability, and named indexes with
/// their uniqueness and columns. Primary keys count as columns that are not null.
#[derive(Debug)]
struct Schema {
    columns: BTreeMap<(String, String), bool>,
    indexes: BTreeMap<(String, String), (bool, Vec<String>)>,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName)]
struct IndexColumn {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    is_unique: bool,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = BigInt)]
    #[expect(dead_code, reason = "the query orders by it")]
    place: i64,
}

const POSTGRES_COLUMNS: &str = "
    SELECT table_name::text AS of_table, column_name::text AS name, is_nullable = 'YES' AS nullable
    FROM information_schema.columns WHERE table_schema = 'public'";
const SQLITE_COLUMNS: &str = "
    SELECT t.name AS of_table, c.name AS name, c.\"notnull\" = 0 AS nullable
    FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
const POSTGRES_INDEXES: &str = "
    SELECT t.relname::text AS of_table, i.relname::text AS name, x.indisunique AS is_unique,
           a.attname::text AS column_name, k.place AS place
    FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
    CROSS JOIN LATERAL unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE NOT x.indisprimary
    ORDER BY 1, 2, 5";
const SQLITE_INDEXES: &str = "
    SELECT t.name AS of_table, i.name AS name, i.\"unique\" = 1 AS is_unique,
           c.name AS column_name, c.seqno AS place
    FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
    WHERE t.type = 'table' AND i.origin = 'c'
    ORDER BY 1, 2, 5";

/// Diesel's own table; each engine gives it other types.
const DIESELS: &str = "__diesel_schema_migrations";

impl Schema {
    fn of(connection: &mut DbConnection) -> diesel::QueryResult<Self> {
        let (columns, parts): (Vec<Column>, Vec<IndexColumn>) = match connection {
            DbConnection::Postgres(pg) => {
                (sql_query(POSTGRES_COLUMNS).load(pg)?, sql_query(POSTGRES_INDEXES).load(pg)?)
            }
            DbConnection::Sqlite(lite) => {
                (sql_query(SQLITE_COLUMNS).load(lite)?, sql_query(SQLITE_INDEXES).load(lite)?)
            }
        };
        let columns = columns.into_iter().filter(|column| column.of_table != DIESELS);
        let columns = columns.map(|column| ((column.of_table, column.name), column.nullable)).collect();
        let mut indexes: BTreeMap<_, (bool, Vec<String>)> = BTreeMap::new();
        for part in parts.into_iter().filter(|part| part.of_table != DIESELS) {
            let index = indexes.entry((part.of_table, part.name)).or_insert((part.is_unique, Vec::new()));
            index.1.push(part.column_name);
        }
        Ok(Self { columns, indexes })
    }
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Bool)]
    kept: bool,
}

/// Whether PostgreSQL carries out the prepared statements whose texts are like this by a plan for any values; true
/// on SQLite, which plans a statement when it prepares it. Asked after more than the five times for which
/// PostgreSQL plans any statement anew.
pub fn plans_are_kept(conn: &mut DbConnection, text: &str) -> bool {
    let DbConnection::Postgres(pg) = conn else { return true };
    let asked = sql_query(
        "SELECT count(*) = 1 AND bool_and(generic_plans > 0) AS kept FROM pg_prepared_statements \
         WHERE statement LIKE $1 AND statement NOT LIKE '%pg_prepared_statements%'",
    );
    asked.bind::<Text, _>(text).get_result::<Kept>(pg).is_ok_and(|found| found.kept)
}
