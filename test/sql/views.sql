-- The views, as a tenant's user sees them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.start_collector();
SELECT vitals.create_tenant('views');
CREATE ROLE regress_views_user IN ROLE tenant_views;
SET SESSION AUTHORIZATION regress_views_user;

SELECT c.relname AS view, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'vitals'::regnamespace AND c.relkind = 'v' GROUP BY c.relname ORDER BY c.relname;

-- ---- nothing yet
SELECT * FROM vitals.latest_metrics;
SELECT * FROM vitals.collection_status;
SELECT * FROM vitals.probers;
SELECT t.name, t.schema_name, t.role, t.status, t.created_at <= clock_timestamp() AS created FROM vitals.tenants AS t;

-- ---- what can be asked of the catalogue
SELECT c.name, c.default_port, c.needs_host, c.needs_superuser FROM vitals.connectors AS c ORDER BY c.name;
-- Those that dashboards ask for most; the groups of the others are in metric_groups.sql.
SELECT m.name, m.unit, m.kind, m.scale, m.connectors, m.metric_group FROM vitals.metric_catalogue AS m
WHERE m.name IN ('batch_requests_sec', 'blocked_processes', 'connection_count', 'cpu_percent', 'disk_io_reads', 'disk_io_writes',
                 'memory_percent', 'page_life_expectancy', 'wait_time_ms', 'uptime_seconds')
ORDER BY m.name COLLATE "C";
-- A tenant's types start as a copy of it.
SELECT name, unit, kind, scale, description FROM vitals.metric_catalogue
EXCEPT SELECT name, unit, kind, scale, description FROM tenant_views.metric_types;

-- ---- the states of a server
SELECT vitals.add_server('stopped', host => 'a') IS NOT NULL AS added;
SELECT vitals.add_server('other', host => 'b') IS NOT NULL AS added;
SELECT c.server, c.connector, c.enabled, c.interval_seconds, c.status, c.state, c.next_due_at, c.next_probe_at, c.lag, c.last_collected_at, c.duration,
    c.consecutive_failures, c.error_class, c.last_error, c.last_error_at, c.facts
FROM vitals.collection_status AS c WHERE c.server = 'stopped';
-- In one transaction, so that the collector sees nothing of it.
BEGIN;
SELECT count(*) FROM vitals.collection_start('other');
SELECT c.server, c.enabled, c.status, c.state FROM vitals.collection_status AS c;
CREATE FUNCTION pg_temp.polled(due timestamptz) RETURNS void LANGUAGE sql AS
$$
    SELECT vitals.store_polls('tenant_views', jsonb_build_object(
        'sets', '[[["cpu_percent", ""], ["batch_requests_sec", ""], ["disk_percent", "D:\\"], ["disk_percent", "C:\\"]]]'::jsonb,
        'polls', jsonb_build_array(jsonb_build_object(
            'server_id', s.id, 'collected_at', due - interval '1 min', 'started_at', due - interval '1 min', 'next_due_at', due, 'next_probe_at', due - interval '5 s',
            'status', 'degraded', 'collected', true, 'consecutive_failures', 0, 'lag_ms', 1500, 'duration_ms', 250,
            'error', '{"class": "permission", "number": 297, "message": "no"}'::jsonb, 'set', 0, 'vals', '{1.5,NULL,12,11}'))))
    FROM tenant_views.servers AS s WHERE s.name = 'other'
$$;
SELECT pg_temp.polled(now() + interval '1 min');
SELECT c.server, c.enabled, c.status, c.state, c.next_due_at - now() AS due, c.next_probe_at - now() AS probe, c.lag, c.duration, c.last_collected_at = now() AS just_now, c.error_class
FROM vitals.collection_status AS c;
SELECT pg_temp.polled(now() - interval '1 min');
SELECT c.server, c.status, c.state FROM vitals.collection_status AS c;
SELECT c.enabled FROM vitals.collection_stop('other') AS c;
SELECT c.server, c.status, c.state, c.next_due_at, c.next_probe_at FROM vitals.collection_status AS c;
SELECT l.server, l.metric, l.instance, l.value, l.unit FROM vitals.latest_metrics AS l;
ROLLBACK;
-- Without a row of its configuration it is not collected.
DELETE FROM tenant_views.collection_config WHERE server_id = vitals.find_server('other');
SELECT c.server, c.enabled, c.state FROM vitals.collection_status AS c;

-- ---- the collector: a tenant sees that it runs, the owner of the database what it does
SELECT w.pid IS NOT NULL AS pid, w.database, w.state, w.extension_version = vitals.version() AS version, w.started_at <= clock_timestamp() AS started,
    w.restarts, w.tenants, w.targets, w.in_flight, w.polls, w.samples_stored, w.last_error, w.last_error_at
FROM vitals.worker_status AS w;
SELECT vitals.collector_figures();
SELECT vitals.collector_running();
SELECT vitals.start_collector();
RESET SESSION AUTHORIZATION;
CREATE ROLE regress_views_monitor IN ROLE tenant_views, pg_monitor;
SET SESSION AUTHORIZATION regress_views_monitor;
SELECT w.pid IS NOT NULL AS pid, w.state, w.tenants IS NOT NULL AS tenants, w.targets, w.in_flight, w.overdue, w.polls_lost, w.samples_rejected, w.samples_dropped
FROM vitals.worker_status AS w;
RESET SESSION AUTHORIZATION;

-- ---- nobody writes through a view
SET SESSION AUTHORIZATION regress_views_user;
UPDATE vitals.tenants SET status = 'suspended';
DELETE FROM vitals.tenants;
INSERT INTO vitals.connectors (name, description, needs_host, needs_superuser, options) VALUES ('evil', '', false, false, '{}');
UPDATE vitals.connectors SET needs_superuser = false;
UPDATE vitals.metric_catalogue SET scale = 0;
UPDATE vitals.latest_metrics SET value = 0;
RESET SESSION AUTHORIZATION;
