DROP INDEX audit_at;
DROP INDEX audit_target;
DROP INDEX audit_action;
DROP INDEX audit_actor;
DROP TABLE audit_seals;
DROP INDEX organizations_unsealed;
ALTER TABLE organizations DROP COLUMN audit_sealed_seq;
