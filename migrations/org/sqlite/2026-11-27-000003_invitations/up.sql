-- Of one address an organization has at most one pending invitation; email_key is the address as it is
-- compared.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY NOT NULL,
    org_id TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    accepted_by TEXT,
    created_at TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    closed_at TEXT
) STRICT;
CREATE UNIQUE INDEX invitations_pending ON invitations (org_id, email_key) WHERE status = 'pending';
CREATE INDEX invitations_org_id ON invitations (org_id, id);
CREATE INDEX invitations_address ON invitations (org_id, email_key);
CREATE INDEX invitations_email_key ON invitations (email_key, id);

-- What a mail carries is stored as its digest alone.
CREATE TABLE invitation_handles (
    hash BLOB PRIMARY KEY NOT NULL,
    invitation_id TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX invitation_handles_invitation_id ON invitation_handles (invitation_id);

-- next_attempt_at is null once nothing is left to do.
CREATE TABLE mails (
    invitation_id TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT,
    sent_at TEXT,
    failed_at TEXT,
    last_error TEXT
) STRICT;
CREATE INDEX mails_next_attempt_at ON mails (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
