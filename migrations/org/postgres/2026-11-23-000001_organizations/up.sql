-- Texts sort by code point, as SQLite sorts them, whatever the database's own collation.
CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    description_key text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    website text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    is_active boolean NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX organizations_name ON organizations (name);
CREATE INDEX organizations_name_key ON organizations (name_key);
CREATE INDEX organizations_email ON organizations (email);
CREATE INDEX organizations_created_by ON organizations (created_by, id);
CREATE INDEX organizations_created_at ON organizations (created_at, id);
CREATE INDEX organizations_updated_at ON organizations (updated_at, id);
