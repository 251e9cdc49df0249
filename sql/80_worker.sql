-- The collector's process: what it is doing, and starting it by hand.

CREATE FUNCTION vitals.start_collector() RETURNS boolean
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_start_collector';
COMMENT ON FUNCTION vitals.start_collector() IS
'Starts this database''s collector at once, without the wait after failures, and returns whether it runs; waits for that at most 5 seconds. It normally starts by itself. Only for superusers and the owner of the database. Errors: PT503 module not loaded at server start, or hot standby.';

CREATE FUNCTION vitals.worker_slots(
    OUT database_oid oid, OUT database name, OUT state text, OUT pid integer, OUT extension_version text,
    OUT started_at timestamptz, OUT restarts bigint, OUT last_error text, OUT last_error_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_worker_slots';
COMMENT ON FUNCTION vitals.worker_slots() IS
'The collectors of the cluster, from shared memory: this database''s, and all for members of pg_monitor. Errors: PT503 module not loaded at server start.';

CREATE VIEW vitals.worker_status AS
SELECT w.pid, w.database, w.state, w.extension_version, w.started_at, w.restarts, w.last_error, w.last_error_at
FROM vitals.worker_slots() AS w
WHERE w.database_oid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database());
COMMENT ON VIEW vitals.worker_status IS 'This database''s collector: one row, or none before the first look at the database.';
COMMENT ON COLUMN vitals.worker_status.pid IS 'Its process id; NULL while none runs.';
COMMENT ON COLUMN vitals.worker_status.state IS
'running; starting; wanted: will be started, at once or after a failure''s back-off; no worker slot: max_worker_processes is used up; version mismatch: ALTER EXTENSION pg_vitals UPDATE is needed; no extension; retiring.';
COMMENT ON COLUMN vitals.worker_status.extension_version IS 'Version of the extension as the collector last saw it.';
COMMENT ON COLUMN vitals.worker_status.started_at IS 'When the process, or the last one, started.';
COMMENT ON COLUMN vitals.worker_status.restarts IS 'Unexpected ends since the server started.';
COMMENT ON COLUMN vitals.worker_status.last_error IS 'What ended the collector the last time it ended unexpectedly.';

-- Not kept: only CREATE EXTENSION has anybody to warn.
CREATE FUNCTION vitals.warn_unless_preloaded() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vitals_warn_unless_preloaded';
SELECT vitals.warn_unless_preloaded();
DROP FUNCTION vitals.warn_unless_preloaded();
