ALTER TABLE organizations ADD COLUMN audit_sealed_seq INTEGER NOT NULL DEFAULT 0;
-- Those with records that no seal covers yet.
CREATE INDEX organizations_unsealed ON organizations (id) WHERE audit_sealed_seq < audit_seq;

CREATE TABLE audit_seals (
    org_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed_at TEXT NOT NULL,
    key_id TEXT NOT NULL,
    seal BLOB NOT NULL,
    PRIMARY KEY (org_id, number)
) STRICT;
CREATE INDEX audit_seals_last_seq ON audit_seals (org_id, last_seq, number);

-- Each filter finds its records from the newest on.
CREATE INDEX audit_actor ON audit (org_id, actor, seq);
CREATE INDEX audit_action ON audit (org_id, action, seq);
CREATE INDEX audit_target ON audit (org_id, target, seq);
CREATE INDEX audit_at ON audit (org_id, at, seq);
