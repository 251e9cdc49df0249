-- vitals_api as an operator of a tenant uses it: what each function and view shows, and every error with its state.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('api');
CREATE ROLE regress_api_operator IN ROLE tenant_api;
SET SESSION AUTHORIZATION regress_api_operator;
-- State, message, detail and hint of an error. Ids are made the same everywhere.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', sqlstate, sqlerrm, nullif(detail, ''), nullif(hint, '')), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<id>', 'g');
END
$$;

-- ---- servers
SELECT a.name, a.connector, a.host, a.port, a.options, a.has_credential, a.interval_seconds, a.enabled, a.metrics_enabled, a.status,
    a.status_since, a.last_collected_at, a.last_error, a.created_at = now()::timestamptz(3) AS just_now
FROM vitals_api.add_server('{"name": "one", "host": "one.example"}') AS a;
SELECT a.name, a.port, a.options, a.metrics_enabled
FROM vitals_api.add_server('{"name": "two", "host": "two.example", "port": 1500, "connector": "mssql", "options": {"encrypt": "off"},
                             "metrics": ["cpu_percent", "wait_time_ms"]}') AS a;
SELECT s.server_id AS one FROM vitals_api.servers AS s WHERE s.name = 'one' \gset
SELECT s.server_id AS two FROM vitals_api.servers AS s WHERE s.name = 'two' \gset
SELECT s.name, s.port FROM vitals_api.servers AS s ORDER BY s.port DESC;
SELECT s.server_id = :'two' AS same, s.name, s.host FROM vitals_api.server(:'two') AS s;
SELECT a.name, a.host, a.port, a.options FROM vitals_api.alter_server('{"host": "2.example"}', :'two') AS a;
SELECT a.name, a.host, a.port, a.options FROM vitals_api.alter_server('{"name": "zwei", "port": 1433, "options": {}}', :'two') AS a;
SELECT a.name FROM vitals_api.alter_server('{}', :'two') AS a;

SELECT call, pg_temp.refused(call) FROM unnest(ARRAY[
    $$SELECT vitals_api.add_server(NULL)$$,
    $$SELECT vitals_api.add_server('[]')$$,
    $$SELECT vitals_api.add_server('"one"')$$,
    $$SELECT vitals_api.add_server('null')$$,
    $$SELECT vitals_api.add_server('{}')$$,
    $$SELECT vitals_api.add_server('{"name": null, "host": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": 1, "host": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": ""}')$$,
    $$SELECT vitals_api.add_server('{"name": "a\r\nb", "host": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": "3b241101-e2bb-4255-8caf-4136c566a962", "host": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": "one", "host": "x"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "port": 0}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "port": "1433"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "port": 1433.5}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "port": 1e300}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "prot": 1433}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "connector": "oracle"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "connector": "local"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "options": []}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "options": {"no_such": 1}}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "metrics": "cpu_percent"}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "metrics": ["cpu_percent", 1]}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "password": "hunter2"}')$$,
    -- A password in the wrong place or form is not repeated.
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "password": {"is": "hunter2"}}')$$,
    $$SELECT vitals_api.add_server('{"name": "x", "host": "x", "passwd": "hunter2"}')$$]) AS call;
