-- The previous release goes on writing organizations while this one starts: what it does not know may be
-- absent or has a default. Its rows keep membership_version 0 until they are given their owner.
ALTER TABLE organizations ADD COLUMN slug text COLLATE "C";
ALTER TABLE organizations ADD COLUMN membership_version bigint NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_hash bytea;
ALTER TABLE organizations ADD COLUMN deleted_at timestamptz;
-- The name of a deleted organization is free at once, as in the original; its slug when it is purged.
DROP INDEX organizations_name;
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);
CREATE INDEX organizations_unowned ON organizations (id) WHERE membership_version = 0;
CREATE INDEX organizations_deleted_at ON organizations (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE memberships (
    org_id uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user_id ON memberships (user_id, org_id);
CREATE INDEX memberships_role ON memberships (org_id, role);
CREATE INDEX memberships_created_at ON memberships (org_id, created_at, user_id);

INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)
    SELECT id, created_by, 'owner', created_at, created_at FROM organizations;
UPDATE organizations SET membership_version = 1;

CREATE TABLE roles (
    org_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    permissions text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, name)
);

CREATE TABLE audit (
    org_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    as_superuser boolean NOT NULL,
    action text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    before text COLLATE "C",
    after text COLLATE "C",
    request_id text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (org_id, seq)
);

CREATE TABLE announcements (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    min_version bigint NOT NULL,
    permissions text COLLATE "C",
    created_at timestamptz NOT NULL
);
