-- The collector's process: what it is doing, and starting it by hand.

CREATE FUNCTION vitals.start_collector() RETURNS boolean
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_start_collector';
COMMENT ON FUNCTION vitals.start_collector() IS
'Starts this database''s collector at once, without the wait after failures, and returns whether it runs; waits for that at most 5 seconds. It normally starts by itself. Only for superusers and the owner of the database. Errors: PT503 module not loaded at server start, or hot standby.';

CREATE FUNCTION vitals.worker_slots(
    OUT database_oid oid, OUT database text, OUT state text, OUT pid integer, OUT extension_version text,
    OUT started_at timestamptz, OUT restarts bigint, OUT last_error text, OUT last_error_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_worker_slots';
COMMENT ON FUNCTION vitals.worker_slots() IS
'The collectors of the cluster, from shared memory: this database''s, and for members of pg_monitor all. Errors are shown to them and to the owner of the database only. Errors: PT503 module not loaded at server start.';

CREATE VIEW vitals.worker_status AS
SELECT w.pid, w.database, w.state, w.extension_version, w.started_at, w.restarts,
    f.tenants, f.targets, f.down, f.in_flight, f.due, f.overdue,
    f.lag_p50_ms * interval '1 millisecond' AS lag_p50, f.lag_p99_ms * interval '1 millisecond' AS lag_p99,
    f.polls, f.polls_failed, f.polls_lost, f.probes, f.cycles_passed, f.cycles_skipped,
    f.samples_stored, f.samples_rejected, f.samples_dropped,
    coalesce(f.last_problem, w.last_error) AS last_error, coalesce(f.last_problem_at, w.last_error_at) AS last_error_at
FROM vitals.worker_slots() AS w
LEFT JOIN vitals.collector_figures() AS f ON true
WHERE w.database_oid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database());
COMMENT ON VIEW vitals.worker_status IS 'This database''s collector: one row, or none before the first look at the database.';
COMMENT ON COLUMN vitals.worker_status.pid IS 'Its process id; NULL while none runs.';
COMMENT ON COLUMN vitals.worker_status.database IS 'Name of this database.';
COMMENT ON COLUMN vitals.worker_status.state IS
'running; starting; wanted: will be started, at once or after a failure''s back-off; no worker slot: max_worker_processes is used up; version mismatch: ALTER EXTENSION pg_vitals UPDATE is needed; paused: run vitals.enable(): the database was restored or copied, see vitals.installation_status; no extension; retiring.';
COMMENT ON COLUMN vitals.worker_status.extension_version IS 'Version of the extension as the collector last saw it.';
COMMENT ON COLUMN vitals.worker_status.started_at IS 'When the process, or the last one, started.';
COMMENT ON COLUMN vitals.worker_status.restarts IS 'Unexpected ends since the server started.';
COMMENT ON COLUMN vitals.worker_status.tenants IS 'Active tenants. This and the following columns are of all tenants together, count since the process started, and are NULL while none runs, and for everybody but the database''s owner and members of pg_monitor.';
COMMENT ON COLUMN vitals.worker_status.targets IS 'Servers whose collection is on.';
COMMENT ON COLUMN vitals.worker_status.down IS 'Those of them where nobody is there: they are probed, not polled.';
COMMENT ON COLUMN vitals.worker_status.in_flight IS 'Polls and probes that run now; at most vitals.concurrency.';
COMMENT ON COLUMN vitals.worker_status.due IS 'Polls that are due and not started yet.';
COMMENT ON COLUMN vitals.worker_status.overdue IS
'Those of them that have been due for more than a second: vitals.concurrency is too small, or they are of servers that failed last time and wait for their share of it.';
COMMENT ON COLUMN vitals.worker_status.lag_p50 IS 'How late the polls that ended in the last five minutes (at most 4096) had started: the median.';
COMMENT ON COLUMN vitals.worker_status.lag_p99 IS 'The same: 99 of 100 were not later.';
COMMENT ON COLUMN vitals.worker_status.polls IS 'Polls that ended, well or not.';
COMMENT ON COLUMN vitals.worker_status.polls_failed IS 'Polls of which nothing could be read.';
COMMENT ON COLUMN vitals.worker_status.polls_lost IS 'Polls that got lost with their prober; each is repeated once at once.';
COMMENT ON COLUMN vitals.worker_status.probes IS 'How often servers that are down were asked whether they are back.';
COMMENT ON COLUMN vitals.worker_status.cycles_passed IS
'Cycles of servers that are down: each leaves a row with status offline, without a connection being tried.';
COMMENT ON COLUMN vitals.worker_status.cycles_skipped IS
'Cycles that came and went before anything could be done for them, since the poll before waited for a place or took too long: at most the ten newest per poll leave a row, with the status before and nothing else.';
COMMENT ON COLUMN vitals.worker_status.samples_stored IS 'Rows written to server_snapshots.';
COMMENT ON COLUMN vitals.worker_status.samples_rejected IS 'Polls that a tenant''s tables refused.';
COMMENT ON COLUMN vitals.worker_status.samples_dropped IS 'Polls given up because a tenant''s schema took none for too long, or could not take this one, or because the collector had to end.';
COMMENT ON COLUMN vitals.worker_status.last_error IS
'The last problem of the running collector (a tenant''s schema, a rejected sample), else what ended the one before unexpectedly.';
COMMENT ON COLUMN vitals.worker_status.last_error_at IS 'When that happened.';

CREATE VIEW vitals.worker_failures AS
SELECT f.error_class, f.polls FROM vitals.collector_failures() AS f;
COMMENT ON VIEW vitals.worker_failures IS
'How many polls of all tenants ended with an error of each class since the collector started. No rows while none runs, and for everybody but the database''s owner and members of pg_monitor.';
COMMENT ON COLUMN vitals.worker_failures.error_class IS 'The class: docs/operations.md says what each means.';
COMMENT ON COLUMN vitals.worker_failures.polls IS 'How many polls; those that read a part count as well.';

-- Not kept: only CREATE EXTENSION has anybody to warn.
CREATE FUNCTION vitals.warn_unless_preloaded() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vitals_warn_unless_preloaded';
SELECT vitals.warn_unless_preloaded();
DROP FUNCTION vitals.warn_unless_preloaded();
