#!/bin/sh
# May run again after a failure: what is there already is fine, and the role gets the newest password.
set -eu

# SANDBIND_NAME is unique, at most 40 of a-z, 0-9 and hyphens, and the same in create and delete.
export NAME="$SANDBIND_NAME"
PASSWORD=$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 32)
export PASSWORD

# Values reach psql by the environment: arguments are seen by everyone on the machine.
psql -X -q -w -v ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
\getenv password PASSWORD
SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'name', :'password') \gexec
SELECT format('GRANT %I TO CURRENT_USER', :'name') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL

# `printf`, for `echo` would add a line end to the value.
printf 'postgresql://%s:%s@%s:%s/%s' "$NAME" "$PASSWORD" "$PGHOST" "${PGPORT:-5432}" "$NAME" >url
