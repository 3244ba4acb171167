-- Every order of a list has an index that ends with what breaks its ties, so that any page of it is found
-- where the one before ended.
CREATE INDEX organizations_live_name ON organizations (name, id) WHERE deleted_at IS NULL;
CREATE INDEX organizations_live_name_key ON organizations (name_key, id) WHERE deleted_at IS NULL;
DROP INDEX memberships_role;
CREATE INDEX memberships_role ON memberships (org_id, role, user_id);
CREATE INDEX memberships_role_created_at ON memberships (org_id, role, created_at, user_id);

-- Made once, and the same for every replica.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- The sizes of lists that are too long to be counted for every page.
CREATE TABLE tallies (
    list TEXT PRIMARY KEY NOT NULL,
    size INTEGER NOT NULL,
    counted_at TEXT NOT NULL
) STRICT;

-- What creations under an Idempotency-Key have been answered.
CREATE TABLE idempotency_keys (
    user_id TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, path, key)
) STRICT;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Copies of what the auth service tells of members. An empty username: nothing (yet).
CREATE TABLE profiles (
    user_id TEXT PRIMARY KEY NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    email TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    fetched_at TEXT NOT NULL
) STRICT;
CREATE INDEX profiles_username_key ON profiles (username_key, user_id);
CREATE INDEX profiles_fetched_at ON profiles (fetched_at);
INSERT INTO profiles (user_id, username, username_key, email, first_name, last_name, is_active, fetched_at)
    SELECT DISTINCT user_id, '', '', '', '', '', 0, '1970-01-01T00:00:00.000000Z' FROM memberships;
