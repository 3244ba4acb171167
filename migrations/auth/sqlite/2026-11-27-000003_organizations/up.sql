ALTER TABLE users ADD COLUMN email_verified_at TEXT;

-- What roles permit, for tokens that do not list it: the latest definition of each.
CREATE TABLE role_definitions (
    key TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    permissions TEXT NOT NULL,
    seq INTEGER NOT NULL,
    expires_at TEXT
) STRICT;
CREATE INDEX role_definitions_seq ON role_definitions (seq);
CREATE INDEX role_definitions_expires_at ON role_definitions (expires_at);
