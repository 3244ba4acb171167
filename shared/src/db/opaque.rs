//! Plans that are kept for statements over arrays.
//!
//! PostgreSQL goes on planning a prepared statement anew where that looks cheaper than a plan for any values. Of an
//! array it sees the length when it has the values, and takes ten elements for granted when not: so a statement over
//! fewer, as a batch of requests is, was planned each time, which took longer than to carry it out. An array that
//! comes out of a subquery has ten elements either way, and the plan is kept.

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::AstPass,
    serialize::ToSql,
    sql_types::{Array, HasSqlType},
};

/// Binds an array whose length the planner does not see. In an `unnest` of several one such is enough: as many rows
/// are expected as of the longest.
pub fn push_array<'b, ST, U>(out: &mut AstPass<'_, 'b, Pg>, values: &'b U) -> QueryResult<()>
where
    ST: 'static,
    Pg: HasSqlType<Array<ST>>,
    U: ToSql<Array<ST>, Pg>,
{
    out.push_sql("(SELECT ");
    out.push_bind_param::<Array<ST>, _>(values)?;
    out.push_sql(")");
    Ok(())
}
