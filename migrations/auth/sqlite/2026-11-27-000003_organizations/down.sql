DROP TABLE role_definitions;
ALTER TABLE users DROP COLUMN email_verified_at;
