-- Reading history: the relations of a tenant and the functions over them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TIME ZONE 'UTC';
SET datestyle TO 'ISO';
SELECT vitals.create_tenant('reading', retention_days => 3650);
SET SESSION AUTHORIZATION tenant_reading;
SELECT count(*) AS added FROM unnest('{sql01, sql02, sql03}'::text[]) AS n, vitals.add_server(n, host => n);

-- The columns that users see.
SELECT c.relname AS relation, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'tenant_reading'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
GROUP BY c.relname ORDER BY c.relname;
SELECT pg_get_indexdef('tenant_reading.ix_server_snapshots_server_time'::regclass);

-- Ten minutes of two servers; the second is silent for a while and then not known.
SELECT p.stored, p.rejected FROM vitals.store_polls('tenant_reading', (
    SELECT jsonb_build_object('sets', '[[["cpu_percent", ""], ["disk_percent", "/"], ["disk_percent", "/home"]]]'::jsonb, 'polls', jsonb_agg(jsonb_build_object(
        'server_id', s.id, 'collected_at', '2026-03-01 12:00:00+00'::timestamptz + n * interval '1 min', 'started_at', now(), 'next_due_at', now(),
        'status', 'online', 'collected', true, 'consecutive_failures', 0, 'lag_ms', 0, 'duration_ms', 1, 'interval_ms', 60000,
        'set', 0, 'vals', format('{%s,%s,7}', CASE WHEN n = 9 THEN 'NULL' ELSE (n + 0.125)::text END, n * 2)) ORDER BY n, s.name))
    FROM tenant_reading.servers AS s, generate_series(0, 9) AS n
    WHERE s.name = 'sql01' OR s.name = 'sql02' AND n NOT BETWEEN 2 AND 5)) AS p;

