-- The previous release goes on writing organizations while this one starts: what it does not know may be
-- absent or has a default. Its rows keep membership_version 0 until they are given their owner.
ALTER TABLE organizations ADD COLUMN slug TEXT;
ALTER TABLE organizations ADD COLUMN membership_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN audit_hash BLOB;
ALTER TABLE organizations ADD COLUMN deleted_at TEXT;
-- The name of a deleted organization is free at once, as in the original; its slug when it is purged.
DROP INDEX organizations_name;
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);
CREATE INDEX organizations_unowned ON organizations (id) WHERE membership_version = 0;
CREATE INDEX organizations_deleted_at ON organizations (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE memberships (
    org_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (org_id, user_id)
) STRICT;
CREATE INDEX memberships_user_id ON memberships (user_id, org_id);
CREATE INDEX memberships_role ON memberships (org_id, role);
CREATE INDEX memberships_created_at ON memberships (org_id, created_at, user_id);

INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)
    SELECT id, created_by, 'owner', created_at, created_at FROM organizations;
UPDATE organizations SET membership_version = 1;

CREATE TABLE roles (
    org_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT;

CREATE TABLE audit (
    org_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    as_superuser INTEGER NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before TEXT,
    after TEXT,
    request_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (org_id, seq)
) STRICT;

CREATE TABLE announcements (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    min_version INTEGER NOT NULL,
    permissions TEXT,
    created_at TEXT NOT NULL
) STRICT;
