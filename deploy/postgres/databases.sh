#!/usr/bin/env bash
# Two databases with an owner each, who cannot as much as connect to the other. PostgreSQL's image runs
# this once, when the volume is empty. psql quotes the passwords itself.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv auth_password AUTH_DATABASE_PASSWORD
\getenv org_password ORG_DATABASE_PASSWORD
CREATE ROLE auth LOGIN PASSWORD :'auth_password';
CREATE ROLE org LOGIN PASSWORD :'org_password';
CREATE DATABASE auth OWNER auth;
CREATE DATABASE org OWNER org;
REVOKE ALL ON DATABASE auth, org, postgres, template1 FROM PUBLIC;
-- The superuser comes in through the container alone, whatever its password was.
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