SELECT call, pg_temp.refused(replace(replace(call, '$two', quote_literal(:'two')), '$none', quote_literal(gen_random_uuid()))) FROM unnest(ARRAY[
    $$SELECT vitals_api.alter_server('{"name": "one"}', $two)$$,
    $$SELECT vitals_api.alter_server('{"connector": "local"}', $two)$$,
    $$SELECT vitals_api.alter_server('{"host": null}', $two)$$,
    $$SELECT vitals_api.alter_server('{"host": ""}', $two)$$,
    $$SELECT vitals_api.alter_server('{"host": "x"}', $none)$$,
    $$SELECT vitals_api.alter_server('{"host": "x"}', NULL)$$,
    $$SELECT vitals_api.alter_server(NULL, $two)$$,
    $$SELECT vitals_api.server($none)$$,
    $$SELECT vitals_api.server(NULL)$$,
    $$SELECT vitals_api.server('one')$$,
    $$SELECT vitals_api.remove_server($none)$$,
    $$SELECT vitals_api.remove_server(NULL)$$,
    $$SELECT vitals_api.remove_server($two, '{"keep_history": "yes"}')$$,
    $$SELECT vitals_api.remove_server($two, '{"keep_history": null}')$$,
    $$SELECT vitals_api.remove_server($two, '{"history": true}')$$,
    $$SELECT vitals_api.remove_server($two, NULL)$$,
    $$SELECT vitals_api.set_credential('{"username": "sa", "password": "x"}', $none)$$,
    $$SELECT vitals_api.set_credential('{"username": "sa"}', $two)$$,
    $$SELECT vitals_api.set_credential('{"password": "x"}', $two)$$,
    $$SELECT vitals_api.set_credential('{"username": "", "password": "x"}', $two)$$,
    $$SELECT vitals_api.set_credential('{"username": "sa", "password": 1}', $two)$$,
    $$SELECT vitals_api.set_credential(jsonb_build_object('username', 'sa', 'password', repeat('x', 1001)), $two)$$]) AS call;

-- ---- the login goes in and never comes out
SELECT s.has_credential FROM vitals_api.set_credential('{"username": "vitals", "password": "hunter2"}', :'one') AS s;
SELECT s.has_credential FROM vitals_api.server(:'one') AS s;
SELECT count(*) AS shown FROM vitals_api.servers AS s WHERE s::text ~ 'hunter2|vitals';

-- ---- configuration
SELECT c.server_id = :'one' AS its_id, c.interval_seconds, c.enabled, c.metrics_enabled, c.last_collected_at FROM vitals_api.collection_config_get(:'one') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config_put('{"interval_seconds": 30}', :'one') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config_put('{"interval_seconds": 3600.0, "metrics_enabled": ["*"]}', :'one') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config_put('{}', :'one') AS c;
-- What was got can be put, also for another server: then it is a copy of its configuration.
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config_put(to_jsonb(vitals_api.collection_config_get(:'one')), :'one') AS c;
SELECT c.server_id = :'two' AS its_id, c.interval_seconds, c.metrics_enabled
FROM vitals_api.collection_config_put((SELECT to_jsonb(c) FROM vitals_api.collection_config AS c WHERE c.server_id = :'one'), :'two') AS c;
SELECT c.server, c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config AS c;
BEGIN;
SELECT c.enabled FROM vitals_api.collection_start(:'one') AS c;
SELECT c.enabled FROM vitals_api.collection_start(:'one') AS c;
SELECT c.enabled FROM vitals_api.collection_config_get(:'one') AS c;
SELECT c.enabled FROM vitals_api.collection_stop(:'one') AS c;
SELECT c.enabled FROM vitals_api.collection_stop(:'one') AS c;
SELECT c.enabled FROM vitals_api.collection_config_put('{"enabled": true}', :'one') AS c;
-- A row that is missing: the defaults are shown, and nothing is written.
DELETE FROM tenant_api.collection_config;
SELECT c.server_id = :'one' AS its_id, c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals_api.collection_config_get(:'one') AS c;
SELECT count(*) FROM tenant_api.collection_config;
SELECT s.interval_seconds, s.enabled, s.metrics_enabled FROM vitals_api.server(:'one') AS s;
ROLLBACK;
SELECT call, pg_temp.refused(replace(replace(call, '$one', quote_literal(:'one')), '$none', quote_literal(gen_random_uuid()))) FROM unnest(ARRAY[
    $$SELECT vitals_api.collection_config_get($none)$$,
    $$SELECT vitals_api.collection_config_get(NULL)$$,
    $$SELECT vitals_api.collection_config_get('one')$$,
    $$SELECT vitals_api.collection_config_put('{"enabled": true}', $none)$$,
    $$SELECT vitals_api.collection_config_put('{"enabled": true}', NULL)$$,
    $$SELECT vitals_api.collection_config_put(NULL, $one)$$,
    $$SELECT vitals_api.collection_config_put('[]', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval_seconds": 29}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval_seconds": 3601}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval_seconds": "60"}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval_seconds": 60.5}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval_seconds": null}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"enabled": "true"}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"enabled": 1}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"metrics_enabled": "cpu_percent"}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"metrics_enabled": {"cpu_percent": true}}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"metrics_enabled": [null]}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"interval": 60}', $one)$$,
    $$SELECT vitals_api.collection_config_put('{"enabled": true, "a\r\nb": 1}', $one)$$,
    $$SELECT vitals_api.collection_start($none)$$,
    $$SELECT vitals_api.collection_stop($none)$$,
    $$SELECT vitals_api.collection_start(NULL)$$,
    $$SELECT vitals_api.collection_stop(NULL)$$,
    $$SELECT vitals_api.collect_now($none)$$,
    $$SELECT vitals_api.collect_now(NULL)$$,
    $$SELECT vitals_api.collect_now($one, '{"timeout_seconds": 0}')$$,
    $$SELECT vitals_api.collect_now($one, '{"timeout_seconds": 301}')$$,
    $$SELECT vitals_api.collect_now($one, '{"timeout_seconds": 1e400}')$$,
    $$SELECT vitals_api.collect_now($one, '{"timeout_seconds": "5 s"}')$$,
    $$SELECT vitals_api.collect_now($one, '{"timeout": 5}')$$,
    $$SELECT vitals_api.collect_now($one, NULL)$$,
    $$SELECT vitals_api.test_connection($none)$$,
    $$SELECT vitals_api.test_connection(NULL)$$,
    $$SELECT vitals_api.test_connection($one, '{"timeout_seconds": 0.5}')$$,
    $$SELECT vitals_api.test_connection($one, '{"timeout": 5}')$$]) AS call;
