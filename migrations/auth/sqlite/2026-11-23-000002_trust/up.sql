ALTER TABLE sessions ADD COLUMN last_used_at TEXT;
ALTER TABLE keys ADD COLUMN signs_from TEXT;

-- One row: the revocation feed's place, and the version of the key set.
CREATE TABLE feed_head (
    id INTEGER PRIMARY KEY NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    keys_version INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
    seq INTEGER PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    bound INTEGER,
    expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX feed_expires_at ON feed (expires_at);

-- How long the tokens of running services live, and until when such tokens may have been issued.
CREATE TABLE token_lives (
    seconds INTEGER PRIMARY KEY NOT NULL,
    issued_until TEXT NOT NULL
) STRICT;
