-- Of one address an organization has at most one pending invitation; email_key is the address as it is
-- compared.
CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    email text COLLATE "C" NOT NULL,
    email_key text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    invited_by text COLLATE "C" NOT NULL,
    accepted_by text COLLATE "C",
    created_at timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX invitations_pending ON invitations (org_id, email_key) WHERE status = 'pending';
CREATE INDEX invitations_org_id ON invitations (org_id, id);
CREATE INDEX invitations_address ON invitations (org_id, email_key);
CREATE INDEX invitations_email_key ON invitations (email_key, id);

-- What a mail carries is stored as its digest alone.
CREATE TABLE invitation_handles (
    hash bytea PRIMARY KEY,
    invitation_id uuid NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX invitation_handles_invitation_id ON invitation_handles (invitation_id);

-- next_attempt_at is null once nothing is left to do.
CREATE TABLE mails (
    invitation_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    attempts bigint NOT NULL,
    next_attempt_at timestamptz,
    sent_at timestamptz,
    failed_at timestamptz,
    last_error text COLLATE "C"
);
CREATE INDEX mails_next_attempt_at ON mails (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
