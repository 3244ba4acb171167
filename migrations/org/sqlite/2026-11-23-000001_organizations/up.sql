CREATE TABLE organizations (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    description_key TEXT NOT NULL,
    address TEXT NOT NULL,
    website TEXT NOT NULL,
    email TEXT,
    is_active INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organizations_name ON organizations (name);
CREATE INDEX organizations_name_key ON organizations (name_key);
CREATE INDEX organizations_email ON organizations (email);
CREATE INDEX organizations_created_by ON organizations (created_by, id);
CREATE INDEX organizations_created_at ON organizations (created_at, id);
CREATE INDEX organizations_updated_at ON organizations (updated_at, id);