-- ---- metrics: a row per value; what was not known is none
CREATE FUNCTION pg_temp.id_of(server text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT vitals.find_server(server) $$;
CREATE FUNCTION pg_temp.type_of(metric text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT t.id FROM tenant_reading.metric_types AS t WHERE t.name = metric $$;
SELECT count(*) AS values, count(DISTINCT id) AS ids, count(DISTINCT server_id) AS servers, min(pg_typeof(value)::text) AS type FROM tenant_reading.metrics;
SELECT m.value, m.collected_at, m.instance FROM tenant_reading.metrics AS m
WHERE m.server_id = pg_temp.id_of('sql02') AND m.metric_type_id = pg_temp.type_of('cpu_percent') ORDER BY m.collected_at;
-- An id stays.
SELECT count(*) AS the_same FROM tenant_reading.metrics AS a JOIN tenant_reading.metrics AS b USING (id, server_id, metric_type_id, instance, collected_at, value);
SELECT collected_at, metrics FROM tenant_reading.metric_snapshots WHERE server_id = pg_temp.id_of('sql01') AND collected_at >= '2026-03-01 12:08:00+00' ORDER BY 1;

-- A metric that is renamed is called so in the past, too; what is in a name stays one.
UPDATE tenant_reading.metric_types SET name = 'disk_usage' WHERE name = 'disk_percent';
SELECT metrics FROM tenant_reading.metric_snapshots WHERE server_id = pg_temp.id_of('sql01') AND collected_at = '2026-03-01 12:09:00+00';
UPDATE tenant_reading.metric_types SET name = 'disk_percent' WHERE name = 'disk_usage';
BEGIN;
SELECT p.stored, p.rejected FROM vitals.store_polls('tenant_reading', (
    SELECT jsonb_build_object('sets', '[[["cpu_percent", "C:\\\"x\": {"], ["cpu_percent", ""], ["load1", ""]]]'::jsonb, 'polls', jsonb_build_array(jsonb_build_object(
        'server_id', s.id, 'collected_at', '2026-03-05'::timestamptz, 'started_at', now(), 'next_due_at', now(), 'status', 'online',
        'collected', true, 'consecutive_failures', 0, 'lag_ms', 0, 'duration_ms', 1, 'set', 0, 'vals', '{1,2,1e17}')))
    FROM tenant_reading.servers AS s WHERE s.name = 'sql01')) AS p;
SELECT metrics, (metrics ->> 'load1')::numeric AS load1 FROM tenant_reading.metric_snapshots WHERE collected_at = '2026-03-05';
ROLLBACK;

-- ---- filters reach the partitions and the index
SELECT vitals.ensure_partition('tenant_reading', '2026-02-01'), vitals.ensure_partition('tenant_reading', '2026-04-01');
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.plan(query text, options text DEFAULT 'COSTS OFF') RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        IF line ~ 'server_snapshots|Index Cond: .*collected_at|Subplans' THEN
            -- The third is how a parameter of the plan looks, which differs between versions.
            RETURN NEXT regexp_replace(regexp_replace(trim(line), '''[0-9a-f-]{36}''', '''…''', 'g'), '\$\d+|\(InitPlan \d+\)\.col\d+', '?', 'g');
        END IF;
    END LOOP;
END
$$;
SELECT format($$SELECT collected_at, value FROM tenant_reading.metrics WHERE server_id = '%s' AND metric_type_id = '%s'
    AND collected_at >= '2026-03-01 12:00:00+00' AND collected_at < '2026-03-01 13:00:00+00'$$, pg_temp.id_of('sql01'), pg_temp.type_of('cpu_percent')) AS query \gset
SELECT pg_temp.plan(:'query');
SELECT count(*) FROM (:query) AS q;
SELECT format($$SELECT id, metrics FROM tenant_reading.metric_snapshots WHERE server_id = '%s' AND collected_at BETWEEN '2026-03-01 12:00:00+00' AND '2026-03-01 13:00:00+00'$$, pg_temp.id_of('sql01')) AS query \gset
SELECT pg_temp.plan(:'query');
-- Also times that are known only when the query runs, and what retention hides.
SELECT bool_or(p ~ 'Subplans Removed') AS pruned, bool_or(p ~ 'p20260301') AS past_read
FROM pg_temp.plan('SELECT value FROM tenant_reading.metrics WHERE collected_at >= now() - interval ''1 day''') AS p;
-- Not committed: the collector would drop the partition.
BEGIN;
UPDATE tenant_reading.settings SET retention_days = 7;
SELECT bool_or(p ~ 'p20260301.*never executed') AS pruned, bool_or(p ~ 'p20260301' AND p !~ 'never executed') AS past_read
FROM pg_temp.plan('SELECT value FROM tenant_reading.metrics', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF') AS p;
ROLLBACK;
RESET enable_seqscan;

-- ---- metric_range
SELECT * FROM vitals.metric_range('sql01', 'cpu_percent', '2026-03-01 12:07:00+00', '2026-03-01 12:10:00+00');
SELECT * FROM vitals.metric_range('sql02', 'disk_percent', '2026-03-01 12:08:00+00', '2026-03-01 12:09:00+00');
SELECT * FROM vitals.metric_range(pg_temp.id_of('sql01')::text, 'cpu_percent', '2026-03-01 12:07:00+00', '2026-03-01 12:08:00+00');
SELECT count(*) FROM vitals.metric_range('sql03', 'cpu_percent', '2026-01-01');
SELECT * FROM vitals.metric_range('nobody', 'cpu_percent', '2026-01-01');
SELECT * FROM vitals.metric_range('sql01', 'nothing', '2026-01-01');
SELECT * FROM vitals.metric_range('sql01', NULL, '2026-01-01');
SELECT * FROM vitals.metric_range(NULL, 'cpu_percent', '2026-01-01');
SELECT * FROM vitals.metric_range('sql01', 'cpu_percent', NULL, '2026-01-01');
SELECT * FROM vitals.metric_range('sql01', 'cpu_percent', '2026-01-02', '2026-01-01');
SELECT * FROM vitals.metric_range('sql01', 'cpu_percent', '-infinity', 'infinity');

-- ---- metric_buckets: a gap is NULL, never 0
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01 12:00:00+00', '2026-03-01 12:10:00+00', '2 min');
SELECT * FROM vitals.metric_buckets('disk_percent', '2026-03-01 12:00:00+00', '2026-03-01 12:09:00+00', '5 min', only_server => 'sql02');
SELECT count(*) FROM vitals.metric_buckets('load1', '2026-03-01 12:00:00+00', '2026-03-01 12:10:00+00', '2 min');
-- Days are 24 hours, whatever the session's clock does meanwhile.
SET TIME ZONE 'America/New_York';
SELECT b.bucket AT TIME ZONE 'UTC' AS bucket, b.count FROM vitals.metric_buckets('cpu_percent', '2026-03-01 00:00:00+00', '2026-03-10 00:00:00+00', '3 days', 'sql01') AS b;
SET TIME ZONE 'UTC';
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '0');
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '-1 hour');
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '1 month');
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '1 second');
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', NULL);
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-02', '2026-03-01', '1 hour');
SELECT * FROM vitals.metric_buckets('nothing', '2026-03-01', '2026-03-02', '1 hour');
SELECT * FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '1 hour', 'nobody');

