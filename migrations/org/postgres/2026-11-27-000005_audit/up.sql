ALTER TABLE organizations ADD COLUMN audit_sealed_seq bigint NOT NULL DEFAULT 0;
-- Those with records that no seal covers yet.
CREATE INDEX organizations_unsealed ON organizations (id) WHERE audit_sealed_seq < audit_seq;

CREATE TABLE audit_seals (
    org_id uuid NOT NULL,
    number bigint NOT NULL,
    last_seq bigint NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (org_id, number)
);
CREATE INDEX audit_seals_last_seq ON audit_seals (org_id, last_seq, number);

-- Each filter finds its records from the newest on.
CREATE INDEX audit_actor ON audit (org_id, actor, seq);
CREATE INDEX audit_action ON audit (org_id, action, seq);
CREATE INDEX audit_target ON audit (org_id, target, seq);
CREATE INDEX audit_at ON audit (org_id, at, seq);
