//! Migrations: applied at start, or by a job before it.
//!
//! Whoever lets every replica apply them needs no job; whoever gives the services no right to create
//! tables runs the command `migrate` as somebody else, and sets `MIGRATE=never`.

use std::collections::BTreeSet;

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, SqliteConnection,
    backend::Backend,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_query,
    sql_types::Text,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use serde::{Deserialize, Serialize};

use super::{DbConnection, DbError, DbUrl, connection::one_line};
use crate::each_engine;

/// `MIGRATE`: who applies missing migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Migrate {
    /// Whoever opens the database.
    #[default]
    Start,
    /// Only the command `migrate`; without them nobody else goes on.
    Never,
}

/// The migrations of one service, one tree per engine.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The program whose command `migrate` applies them.
    pub program: &'static str,
    /// Gives the tree for PostgreSQL.
    pub postgres: fn() -> EmbeddedMigrations,
    /// Gives the tree for SQLite.
    pub sqlite: fn() -> EmbeddedMigrations,
    /// Who applies them.
    pub apply: Migrate,
}

impl Migrations {
    /// The same, applied as the settings say.
    #[must_use]
    pub const fn applied(self, apply: Migrate) -> Self {
        Self { apply, ..self }
    }
}

/// Applies the migrations that are missing and returns their versions, oldest first.
pub async fn migrate(url: &DbUrl, migrations: Migrations) -> Result<Vec<String>, DbError> {
    let url = url.clone();
    tokio::task::spawn_blocking(move || DbConnection::open(&url)?.migrate(migrations))
        .await
        .map_err(|_| DbError::Interrupted)?
}

/// Demands that none are missing. Writes nothing.
async fn demand(url: &DbUrl, migrations: Migrations) -> Result<(), DbError> {
    let url = url.clone();
    let counting = move || DbConnection::open(&url)?.missing(migrations);
    match tokio::task::spawn_blocking(counting).await.map_err(|_| DbError::Interrupted)?? {
        0 => Ok(()),
        missing => Err(DbError::Unmigrated { missing, program: migrations.program }),
    }
}

/// Sees that the database is there and has its tables, whoever has to make them.
pub(super) async fn prepare(url: &DbUrl, migrations: Migrations) -> Result<(), DbError> {
    match migrations.apply {
        Migrate::Start => migrate(url, migrations).await.map(drop),
        Migrate::Never => demand(url, migrations).await,
    }
}

impl DbConnection {
    /// Applies the migrations that are missing. Replicas that start at once take turns.
    fn migrate(&mut self, migrations: Migrations) -> Result<Vec<String>, DbError> {
        match self {
            Self::Postgres(pg) => {
                pg.batch_execute("SELECT pg_advisory_lock(7358233)").map_err(DbError::Query)?;
                let applied =
                    pg.run_pending_migrations((migrations.postgres)()).map(|v| names(&v)).map_err(failed);
                pg.batch_execute("SELECT pg_advisory_unlock(7358233)").map_err(DbError::Query)?;
                applied
            }
            Self::Sqlite(sqlite) => {
                // Two processes that start at once take turns at the write lock.
                sqlite.immediate_transaction(|sqlite: &mut SqliteConnection| {
                    sqlite.run_pending_migrations((migrations.sqlite)()).map(|v| names(&v)).map_err(failed)
                })
            }
        }
    }

    /// How many migrations are missing. Diesel's own answer would create its table first.
    fn missing(&mut self, migrations: Migrations) -> Result<usize, DbError> {
        let ours = match self {
            Self::Postgres(_) => versions::<Pg>(&(migrations.postgres)())?,
            Self::Sqlite(_) => versions::<Sqlite>(&(migrations.sqlite)())?,
        };
        let applied = applied(self)?;
        Ok(ours.difference(&applied).count())
    }
}

/// The versions that have been applied; none where Diesel has no table yet.
fn applied(conn: &mut DbConnection) -> QueryResult<BTreeSet<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let table = match conn {
        DbConnection::Postgres(_) => {
            "SELECT 'there' AS version WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL"
        }
        DbConnection::Sqlite(_) => {
            "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
    };
    let there: Vec<Row> = each_engine!(conn => sql_query(table).load(conn))?;
    if there.is_empty() {
        return Ok(BTreeSet::new());
    }
    let all = "SELECT version FROM __diesel_schema_migrations";
    let rows: Vec<Row> = each_engine!(conn => sql_query(all).load(conn))?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn versions<DB: Backend>(tree: &EmbeddedMigrations) -> Result<BTreeSet<String>, DbError> {
    let all: Vec<Box<dyn Migration<DB>>> = tree.migrations().map_err(failed)?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls with what diesel gives")]
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> DbError {
    DbError::Migration(one_line(&error.to_string()))
}

fn names(versions: &[diesel::migration::MigrationVersion<'_>]) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}