-- ---- fleet_status: a row per server, without history
SELECT f.server, f.host, f.status, f.cpu_percent, f.memory_percent, f.connection_count, f.collected_at, f.last_seen_at FROM vitals.fleet_status AS f;

-- ---- inserting: rounded, stored, the newest updated
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value, collected_at)
SELECT pg_temp.id_of('sql03'), pg_temp.type_of(m), 12.3456, '2026-03-02 00:00:00.1234+00' FROM unnest('{cpu_percent, connection_count}'::text[]) AS m
RETURNING value, collected_at, instance;
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value, collected_at, instance)
VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('disk_percent'), 5, '2025-01-01', '/'), (pg_temp.id_of('sql01'), pg_temp.type_of('cpu_percent'), 99, '2025-01-02', '');
WITH inserted AS (
    INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('disk_percent'), 6)
    RETURNING id, collected_at
) SELECT collected_at = date_trunc('milliseconds', now()) AS now FROM inserted;
SELECT l.server, l.metric, l.instance, l.value, CASE WHEN l.collected_at = date_trunc('milliseconds', l.collected_at) AND l.collected_at > now() - interval '1 hour' THEN 'now' ELSE l.collected_at::text END AS collected_at FROM vitals.latest_metrics AS l;
SELECT f.server, f.status, f.cpu_percent, f.connection_count FROM vitals.fleet_status AS f;
SELECT s.cpu_percent, s.connection_count, s.status, s.collected_at FROM tenant_reading.server_snapshots AS s WHERE s.server_id = pg_temp.id_of('sql03') AND collected_at < '2026-04-01' ORDER BY collected_at, cpu_percent;
SELECT count(*) AS found FROM tenant_reading.metrics AS m WHERE m.id IN (SELECT id FROM tenant_reading.metrics WHERE server_id = pg_temp.id_of('sql03'));
-- Nothing of what is not known, and nothing else but inserts.
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), NULL);
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), 'NaN');
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES (pg_temp.id_of('sql03'), '00000000-0000-4000-8000-000000000000', 1);
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES ('00000000-0000-4000-8000-000000000000', pg_temp.type_of('cpu_percent'), 1);
INSERT INTO tenant_reading.metrics (server_id, value) VALUES (pg_temp.id_of('sql03'), 1);
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value, collected_at) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), 1, '-infinity');
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value, collected_at) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), 1, 'infinity');
\set VERBOSITY terse
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value, collected_at) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), 1, now() + interval '25 hours');
\set VERBOSITY default
SELECT count(*) AS made FROM vitals.partitions_of('tenant_reading') AS p WHERE p.lower_bound > now() + interval '3 months';
INSERT INTO tenant_reading.metrics (server_id, metric_type_id, value) VALUES (pg_temp.id_of('sql03'), pg_temp.type_of('cpu_percent'), 1e400);
UPDATE tenant_reading.metrics SET value = 0;
DELETE FROM tenant_reading.metrics;

-- ---- what is past retention is gone at once
BEGIN;
UPDATE tenant_reading.settings SET retention_days = 1;
SELECT count(*) AS values FROM tenant_reading.metrics;
SELECT count(*) AS snapshots FROM tenant_reading.metric_snapshots;
SELECT count(*) AS values FROM vitals.metric_range('sql01', 'cpu_percent', '2025-01-01');
SELECT sum(b.count) AS values FROM vitals.metric_buckets('cpu_percent', '2026-03-01', '2026-03-02', '1 hour') AS b;
-- The newest values, too.
SELECT f.server, f.collected_at > now() - interval '1 day' AS kept FROM vitals.fleet_status AS f;
SELECT l.server, l.metric, l.instance, l.value FROM vitals.latest_metrics AS l;
SELECT l.collected_at > now() - interval '1 day' AS kept, cardinality(l.older_series) AS older, l.cpu_percent FROM tenant_reading.latest_collections AS l ORDER BY l.collected_at;
SELECT vitals.maintain_tenant('tenant_reading');
SELECT l.collected_at > now() - interval '1 day' AS kept, cardinality(l.older_series) AS older, l.cpu_percent FROM tenant_reading.latest_collections AS l ORDER BY l.collected_at;
SELECT f.server, f.cpu_percent FROM vitals.fleet_status AS f;
ROLLBACK;
SELECT count(*) > 0 AS back FROM tenant_reading.metrics;
RESET SESSION AUTHORIZATION;
