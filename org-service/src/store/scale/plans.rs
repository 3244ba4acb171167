//! How the engines go about a query.

use diesel::{
    QueryResult, RunQueryDsl,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Integer, Text},
};
use shared::{DbConnection, db::connection::MultiBackend};
use std::marker::PhantomData;

/// A query that is explained instead of run.
struct Explained<Q, Row> {
    how: &'static str,
    query: Q,
    row: PhantomData<Row>,
}

impl<Q, Row> QueryId for Explained<Q, Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, Row> Query for Explained<Q, Row> {
    type SqlType = Row;
}

impl<Q: QueryFragment<MultiBackend>, Row> QueryFragment<MultiBackend> for Explained<Q, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.how);
        self.query.walk_ast(out)
    }
}

impl<Q, Row> RunQueryDsl<DbConnection> for Explained<Q, Row> {}

/// Demands that a query reads an index in the order in which it answers.
pub(super) fn demand_index<Q: QueryFragment<MultiBackend>>(conn: &mut DbConnection, query: Q, what: &str) {
    let (plan, bad) = match conn {
        DbConnection::Postgres(_) => {
            let explained = Explained { how: "EXPLAIN ", query, row: PhantomData::<Text> };
            let lines: Vec<String> = explained.load(conn).unwrap();
            // A few rows of the same name, which there are none of, may be sorted.
            let bad = lines.iter().any(|line| {
                line.contains("Seq Scan")
                    || line.contains("Sort") && !line.contains("Incremental") && !line.contains("Sort Key")
            });
            (lines, bad)
        }
        DbConnection::Sqlite(_) => {
            type Row = (Integer, Integer, Integer, Text);
            let explained = Explained { how: "EXPLAIN QUERY PLAN ", query, row: PhantomData::<Row> };
            let lines: Vec<(i32, i32, i32, String)> = explained.load(conn).unwrap();
            let lines: Vec<String> = lines.into_iter().map(|(_, _, _, line)| line).collect();
            let bad = lines.iter().any(|line| line.contains("TEMP B-TREE") || !line.contains("INDEX"));
            (lines, bad)
        }
    };
    assert!(!bad, "{what}: {plan:#?}");
}
