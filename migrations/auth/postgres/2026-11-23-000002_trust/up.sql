ALTER TABLE sessions ADD COLUMN last_used_at timestamptz;
ALTER TABLE keys ADD COLUMN signs_from timestamptz;

-- One row: the revocation feed's place, and the version of the key set.
CREATE TABLE feed_head (
    id bigint PRIMARY KEY,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    keys_version bigint NOT NULL
);

CREATE TABLE feed (
    seq bigint PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    bound bigint,
    expires_at timestamptz NOT NULL
);
CREATE INDEX feed_expires_at ON feed (expires_at);

-- How long the tokens of running services live, and until when such tokens may have been issued.
CREATE TABLE token_lives (
    seconds bigint PRIMARY KEY,
    issued_until timestamptz NOT NULL
);