SELECT regexp_replace(pg_temp.refused(format('SELECT vitals_api.collection_config_put(''{"metrics_enabled": ["cpu"]}'', %L)', :'one')), 'are .*;', 'are …;') AS unknown_metric;
SELECT c.server, c.interval_seconds, c.enabled FROM vitals_api.collection_config AS c;

-- ---- reading. Times are whole minutes of an hour ago, so that all is within the bounds of the views.
RESET SESSION AUTHORIZATION;
SELECT date_trunc('hour', now()) - interval '2 hours' AS start \gset
SELECT (SELECT s.id FROM tenant_api.servers AS s WHERE s.name = 'zwei') = :'two' AS still_there;
SELECT vitals.store_rows('tenant_api', jsonb_build_object(
        'sets', '[[["cpu_percent", ""], ["connection_count", ""], ["disk_percent", "/"], ["disk_percent", "/var"]]]'::jsonb,
        'polls', jsonb_agg(jsonb_build_object(
            'server_id', s.id, 'collected_at', :'start'::timestamptz + m * interval '1 minute', 'status', 'online', 'set', 0,
            'interval_ms', 60000, 'duration_ms', 20, 'vals', ARRAY[m, 100 + m, 50, NULL]::text))), false) IS NOT NULL AS stored
FROM tenant_api.servers AS s, unnest('{0,1,2,5}'::integer[]) AS m WHERE s.name = 'one';
INSERT INTO tenant_api.server_events (server_id, happened_at, old_status, new_status, error_class, error_number, message)
VALUES (:'one', :'start', 'online', 'offline', 'login', 18456, 'Login failed.'), (:'one', now(), 'offline', 'online', NULL, NULL, NULL),
    (:'one', now() - interval '8 days', 'unknown', 'online', NULL, NULL, NULL);
