-- Every order of a list has an index that ends with what breaks its ties, so that any page of it is found
-- where the one before ended.
CREATE INDEX organizations_live_name ON organizations (name, id) WHERE deleted_at IS NULL;
CREATE INDEX organizations_live_name_key ON organizations (name_key, id) WHERE deleted_at IS NULL;
DROP INDEX memberships_role;
CREATE INDEX memberships_role ON memberships (org_id, role, user_id);
CREATE INDEX memberships_role_created_at ON memberships (org_id, role, created_at, user_id);

-- Made once, and the same for every replica.
CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- The sizes of lists that are too long to be counted for every page.
CREATE TABLE tallies (
    list text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    counted_at timestamptz NOT NULL
);

-- What creations under an Idempotency-Key have been answered.
CREATE TABLE idempotency_keys (
    user_id text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    status bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, path, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Copies of what the auth service tells of members. An empty username: nothing (yet).
CREATE TABLE profiles (
    user_id text COLLATE "C" PRIMARY KEY,
    username text COLLATE "C" NOT NULL,
    username_key text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    first_name text COLLATE "C" NOT NULL,
    last_name text COLLATE "C" NOT NULL,
    is_active boolean NOT NULL,
    fetched_at timestamptz NOT NULL
);
CREATE INDEX profiles_username_key ON profiles (username_key, user_id);
CREATE INDEX profiles_fetched_at ON profiles (fetched_at);
INSERT INTO profiles (user_id, username, username_key, email, first_name, last_name, is_active, fetched_at)
    SELECT DISTINCT user_id, '', '', '', '', '', false, timestamptz '1970-01-01T00:00:00Z' FROM memberships;
