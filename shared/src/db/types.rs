//! The two column types that differ between the engines, and the macro for typed ids.
//!
//! | here | PostgreSQL | SQLite |
//! |---|---|---|
//! | `Id` | `uuid` | `TEXT`, hyphenated |
//! | `Instant` | `timestamptz` | `TEXT`, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that text order is time order |

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql},
    pg::{Pg, PgValue, data_types::PgTimestamp},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{self, HasSqlType, SqlType},
    sqlite::Sqlite,
};
use std::io::Write;
use uuid::Uuid;

use super::connection::MultiBackend;
use crate::clock;

/// SQL type of identifiers.
#[derive(Debug, Clone, Copy, Default, diesel::query_builder::QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Id;

/// SQL type of instants.
#[derive(Debug, Clone, Copy, Default, diesel::query_builder::QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Instant;

impl HasSqlType<Id> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<Id>(lookup)
    }
}

impl HasSqlType<Instant> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<Instant>(lookup)
    }
}

/// An identifier column's value: a UUID in either engine's form.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = Id)]
pub struct DbUuid(pub Uuid);

impl ToSql<Id, MultiBackend> for DbUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Id, self));
        Ok(IsNull::No)
    }
}

impl FromSql<Id, MultiBackend> for DbUuid {
    fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        bytes.from_sql::<Self, Id>()
    }
}

impl ToSql<Id, Pg> for DbUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Pg> for DbUuid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<Id, Sqlite> for DbUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.hyphenated().to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Id, Sqlite> for DbUuid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<sql_types::Text, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::parse_str(&text)?))
    }
}

/// Seconds between the Unix epoch and PostgreSQL's, 2000-01-01.
const PG_EPOCH_SECS: i64 = 946_684_800;

impl ToSql<Instant, MultiBackend> for clock::Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Instant, self));
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, MultiBackend> for clock::Timestamp {
    fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        bytes.from_sql::<Self, Instant>()
    }
}

impl ToSql<Instant, Pg> for clock::Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let since_2000 = PgTimestamp(self.as_micros() - PG_EPOCH_SECS * 1_000_000);
        ToSql::<sql_types::Timestamptz, Pg>::to_sql(&since_2000, &mut out.reborrow())
    }
}

impl FromSql<Instant, Pg> for clock::Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(micros) = FromSql::<sql_types::Timestamptz, Pg>::from_sql(value)?;
        // `infinity` is the largest number.
        Ok(Self::from_micros(micros.saturating_add(PG_EPOCH_SECS * 1_000_000)))
    }
}

impl ToSql<Instant, Sqlite> for clock::Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(format!("{:.6}", self.as_jiff()));
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for clock::Timestamp {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<sql_types::Text, Sqlite>>::from_sql(value)?;
        Ok(Self::from_jiff(text.parse()?))
    }
}

/// Declares a typed identifier over [`DbUuid`]: `typed_id!(/** … */ UserId);`.
///
/// It is stored as [`Id`], shown hyphenated, and made of a `UUIDv7` by `new`.
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(::diesel::expression::AsExpression, ::diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = $crate::db::types::Id)]
        pub struct $name($crate::db::types::DbUuid);

        impl $name {
            /// A new UUIDv7 of the given time.
            #[must_use]
            pub fn new(now: $crate::Timestamp) -> Self {
                Self::from_uuid($crate::random::uuid_v7(now))
            }

            /// The identifier with this UUID.
            #[must_use]
            pub const fn from_uuid(uuid: ::uuid::Uuid) -> Self {
                Self($crate::db::types::DbUuid(uuid))
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> ::uuid::Uuid {
                self.0.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.uuid().hyphenated(), f)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<DB> ::diesel::serialize::ToSql<$crate::db::types::Id, DB> for $name
        where
            DB: ::diesel::backend::Backend,
            $crate::db::types::DbUuid: ::diesel::serialize::ToSql<$crate::db::types::Id, DB>,
        {
            fn to_sql<'b>(
                &'b self,
                out: &mut ::diesel::serialize::Output<'b, '_, DB>,
            ) -> ::diesel::serialize::Result {
                ::diesel::serialize::ToSql::<$crate::db::types::Id, DB>::to_sql(&self.0, out)
            }
        }

        impl<DB> ::diesel::deserialize::FromSql<$crate::db::types::Id, DB> for $name
        where
            DB: ::diesel::backend::Backend,
            $crate::db::types::DbUuid: ::diesel::deserialize::FromSql<$crate::db::types::Id, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> ::diesel::deserialize::Result<Self> {
                Ok(Self(<$crate::db::types::DbUuid as ::diesel::deserialize::FromSql<_, DB>>::from_sql(bytes)?))
            }
        }
    };
}
