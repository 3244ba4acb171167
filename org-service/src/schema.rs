//! The tables, once for both engines.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use shared::db::types::{Id, Instant};

    organizations (id) {
        id -> Id,
        name -> Text,
        name_key -> Text,
        description -> Text,
        description_key -> Text,
        address -> Text,
        website -> Text,
        email -> Nullable<Text>,
        is_active -> Bool,
        created_by -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
    }
}
