//! Fills a database: `rows` organizations, of which every user owns ten, and in the first of them `rows`
//! members more.

use diesel::{RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};
use shared::DbConnection;

use crate::store::organizations::OrgId;

/// The id of the organization with this number.
pub(super) fn id(number: i64) -> OrgId {
    OrgId::from_uuid(format!("01900000-0000-7000-8000-{number:012x}").parse().unwrap())
}

const ORGANIZATIONS: &str = "
    INSERT INTO organizations (id, name, name_key, description, description_key, address, website,
        is_active, created_by, created_at, updated_at, version, slug, membership_version)
    SELECT {id}, 'Org ' || i, 'org ' || i, '', '', '', '', {true}, 'u' || (i / 10), {at}, {at}, 1, 'org-' || i, 1
    FROM {numbers}";
const OWNERS: &str = "
    INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)
    SELECT {id}, 'u' || (i / 10), 'owner', {at}, {at} FROM {numbers}";
const MEMBERS: &str = "
    INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)
    SELECT {first}, 'm' || i, CASE WHEN i % 100 = 0 THEN 'admin' ELSE 'member' END, {at}, {at} FROM {numbers}";

#[derive(diesel::QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    definition: String,
}

const INDEXES: &str = "
    SELECT indexname::text AS name, indexdef::text AS definition
    FROM pg_indexes JOIN pg_class ON relname = indexname
    WHERE schemaname = 'public' AND tablename IN ('organizations', 'memberships') AND indexname NOT LIKE '%pkey'
    ORDER BY pg_class.oid";

/// PostgreSQL makes an index much faster of rows that are there than row by row. They are made anew in the
/// order of the migrations, for of two that seem to cost the same it takes the newer one.
pub(super) fn fill(conn: &mut DbConnection, rows: i64) {
    let indexes: Vec<Index> = match conn {
        DbConnection::Postgres(pg) => sql_query(INDEXES).load(pg).unwrap(),
        DbConnection::Sqlite(_) => Vec::new(),
    };
    for Index { name, .. } in &indexes {
        conn.batch_execute(&format!("DROP INDEX {name}")).unwrap();
    }
    let postgres = matches!(conn, DbConnection::Postgres(_));
    for statement in [ORGANIZATIONS, OWNERS, MEMBERS] {
        conn.batch_execute(&told(statement, rows, postgres)).unwrap();
    }
    for Index { definition, .. } in &indexes {
        conn.batch_execute(definition).unwrap();
    }
    conn.batch_execute(if postgres { "VACUUM ANALYZE" } else { "ANALYZE" }).unwrap();
}

fn told(statement: &str, rows: i64, postgres: bool) -> String {
    let first = id(1);
    let [id, at, yes, numbers, first] = if postgres {
        [
            "('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid".to_owned(),
            "timestamptz '2026-01-01T00:00:00Z' + i * interval '1 ms'".to_owned(),
            "true".to_owned(),
            format!("generate_series(1, {rows}) i"),
            format!("'{first}'::uuid"),
        ]
    } else {
        [
            "printf('01900000-0000-7000-8000-%012x', i)".to_owned(),
            "printf('2026-01-01T%02d:%02d:%02d.%03d000Z', i / 3600000, i / 60000 % 60, i / 1000 % 60, i % 1000)"
                .to_owned(),
            "1".to_owned(),
            format!("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)"),
            format!("'{first}'"),
        ]
    };
    let filled = statement.replace("{id}", &id).replace("{at}", &at).replace("{true}", &yes);
    filled.replace("{numbers}", &numbers).replace("{first}", &first)
}
