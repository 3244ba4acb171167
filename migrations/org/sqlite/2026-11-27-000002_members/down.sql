DROP TABLE announcements;
DROP TABLE audit;
DROP TABLE roles;
DROP TABLE memberships;
DROP INDEX organizations_deleted_at;
DROP INDEX organizations_unowned;
DROP INDEX organizations_slug;
-- What was deleted is gone for the release before.
DELETE FROM organizations WHERE deleted_at IS NOT NULL;
DROP INDEX organizations_name;
CREATE UNIQUE INDEX organizations_name ON organizations (name);
ALTER TABLE organizations DROP COLUMN deleted_at;
ALTER TABLE organizations DROP COLUMN audit_hash;
ALTER TABLE organizations DROP COLUMN audit_seq;
ALTER TABLE organizations DROP COLUMN membership_version;
ALTER TABLE organizations DROP COLUMN slug;