SET SESSION AUTHORIZATION regress_api_operator;
UPDATE tenant_api.collection_config SET interval_seconds = 60;
SELECT l.server_id = :'one' AS its_id, l.server, l.metric, l.instance, l.value, l.unit, l.collected_at - :'start' AS at FROM vitals_api.latest_metrics AS l;
SELECT l.server, l.metric, l.instance, l.value FROM vitals_api.server_metrics(:'one') AS l;
SELECT count(*) AS of_the_other FROM vitals_api.server_metrics(:'two') AS l;
SELECT m.server_id = :'one' AS its_id, m.server, m.metric, m.instance, m.value, m.unit, m.collected_at - :'start' AS at FROM vitals_api.metrics AS m WHERE m.metric <> 'connection_count';
SELECT n.server_id = :'one' AS its_id, n.server, n.collected_at - :'start' AS at, n.status, n.cpu_percent, n.memory_percent, n.connection_count, n.interval_ms, n.duration_ms
FROM vitals_api.server_snapshots AS n;
SELECT n.collected_at - :'start' AS at, n.cpu_percent FROM vitals_api.snapshot_history(:'one', :'start'::timestamptz + interval '1 minute', :'start'::timestamptz + interval '5 minutes') AS n;
SELECT count(*) AS in_the_last_hour FROM vitals_api.snapshot_history(:'one') AS n;
SELECT e.server, e.old_status, e.new_status, e.error_class, e.error_number, e.message FROM vitals_api.server_events AS e;
SELECT e.old_status, e.new_status FROM vitals_api.event_history(:'one', now() - interval '9 days') AS e;
SELECT f.server, f.enabled, f.status, f.cpu_percent, f.memory_percent, f.connection_count, f.collected_at - :'start' AS at FROM vitals_api.fleet_status AS f;
SELECT c.server_id = :'one' AS its_id, c.server, c.enabled, c.interval_seconds, c.status, c.state, c.lag_ms, c.duration_ms, c.consecutive_failures FROM vitals_api.collection_status AS c;
SELECT t.metric, t.unit, t.kind, t.scale FROM vitals_api.metric_types AS t WHERE t.metric IN ('cpu_percent', 'wait_time_ms');
SELECT t.tenant, t.status, t.access, t.problem FROM vitals_api.tenants AS t;

SELECT v.collected_at - :'start' AS at, v.instance, v.value FROM vitals_api.metric_values(:'one', 'cpu_percent', :'start', now()) AS v;
-- Buckets begin at multiples of their width, whenever the range does.
SELECT h.collected_at - :'start' AS at, h.instance, h.avg, h.min, h.max, h.count
FROM vitals_api.metric_history(:'one', 'cpu_percent', :'start'::timestamptz + interval '30 seconds', :'start'::timestamptz + interval '6 minutes', '2 minutes') AS h;
SELECT count(*) BETWEEN 60 AND 61 AS minutes_of_an_hour FROM vitals_api.metric_history(:'one', 'cpu_percent') AS h;
-- Charts: t is where a bucket begins, null is a gap. Where a bucket holds one sample, it is in the middle.
CREATE FUNCTION pg_temp.chart(server_id uuid, metrics text[], start timestamptz, span interval, points integer)
RETURNS TABLE (step integer, t text, series text) LANGUAGE sql AS $$
    SELECT (c ->> 'step')::integer, (SELECT string_agg((e::bigint - extract(epoch FROM start)::bigint)::text, ' ' ORDER BY nr) FROM json_array_elements_text(c -> 't') WITH ORDINALITY AS x (e, nr)), c ->> 'series'
    FROM vitals_api.chart_data(server_id, metrics, start, start + span, points) AS c
$$;
SELECT * FROM pg_temp.chart(:'one', '{cpu_percent}', :'start', '6 minutes', 300);
SELECT * FROM pg_temp.chart(:'one', '{cpu_percent,disk_percent,disk_percent,memory_percent}', :'start', '6 minutes', 3);
SELECT * FROM pg_temp.chart(:'two', '{cpu_percent}', :'start', '6 minutes', 3);
SELECT c.step FROM pg_temp.chart(:'one', '{cpu_percent}', :'start', '9 days', 10) AS c;
SELECT s.least, vitals.chart_step(s.least) FROM unnest('{0.2,1,3,60,61,1000,40000,86400,86401,900000}'::double precision[]) AS s (least);
SELECT json_array_length(c -> 't') BETWEEN 4000 AND 5001 AS most_points FROM vitals_api.chart_data(:'one', '{cpu_percent}', now() - interval '30 days', now(), 5000) AS c;

