-- One row: the permissions that were registered when validators were last told what roles permit.
CREATE TABLE catalogue (
    id bigint PRIMARY KEY CHECK (id = 1),
    permissions text COLLATE "C" NOT NULL,
    announced_at timestamptz NOT NULL
);
