-- What SQL says to the collector.

CREATE FUNCTION vitals.notify_collector() RETURNS void
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_notify_collector';
COMMENT ON FUNCTION vitals.notify_collector() IS
'Tells the collector at commit that the configuration changed; without it a change is noticed within vitals.reload_interval.';

CREATE FUNCTION vitals.collector_running() RETURNS boolean
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_collector_running';
COMMENT ON FUNCTION vitals.collector_running() IS 'Whether a collector serves this database.';

CREATE FUNCTION vitals.require_collector() RETURNS void
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_require_collector';
COMMENT ON FUNCTION vitals.require_collector() IS
'Raises PT503 with the line to add to postgresql.conf where the module was not loaded at the server''s start.';

CREATE FUNCTION vitals.refuse_in_extension_script() RETURNS void
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_refuse_in_extension_script';
COMMENT ON FUNCTION vitals.refuse_in_extension_script() IS
'Raises an error inside CREATE or ALTER EXTENSION: what a tenant owns would become a member of the extension, and dumps would leave it out.';

CREATE FUNCTION vitals.seal_secret(tenant_id uuid, credential_id uuid, host text, secret text) RETURNS bytea
LANGUAGE c VOLATILE STRICT
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_seal_secret';
COMMENT ON FUNCTION vitals.seal_secret(uuid, uuid, text, text) IS
'Encrypts a secret with the cluster''s public key (libsodium sealed box), bound to a tenant, a credential and the host that it may be sent to: opened for any other it is refused. Errors: 22023 longer than 1000 bytes, PT503 no collector has started yet.';

CREATE FUNCTION vitals.collector_figures(
    OUT tenants integer, OUT targets integer, OUT down integer, OUT in_flight integer, OUT due integer, OUT overdue integer,
    OUT lag_p50_ms double precision, OUT lag_p99_ms double precision, OUT polls bigint, OUT polls_failed bigint,
    OUT polls_lost bigint, OUT probes bigint, OUT cycles_passed bigint, OUT cycles_skipped bigint,
    OUT samples_stored bigint, OUT samples_rejected bigint, OUT samples_dropped bigint, OUT last_problem text, OUT last_problem_at timestamptz)
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_collector_figures';
COMMENT ON FUNCTION vitals.collector_figures() IS
'What this database''s collector has done since it started, from shared memory. NULL while none runs, and for who may not see all of the database: that takes its owner or a member of pg_monitor.';

CREATE FUNCTION vitals.collector_failures(OUT error_class text, OUT polls bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_collector_failures';
COMMENT ON FUNCTION vitals.collector_failures() IS
'How many polls ended with an error of each class, since this database''s collector started; no rows while none runs, and for who may not see all of the database.';

CREATE FUNCTION vitals.prober_rows(
    OUT tenant_key integer, OUT pid integer, OUT started_at timestamptz, OUT restarts integer, OUT in_flight integer,
    OUT polls_lost bigint, OUT resident_bytes bigint, OUT last_exit text, OUT last_exit_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_prober_rows';
COMMENT ON FUNCTION vitals.prober_rows() IS 'The probers of this database''s collector, from shared memory.';

CREATE VIEW vitals.probers WITH (security_barrier) AS
SELECT t.name AS tenant, p.pid, p.started_at, p.restarts, p.in_flight, p.polls_lost, p.resident_bytes, p.last_exit,
    p.last_exit_at
FROM vitals.prober_rows() AS p
JOIN vitals.tenant_registry AS t USING (tenant_key)
WHERE pg_catalog.pg_has_role(t.role, 'MEMBER');
COMMENT ON VIEW vitals.probers IS 'The program that polls each of your tenants'' servers.';
COMMENT ON COLUMN vitals.probers.tenant IS 'Name of the tenant.';
COMMENT ON COLUMN vitals.probers.pid IS 'Its process id; NULL while none runs.';
COMMENT ON COLUMN vitals.probers.started_at IS 'When the process, or the last one, started.';
COMMENT ON COLUMN vitals.probers.restarts IS 'How often it was replaced since the collector started.';
COMMENT ON COLUMN vitals.probers.in_flight IS 'Polls and probes that it works on now.';
COMMENT ON COLUMN vitals.probers.polls_lost IS 'Polls that were in flight when a prober ended.';
COMMENT ON COLUMN vitals.probers.resident_bytes IS 'Memory that it has, a few seconds old; NULL while none runs.';
COMMENT ON COLUMN vitals.probers.last_exit IS 'Why the last one ended, for example: killed by signal 11.';
COMMENT ON COLUMN vitals.probers.last_exit_at IS 'When that was.';

CREATE FUNCTION vitals.note_problem(tenant_key integer, problem text) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM vitals.tenant_problems AS p WHERE p.tenant_key = note_problem.tenant_key OR note_problem.tenant_key IS NULL;
    IF problem <> '' THEN
        INSERT INTO vitals.tenant_problems (tenant_key, problem) VALUES (tenant_key, left(problem, 1000));
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.note_problem(integer, text) IS
'Shows a problem of a tenant in vitals.tenants, or none where it is empty. Without a tenant: forgets all. Called by the collector.';