SELECT call, pg_temp.refused(replace(replace(call, '$one', quote_literal(:'one')), '$none', quote_literal(gen_random_uuid()))) FROM unnest(ARRAY[
    $$SELECT vitals_api.server_metrics($none)$$,
    $$SELECT vitals_api.server_metrics(NULL)$$,
    $$SELECT vitals_api.snapshot_history($none)$$,
    $$SELECT vitals_api.snapshot_history(NULL)$$,
    $$SELECT vitals_api.snapshot_history($one, '2026-01-02 UTC', '2026-01-01 UTC')$$,
    $$SELECT vitals_api.event_history($none)$$,
    $$SELECT vitals_api.event_history(NULL)$$,
    $$SELECT vitals_api.event_history($one, NULL, '2026-01-01 UTC')$$,
    $$SELECT vitals_api.metric_values($none, 'cpu_percent')$$,
    $$SELECT vitals_api.metric_values(NULL, 'cpu_percent')$$,
    $$SELECT vitals_api.metric_values($one, 'cpu')$$,
    $$SELECT vitals_api.metric_values($one, NULL)$$,
    $$SELECT vitals_api.metric_values($one, 'cpu_percent', '-infinity', '2026-01-01 UTC')$$,
    $$SELECT vitals_api.metric_history($none, 'cpu_percent')$$,
    $$SELECT vitals_api.metric_history(NULL, 'cpu_percent')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu_percent', '2026-01-01 UTC', '2026-01-02 UTC', '0')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu_percent', '2026-01-01 UTC', '2026-01-02 UTC', '1 month')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu_percent', '2026-01-01 UTC', '2026-01-02 UTC', '1 second')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu_percent', '2026-01-02 UTC', '2026-01-01 UTC')$$,
    $$SELECT vitals_api.metric_history($one, 'cpu_percent', '2026-01-01 UTC', '2026-01-02 UTC', NULL)$$,
    $$SELECT vitals_api.chart_data($none, '{cpu_percent}')$$,
    $$SELECT vitals_api.chart_data(NULL, '{cpu_percent}')$$,
    $$SELECT vitals_api.chart_data($one, '{cpu}')$$,
    $$SELECT vitals_api.chart_data($one, '{NULL}')$$,
    $$SELECT vitals_api.chart_data($one, '{}')$$,
    $$SELECT vitals_api.chart_data($one, NULL)$$,
    $$SELECT vitals_api.chart_data($one, array_fill('cpu_percent'::text, '{51}'))$$,
    $$SELECT vitals_api.chart_data($one, '{cpu_percent}', points => 1)$$,
    $$SELECT vitals_api.chart_data($one, '{cpu_percent}', points => 5001)$$,
    $$SELECT vitals_api.chart_data($one, '{cpu_percent}', points => NULL)$$,
    $$SELECT vitals_api.chart_data($one, '{cpu_percent}', '2026-01-02 UTC', '2026-01-01 UTC')$$]) AS call;

-- ---- nothing that reads writes: PostgREST calls it for GET in such a transaction
BEGIN READ ONLY;
SELECT c.interval_seconds FROM vitals_api.collection_config_get(:'one') AS c;
SELECT s.name FROM vitals_api.server(:'one') AS s;
SELECT count(*) > 0 AS some FROM vitals_api.server_metrics(:'one');
SELECT vitals_api.chart_data(:'one', '{cpu_percent}') IS NOT NULL AS some;
SELECT vitals_api.prometheus_metrics() LIKE '# HELP vitals_%' AS some;
SELECT current_setting('response.headers') AS headers;
ROLLBACK;
-- Views are not for writing, not even by who may do it by function.
\set VERBOSITY sqlstate
DELETE FROM vitals_api.servers;
UPDATE vitals_api.collection_config SET enabled = true;
INSERT INTO vitals_api.servers (name) VALUES ('x');
\set VERBOSITY default

