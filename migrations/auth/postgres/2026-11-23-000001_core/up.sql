CREATE TABLE users (
    id uuid PRIMARY KEY,
    subject text NOT NULL,
    username text NOT NULL,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    password text NOT NULL,
    password_scheme text NOT NULL,
    is_active boolean NOT NULL,
    is_superuser boolean NOT NULL,
    credential_version bigint NOT NULL,
    not_before timestamptz,
    last_login timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_subject ON users (subject);
CREATE UNIQUE INDEX users_username ON users (username);
CREATE INDEX users_email ON users (email);
CREATE INDEX users_password_scheme ON users (password_scheme);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    user_claim text NOT NULL,
    is_superuser boolean NOT NULL,
    secret bytea NOT NULL,
    generation bigint NOT NULL,
    signing_kid text,
    refresh_kid text,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    user_agent text NOT NULL,
    address text NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_absolute_expires_at ON sessions (absolute_expires_at);

CREATE TABLE keys (
    kid text PRIMARY KEY,
    purpose text NOT NULL,
    algorithm text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX keys_purpose ON keys (purpose);
