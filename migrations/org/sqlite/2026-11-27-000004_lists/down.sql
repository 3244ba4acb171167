DROP TABLE profiles;
DROP TABLE idempotency_keys;
DROP TABLE tallies;
DROP TABLE secrets;
DROP INDEX memberships_role_created_at;
DROP INDEX memberships_role;
CREATE INDEX memberships_role ON memberships (org_id, role);
DROP INDEX organizations_live_name_key;
DROP INDEX organizations_live_name;
