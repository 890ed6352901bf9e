#!/bin/sh
# Runs until it succeeds, also after a create that failed half-way: what is gone already is fine.
set -eu

export NAME="$SANDBIND_NAME"
psql -X -q -w -v ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'name') \gexec
SQL
