//! The tables, once for both engines.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
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
        slug -> Nullable<Text>,
        membership_version -> BigInt,
        audit_seq -> BigInt,
        audit_hash -> Nullable<Binary>,
        deleted_at -> Nullable<Instant>,
        audit_sealed_seq -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use shared::db::types::{Id, Instant};

    memberships (org_id, user_id) {
        org_id -> Id,
        user_id -> Text,
        role -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use shared::db::types::Instant;

    catalogue (id) {
        id -> BigInt,
        permissions -> Text,
        announced_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use shared::db::types::{Id, Instant};

    roles (org_id, name) {
        org_id -> Id,
        name -> Text,
        description -> Text,
        permissions -> Text,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use shared::db::types::{Id, Instant};

    audit (org_id, seq) {
        org_id -> Id,
        seq -> BigInt,
        at -> Instant,
        actor -> Text,
        as_superuser -> Bool,
        action -> Text,
        target -> Text,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        request_id -> Text,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Text};
    use shared::db::types::{Id, Instant};

    audit_seals (org_id, number) {
        org_id -> Id,
        number -> BigInt,
        last_seq -> BigInt,
        hash -> Binary,
        sealed_at -> Instant,
        key_id -> Text,
        seal -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use shared::db::types::{Id, Instant};

    announcements (id) {
        id -> Id,
        kind -> Text,
        key -> Text,
        min_version -> BigInt,
        permissions -> Nullable<Text>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use shared::db::types::{Id, Instant};

    invitations (id) {
        id -> Id,
        org_id -> Id,
        email -> Text,
        email_key -> Text,
        role -> Text,
        status -> Text,
        invited_by -> Text,
        accepted_by -> Nullable<Text>,
        created_at -> Instant,
        asked_at -> Instant,
        expires_at -> Instant,
        closed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use shared::db::types::{Id, Instant};

    invitation_handles (hash) {
        hash -> Binary,
        invitation_id -> Id,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use shared::db::types::{Id, Instant};

    mails (invitation_id) {
        invitation_id -> Id,
        version -> BigInt,
        attempts -> BigInt,
        next_attempt_at -> Nullable<Instant>,
        sent_at -> Nullable<Instant>,
        failed_at -> Nullable<Instant>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use shared::db::types::Instant;

    secrets (name) {
        name -> Text,
        value -> Binary,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use shared::db::types::Instant;

    tallies (list) {
        list -> Text,
        size -> BigInt,
        counted_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Text};
    use shared::db::types::Instant;

    idempotency_keys (user_id, path, key) {
        user_id -> Text,
        path -> Text,
        key -> Text,
        fingerprint -> Binary,
        status -> BigInt,
        body -> Text,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Text};
    use shared::db::types::Instant;

    profiles (user_id) {
        user_id -> Text,
        username -> Text,
        username_key -> Text,
        email -> Text,
        first_name -> Text,
        last_name -> Text,
        is_active -> Bool,
        fetched_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    invitation_handles,
    invitations,
    mails,
    memberships,
    organizations,
    profiles,
    roles,
);