-- ---- Prometheus: names, units, escapes, freshness
BEGIN;
UPDATE tenant_api.servers SET name = E'a "b"\\c\nd' WHERE id = :'one';
UPDATE tenant_api.collection_config SET enabled = true WHERE server_id = :'one';
INSERT INTO tenant_api.metric_types (name, unit, description, kind) VALUES
    ('x_percent', '%', E'with \\ and\na line', 'gauge'), ('x_ratio', '%', 'the same name', 'gauge'), ('server_up', '1', 'taken', 'gauge'),
    ('x_old', '1', 'too old', 'gauge');
INSERT INTO tenant_api.metrics (server_id, metric_type_id, value, collected_at, instance)
SELECT :'one', t.id, 12.5, now() - CASE WHEN t.name = 'x_old' THEN interval '151 seconds' ELSE '1 second' END,
    CASE t.name WHEN 'disk_percent' THEN E'C:\\"x"\n' ELSE '' END
FROM tenant_api.metric_types AS t
WHERE t.name IN ('cpu_percent', 'connection_count', 'wait_time_ms', 'batch_requests_sec', 'page_life_expectancy', 'disk_percent', 'disk_read_bytes',
    'net_bytes_in', 'memory_total_bytes', 'uptime_seconds', 'load1', 'x_percent', 'x_ratio', 'server_up', 'x_old')
ORDER BY t.name;
SELECT replace(line, :'one', '<one>') AS line
FROM regexp_split_to_table(vitals_api.prometheus_metrics(), '\n') WITH ORDINALITY AS l (line, nr)
WHERE line !~ :'two' ORDER BY nr;
ROLLBACK;
-- Of a server whose collection is off there are no values, and it is neither up nor down.
SELECT line FROM regexp_split_to_table(vitals_api.prometheus_metrics(), '\n') AS l (line) WHERE line ~ :'one' AND line !~ '_(enabled|interval_seconds)\{';
RESET SESSION AUTHORIZATION;
-- It polled and failed: it is down, and says since when nothing was read.
BEGIN;
UPDATE tenant_api.collection_config SET enabled = true WHERE server_id = :'one';
INSERT INTO tenant_api.collection_state (server_id, status, status_since, last_started_at, last_collected_at, next_due_at, lag_ms, duration_ms, consecutive_failures, next_probe_at)
VALUES (:'one', 'offline', now(), now(), clock_timestamp() - interval '1 hour', now(), 1.5, 12.25, 3, now() + interval '10 seconds');
SET LOCAL ROLE regress_api_operator;
SELECT regexp_replace(line, '\{.*\} (36\d\d\.\d+$)?', ' ') AS line
FROM regexp_split_to_table(vitals_api.prometheus_metrics(), '\n') AS l (line) WHERE line ~ :'one' AND line !~ '_(enabled|interval_seconds)\{';
SELECT c.status, c.lag_ms, c.duration_ms, c.consecutive_failures, c.next_probe_at - now() AS probe FROM vitals_api.collection_status AS c WHERE c.server_id = :'one';
ROLLBACK;

-- ---- removing: the row that it was
SET SESSION AUTHORIZATION regress_api_operator;
SELECT r.server_id = :'one' AS its_id, r.name FROM vitals_api.remove_server(:'one', '{"keep_history": false}') AS r;
SELECT r.name FROM vitals_api.remove_server(:'two') AS r;
SELECT pg_temp.refused(format('SELECT vitals_api.remove_server(%L)', :'two'));
SELECT count(*) FROM vitals_api.servers;
SELECT count(*) FROM vitals_api.latest_metrics;
RESET SESSION AUTHORIZATION;
SELECT vitals.drop_tenant('api', drop_data => true);
DROP OWNED BY regress_api_operator;
DROP ROLE regress_api_operator;
