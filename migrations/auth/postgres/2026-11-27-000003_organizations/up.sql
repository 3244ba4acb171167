ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

-- What roles permit, for tokens that do not list it: the latest definition of each.
CREATE TABLE role_definitions (
    key text PRIMARY KEY,
    version bigint NOT NULL,
    permissions text NOT NULL,
    seq bigint NOT NULL,
    expires_at timestamptz
);
CREATE INDEX role_definitions_seq ON role_definitions (seq);
CREATE INDEX role_definitions_expires_at ON role_definitions (expires_at);
