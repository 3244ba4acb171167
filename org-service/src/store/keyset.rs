//! Places in the order of a list, and the rows beyond one.
//!
//! A row comparison, `(role, user_id) > ($1, $2)`, is the one form that both engines answer from an index
//! over these columns however many rows share the first value. Diesel has none, so it is written here.

use diesel::{
    AppearsOnTable, Expression, QueryResult, SelectableExpression,
    expression::{ValidGrouping, is_aggregate},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, Text},
};
use shared::{
    DbConnection, Timestamp,
    db::{
        connection::MultiBackend,
        types::{DbUuid, Id, Instant},
    },
    page::InvalidCursor,
};

/// What a column that orders a list holds. None of them is ever null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared by code point.
    Text,
    /// An instant.
    Instant,
    /// An identifier.
    Id,
    /// A whole number.
    Integer,
}

/// The columns that order a list; no two rows have the same values in all of them.
pub type Columns = &'static [(&'static str, Kind)];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Instant(Timestamp),
    Id(DbUuid),
    Integer(i64),
}

/// The rows that come behind a place, or before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    columns: Columns,
    values: Vec<Value>,
    less: bool,
}

impl Beyond {
    /// The rows whose values are greater than those of a position, or `less`.
    pub fn new(columns: Columns, position: &[String], less: bool) -> Result<Self, InvalidCursor> {
        if columns.len() != position.len() {
            return Err(InvalidCursor);
        }
        let pairs = columns.iter().zip(position);
        let values = pairs.map(|((_, kind), text)| value(*kind, text).ok_or(InvalidCursor));
        Ok(Self { columns, values: values.collect::<Result<_, _>>()?, less })
    }
}

fn value(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Instant => Value::Instant(Timestamp::from_micros(text.parse().ok()?)),
        Kind::Id => Value::Id(DbUuid(uuid::Uuid::try_parse(text).ok()?)),
        Kind::Integer => Value::Integer(text.parse().ok()?),
    })
}

/// An instant as a position has it.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.as_micros().to_string()
}

impl Expression for Beyond {
    type SqlType = Bool;
}

impl<T> AppearsOnTable<T> for Beyond {}
impl<T> SelectableExpression<T> for Beyond {}

impl ValidGrouping<()> for Beyond {
    type IsAggregate = is_aggregate::Never;
}

impl QueryId for Beyond {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<MultiBackend> for Beyond {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let between = |place: usize| if place == 0 { "(" } else { ", " };
        for (place, (column, _)) in self.columns.iter().enumerate() {
            out.push_sql(between(place));
            out.push_sql(column);
        }
        out.push_sql(if self.less { ") < " } else { ") > " });
        for (place, value) in self.values.iter().enumerate() {
            out.push_sql(between(place));
            match value {
                Value::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Value::Instant(at) => out.push_bind_param::<Instant, _>(at)?,
                Value::Id(id) => out.push_bind_param::<Id, _>(id)?,
                Value::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// A query that PostgreSQL plans for its values, each time: of what clients filter by, one value may be that of
/// nearly every row and another that of none.
#[derive(Debug, Clone)]
pub struct Anew<Q>(pub Q);

impl<Q> QueryId for Anew<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Anew<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for Anew<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        self.0.walk_ast(out)
    }
}

impl<Q> diesel::RunQueryDsl<DbConnection> for Anew<Q> {}

/// How many rows a query gives that is planned [`Anew`]. With a limit it looks at no more than that.
#[derive(Debug, Clone)]
pub struct Counted<Q>(pub Q);

impl<Q> QueryId for Counted<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Counted<Q> {
    type SqlType = BigInt;
}

impl<Q: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for Counted<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT COUNT(*) FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

impl<Q> diesel::RunQueryDsl<DbConnection> for Counted<Q> {}
