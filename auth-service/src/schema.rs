//! The tables, once for both engines.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use shared::db::types::{Id, Instant};

    users (id) {
        id -> Id,
        subject -> Text,
        username -> Text,
        email -> Text,
        first_name -> Text,
        last_name -> Text,
        password -> Text,
        password_scheme -> Text,
        is_active -> Bool,
        is_superuser -> Bool,
        credential_version -> BigInt,
        not_before -> Nullable<Instant>,
        last_login -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
        email_verified_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use shared::db::types::{Id, Instant};

    sessions (id) {
        id -> Id,
        user_id -> Nullable<Id>,
        user_claim -> Text,
        is_superuser -> Bool,
        secret -> Binary,
        generation -> BigInt,
        signing_kid -> Nullable<Text>,
        refresh_kid -> Nullable<Text>,
        created_at -> Instant,
        rotated_at -> Instant,
        expires_at -> Instant,
        absolute_expires_at -> Instant,
        revoked_at -> Nullable<Instant>,
        revoked_reason -> Nullable<Text>,
        user_agent -> Text,
        address -> Text,
        last_used_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use shared::db::types::Instant;

    keys (kid) {
        kid -> Text,
        purpose -> Text,
        algorithm -> Text,
        sealed -> Binary,
        created_at -> Instant,
        retires_at -> Nullable<Instant>,
        revoked_at -> Nullable<Instant>,
        signs_from -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    feed_head (id) {
        id -> BigInt,
        epoch -> Text,
        seq -> BigInt,
        keys_version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use shared::db::types::Instant;

    feed (seq) {
        seq -> BigInt,
        kind -> Text,
        key -> Text,
        bound -> Nullable<BigInt>,
        expires_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;
    use shared::db::types::Instant;

    token_lives (seconds) {
        seconds -> BigInt,
        issued_until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use shared::db::types::Instant;

    role_definitions (key) {
        key -> Text,
        version -> BigInt,
        permissions -> Text,
        seq -> BigInt,
        expires_at -> Nullable<Instant>,
    }
}
