#!/usr/bin/env bash
# What is sent to SQL Servers, or installed there, keeps to rules that no test against the simulator can prove: syntax that
# SQL Server 2012 has, nothing that waits for locks or changes anything.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

groups=sql/mssql_groups.json

newer_than_2012() {
    grep -nEi 'CREATE OR ALTER|DROP [A-Z]+ IF EXISTS|STRING_AGG|STRING_SPLIT|CONCAT_WS|[^LR]TRIM\(|OPENJSON|GREATEST\(|IIF\(' $groups docs/mssql/*.sql
}

# Metadata functions wait for locks that restores hold. DB_NAME() of the own database, in Azure SQL Database, does not.
waits_for_locks() { grep -nE '(OBJECT_NAME|OBJECT_ID|DB_NAME|FILE_NAME|SCHEMA_NAME)\([^)]' $groups; }

changes_something() { grep -nEi '"[^"]*\b(INSERT|UPDATE|DELETE|MERGE|INTO|EXEC|CREATE|ALTER|DROP|SET)\b [^"]*",?$' $groups | grep -v '"name": '; }

tap_check 'T-SQL is of SQL Server 2012' newer_than_2012
tap_check 'no metadata function of other databases' waits_for_locks
tap_check 'statements of groups only read' changes_something
tap_done
