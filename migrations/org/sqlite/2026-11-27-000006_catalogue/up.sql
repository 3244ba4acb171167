-- One row: the permissions that were registered when validators were last told what roles permit.
CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    permissions TEXT NOT NULL,
    announced_at TEXT NOT NULL
) STRICT;
