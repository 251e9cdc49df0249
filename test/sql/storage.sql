-- Storing polls: what the collector hands over becomes rows, and what cannot be stored harms nothing else.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TIME ZONE 'UTC';
SET datestyle TO 'ISO';
SELECT vitals.create_tenant('store', retention_days => 3650);
CREATE ROLE regress_storage_user IN ROLE tenant_store;
SET SESSION AUTHORIZATION regress_storage_user;
SELECT vitals.add_server('sql01', host => 'a') IS NOT NULL AS added;
SELECT vitals.add_server('sql02', host => 'b') IS NOT NULL AS added;

-- Series and values as [metric, value, instance], which becomes a set and an array as core/poll_record.cpp writes them.
CREATE FUNCTION pg_temp.poll(
    server text, at timestamptz, vals text DEFAULT '[]', status text DEFAULT 'online', more text DEFAULT '{}')
RETURNS jsonb LANGUAGE sql AS
$$
    SELECT jsonb_build_object(
        'server_id', s.id, 'collected_at', at, 'started_at', at - interval '0.2 s', 'next_due_at', at + interval '1 min',
        'status', poll.status, 'collected', poll.status <> 'offline', 'consecutive_failures', 0, 'lag_ms', 1.5,
        'duration_ms', 200.6, 'values', vals::jsonb) || more::jsonb
    FROM tenant_store.servers AS s WHERE s.name = server
$$;
CREATE FUNCTION pg_temp.batch(VARIADIC polls jsonb[]) RETURNS jsonb LANGUAGE sql AS
$$
    SELECT jsonb_build_object('sets', jsonb_agg(x.members ORDER BY x.nr), 'polls', jsonb_agg(jsonb_build_object('set', x.nr - 1, 'vals', x.vals) || x.poll - 'values' ORDER BY x.nr))
    FROM (
        SELECT p.nr, p.poll,
            (SELECT coalesce(jsonb_agg(CASE jsonb_typeof(v) WHEN 'array' THEN jsonb_build_array(v -> 0, coalesce(v -> 2, '""')) ELSE v END), '[]') FROM jsonb_array_elements(p.poll -> 'values') AS v) AS members,
            (SELECT '{' || coalesce(string_agg(coalesce(CASE jsonb_typeof(v) WHEN 'array' THEN v ->> 1 END, 'NULL'), ','), '') || '}' FROM jsonb_array_elements(p.poll -> 'values') AS v) AS vals
        FROM unnest(polls) WITH ORDINALITY AS p (poll, nr)) AS x
$$;
CREATE FUNCTION pg_temp.store(VARIADIC polls jsonb[]) RETURNS TABLE (stored integer, rejected integer, reason text) LANGUAGE sql AS
$$ SELECT s.stored, s.rejected, s.reason FROM vitals.store_polls('tenant_store', pg_temp.batch(VARIADIC polls)) AS s $$;
CREATE FUNCTION pg_temp.series_of(snapshot tenant_store.server_snapshots) RETURNS text LANGUAGE sql AS
$$
    SELECT string_agg(concat(t.name, nullif('/' || r.instance, '/'), '=', coalesce(v.value::text, 'NULL')), ' ' ORDER BY t.name, r.instance)
    FROM tenant_store.series_sets AS k
    CROSS JOIN unnest(k.series_keys, snapshot.vals) AS v (series_key, value)
    JOIN tenant_store.series AS r USING (series_key)
    JOIN tenant_store.metric_types AS t ON t.id = r.metric_type_id
    WHERE k.set_key = snapshot.set_key
$$;
CREATE VIEW pg_temp.snapshots AS
SELECT s.name, n.collected_at, n.status, n.cpu_percent AS cpu, n.memory_percent AS mem, n.connection_count AS conns,
    n.interval_ms, n.duration_ms, pg_temp.series_of(n) AS series
FROM tenant_store.server_snapshots AS n JOIN tenant_store.servers AS s ON s.id = server_id
ORDER BY n.collected_at, s.name;

-- ---- a poll is a row
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-10 12:00:00.1234+00',
    '[["cpu_percent", 12.3456], ["memory_percent", 50], ["connection_count", 17], ["disk_io_reads", null], ["wait_time_ms", 250.5],
      ["disk_percent", 71.239, "/"], ["disk_percent", 3.001, "/home"]]',
    more => '{"interval_ms": 60001.4, "facts": {"version": "16.0.1", "edition": "Developer"}}'));
SELECT * FROM pg_temp.snapshots;
SELECT l.server, l.metric, l.instance, l.value, l.unit, l.collected_at FROM vitals.latest_metrics AS l;
-- The physical form: an array in the order of the set.
SELECT pg_typeof(n.vals), cardinality(n.vals), cardinality(k.series_keys), n.collected_at
FROM tenant_store.server_snapshots AS n JOIN tenant_store.series_sets AS k USING (set_key);

-- The same series again make no new set, however they are ordered; others do.
SELECT * FROM pg_temp.store(
    pg_temp.poll('sql01', '2026-01-10 12:01:00+00',
        '[["disk_percent", 4, "/home"], ["connection_count", 18], ["memory_percent", null], ["cpu_percent", 1], ["disk_io_reads", 7],
          ["disk_percent", 72, "/"], ["wait_time_ms", 0]]'),
    pg_temp.poll('sql02', '2026-01-10 12:01:00+00', '[["cpu_percent", 2]]'),
    pg_temp.poll('sql02', '2026-01-10 12:02:00+00', '[["cpu_percent", 3]]'));
SELECT count(*) AS sets FROM tenant_store.series_sets;
SELECT * FROM pg_temp.snapshots WHERE collected_at >= '2026-01-10 12:01:00+00';

-- ---- a failed poll leaves a row, an event and its error; the newest values stay
SELECT * FROM pg_temp.store(
    pg_temp.poll('sql02', '2026-01-10 12:03:00+00', status => 'offline',
        more => '{"error": {"class": "login", "number": 18456, "message": "Login failed for user ''vitals''."}, "consecutive_failures": 2}'),
    pg_temp.poll('sql02', '2026-01-10 12:04:00+00', status => 'offline',
        more => '{"error": {"class": "refused", "number": 0, "message": "Connection refused"}, "consecutive_failures": 3, "next_probe_at": "2026-01-10 12:04:10+00"}'));
SELECT * FROM pg_temp.snapshots WHERE status = 'offline';
SELECT s.name, e.happened_at, e.old_status, e.new_status, e.error_class, e.error_number, e.message
FROM tenant_store.server_events AS e JOIN tenant_store.servers AS s ON s.id = server_id ORDER BY e.event_key;
SELECT c.server, c.status, c.last_collected_at, c.consecutive_failures, c.error_class, c.last_error, c.last_error_at, c.facts
FROM vitals.collection_status AS c;
SELECT l.server, l.metric, l.value, l.collected_at FROM vitals.latest_metrics AS l WHERE l.server = 'sql02';
SELECT t.next_due_at, t.next_probe_at
FROM tenant_store.collection_state AS t JOIN tenant_store.servers AS s ON s.id = server_id WHERE s.name = 'sql02';
-- Back again: the error goes, its time stays, and the status has a new beginning. A cycle that was skipped meanwhile leaves no more than its row.
SELECT * FROM pg_temp.store(
    pg_temp.poll('sql02', '2026-01-10 12:04:30+00', status => 'offline', more => '{"lag_ms": null, "duration_ms": null}'),
    pg_temp.poll('sql02', '2026-01-10 12:05:00+00', '[["cpu_percent", 4]]'));
SELECT n.collected_at, n.status, n.duration_ms FROM pg_temp.snapshots AS n WHERE n.name = 'sql02' AND n.collected_at > '2026-01-10 12:04:00+00';
SELECT * FROM pg_temp.store(pg_temp.poll('sql02', '2026-01-10 12:06:00+00', '[["cpu_percent", 5]]'));
SELECT t.status, t.status_since, t.last_started_at, t.last_collected_at, t.next_due_at, t.next_probe_at, t.lag_ms, t.duration_ms, t.last_error, t.last_error_at
FROM tenant_store.collection_state AS t JOIN tenant_store.servers AS s ON s.id = server_id WHERE s.name = 'sql02';
-- What the collector believed to be the status before does not count: it comes back once, in however many batches.
SELECT e.happened_at, e.old_status, e.new_status
FROM tenant_store.server_events AS e JOIN tenant_store.servers AS s ON s.id = server_id WHERE s.name = 'sql02' ORDER BY e.event_key;

-- ---- an older poll is history, not the newest value; the same time twice is two rows
SELECT * FROM pg_temp.store(pg_temp.poll('sql02', '2026-01-10 11:00:00+00', '[["cpu_percent", 99]]'));
SELECT l.value, l.collected_at FROM vitals.latest_metrics AS l WHERE l.server = 'sql02';
SELECT * FROM pg_temp.store(pg_temp.poll('sql02', '2026-01-10 12:06:00+00', '[["cpu_percent", 6]]'),
                            pg_temp.poll('sql02', '2026-01-10 12:06:00+00', '[["cpu_percent", 7]]'));
SELECT count(*) AS rows_of_that_time FROM pg_temp.snapshots WHERE name = 'sql02' AND collected_at = '2026-01-10 12:06:00+00';
-- Newest first in one batch.
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-10 12:09:00+00', '[["cpu_percent", 9]]'),
                            pg_temp.poll('sql01', '2026-01-10 12:08:00+00', '[["cpu_percent", 8]]'));
SELECT l.value, l.collected_at FROM vitals.latest_metrics AS l WHERE l.server = 'sql01' AND l.metric = 'cpu_percent';

-- ---- what is not known is left out
SELECT * FROM pg_temp.store(
    pg_temp.poll('sql01', '2026-01-10 12:10:00+00', '[["no_such_metric", 1], ["cpu_percent", 10], ["", 2], [null, 3], [], 7, "cpu_percent", {"cpu_percent": 1}, null]'),
    pg_temp.poll('sql01', '2026-01-10 12:11:00+00', more => '{"server_id": "b6a4ca2a-0000-4000-8000-000000000000"}'),
    pg_temp.poll('sql01', '2026-01-10 12:12:00+00', more => '{"server_id": null}'));
SELECT * FROM pg_temp.snapshots WHERE collected_at >= '2026-01-10 12:10:00+00';
SELECT * FROM vitals.store_polls('tenant_store', '{"sets": [], "polls": []}');
SELECT * FROM vitals.store_polls('tenant_store', '{}');
-- A series that is named twice counts once, the last time.
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-10 12:13:00+00', '[["cpu_percent", 1], ["cpu_percent", 2], ["disk_percent", 5, "/"], ["disk_percent", 6, "/"]]'));
SELECT series FROM pg_temp.snapshots WHERE collected_at = '2026-01-10 12:13:00+00';

-- ---- poison: rejected alone, with the reason
CREATE FUNCTION pg_temp.poison(vals text DEFAULT '[]', more text DEFAULT '{}', status text DEFAULT 'online')
RETURNS TABLE (stored integer, rejected integer, reason text, neighbours bigint) LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM tenant_store.server_snapshots WHERE collected_at >= '2026-01-11';
    SELECT * INTO stored, rejected, reason FROM pg_temp.store(
        pg_temp.poll('sql01', '2026-01-11 00:00:00+00', '[["cpu_percent", 1]]'),
        pg_temp.poll('sql02', '2026-01-11 00:00:00+00', vals, status, more),
        pg_temp.poll('sql01', '2026-01-11 00:01:00+00', '[["cpu_percent", 2]]'));
    SELECT count(*) INTO neighbours FROM pg_temp.snapshots AS n WHERE n.name = 'sql01' AND n.collected_at >= '2026-01-11';
    RETURN NEXT;
END
$$;
SELECT * FROM pg_temp.poison('[["cpu_percent", "NaN"]]');
SELECT * FROM pg_temp.poison('[["cpu_percent", "Infinity"]]');
SELECT * FROM pg_temp.poison('[["cpu_percent", "garbage"]]');
SELECT rejected, reason ~ 'out of range' AS out_of_range, neighbours FROM pg_temp.poison('[["cpu_percent", 1e400]]');
SELECT * FROM pg_temp.poison('[["connection_count", 3000000000]]');
SELECT rejected, reason, neighbours FROM pg_temp.poison(format('[["disk_percent", 1, "%s"]]', repeat('x', 600)));
SELECT * FROM pg_temp.poison('[["cpu_percent", 1]]', '{"vals": "{}"}');
SELECT * FROM pg_temp.poison('[["cpu_percent", 1]]', '{"vals": "{{1,2},{3,4}}"}');
SELECT * FROM pg_temp.poison('[["cpu_percent", 1]]', '{"vals": "7"}');
SELECT * FROM pg_temp.poison('[["cpu_percent", 1]]', '{"set": "none"}');
SELECT * FROM pg_temp.poison(status => 'exploded');
SELECT * FROM pg_temp.poison(more => '{"status": null}');
SELECT * FROM pg_temp.poison(more => '{"server_id": "one"}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": "yesterday or so"}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": null}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": "infinity"}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": "-infinity"}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": "0044-03-15 12:00:00+00 BC"}');
SELECT * FROM pg_temp.poison(more => '{"collected_at": "50000-01-01 00:00:00+00"}');
SELECT * FROM pg_temp.poison(more => '{"interval_ms": 1e30}');
SELECT * FROM pg_temp.poison(more => '{"consecutive_failures": null}');
SELECT * FROM pg_temp.poison(more => '{"next_due_at": "never"}');
SELECT * FROM pg_temp.poison(more => '{"error": {"class": "login", "number": 1e12, "message": "x"}}');
-- What a trigger of the tenant says without a code of its own.
CREATE FUNCTION tenant_store.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not this one'; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON tenant_store.server_snapshots FOR EACH ROW WHEN (NEW.cpu_percent = 66)
    EXECUTE FUNCTION tenant_store.refuse();
SELECT * FROM pg_temp.poison('[["cpu_percent", 66]]');
DROP TRIGGER refuse ON tenant_store.server_snapshots;
DROP FUNCTION tenant_store.refuse();
-- A cycle that passed without a poll: what is known of the last poll stays.
SELECT stored, rejected FROM pg_temp.store(
    pg_temp.poll('sql01', '2026-01-11 00:02:00+00', '[]', 'offline') - '{started_at,lag_ms,duration_ms,set,vals}'::text[]);
SELECT st.status, st.lag_ms IS NOT NULL AS lag_kept, n.duration_ms
FROM tenant_store.collection_state AS st JOIN tenant_store.servers AS s ON s.id = st.server_id
JOIN tenant_store.server_snapshots AS n ON n.server_id = s.id AND n.collected_at = '2026-01-11 00:02:00+00'
WHERE s.name = 'sql01';
-- Not an array at all.
SELECT * FROM vitals.store_polls('tenant_store', '[1]');
SELECT * FROM vitals.store_polls('tenant_store', '{"polls": 7, "sets": 7}');
-- All of it poison, none of it stored.
SELECT stored, rejected FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-11 01:00:00+00', '[["cpu_percent", "x"]]'), pg_temp.poll('sql01', '2026-01-11 01:00:00+00', more => '{"vals": "y"}'));
SELECT count(*) AS infinite_or_nan FROM tenant_store.server_snapshots AS n CROSS JOIN unnest(n.vals) AS v WHERE v IN ('NaN', 'Infinity', '-Infinity');

-- ---- rounded to what the metric type says, also after it said otherwise
SELECT value FROM vitals.latest_metrics WHERE server = 'sql01' AND metric = 'wait_time_ms';
UPDATE tenant_store.metric_types SET scale = 0 WHERE name = 'cpu_percent';
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-12 00:00:00+00', '[["cpu_percent", 12.5], ["memory_percent", 1e-300]]'));
SELECT cpu, mem FROM pg_temp.snapshots WHERE collected_at = '2026-01-12 00:00:00+00';
UPDATE tenant_store.metric_types SET scale = 2 WHERE name = 'cpu_percent';

-- ---- the largest poll that a prober may send
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-13 00:00:00+00',
    (SELECT jsonb_agg(jsonb_build_array('disk_percent', n % 100, 'disk ' || n)) FROM generate_series(1, 4000) AS n)::text));
SELECT cardinality(n.vals), (SELECT sum(v) FROM unnest(n.vals) AS v) AS total
FROM tenant_store.server_snapshots AS n WHERE n.collected_at = '2026-01-13 00:00:00+00';
SELECT count(*) AS disks FROM vitals.latest_metrics WHERE instance LIKE 'disk %';

-- A prober that makes up instances does not fill the tenant's schema; what is known already is stored on.
INSERT INTO tenant_store.series (metric_type_id, instance)
SELECT t.id, 'made up ' || n FROM tenant_store.metric_types AS t, generate_series(1, 249999 - (SELECT count(*) FROM tenant_store.series)) AS n
WHERE t.name = 'disk_used_bytes';
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-13 01:00:00+00',
    '[["disk_percent", 1, "disk 1"], ["disk_used_bytes", 2, "one more"], ["disk_used_bytes", 3, "two more"], ["disk_used_bytes", 4, "made up 7"]]'));
SELECT count(*) AS series FROM tenant_store.series;
SELECT cardinality(vals) AS stored FROM tenant_store.server_snapshots WHERE collected_at = '2026-01-13 01:00:00+00';
DELETE FROM tenant_store.series WHERE instance LIKE 'made up%' OR instance LIKE '% more';

-- Neither do combinations of them: beyond a limit a new one is stored without instances, and known ones as ever.
INSERT INTO tenant_store.series_sets (series_keys, hash) SELECT ARRAY[n], md5('made up ' || n)::uuid FROM generate_series(1, 40100) AS n;
SELECT * FROM pg_temp.store(
    pg_temp.poll('sql01', '2026-01-13 02:00:00+00', '[["cpu_percent", 1], ["disk_percent", 2, "never seen"]]'),
    pg_temp.poll('sql01', '2026-01-13 02:01:00+00', '[["disk_percent", 3, "never seen either"]]'),
    pg_temp.poll('sql02', '2026-01-13 02:01:00+00', '[["cpu_percent", 4]]'));
SELECT name, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-13 02:00:00+00' AND collected_at < '2026-01-13 03:00:00+00';
-- Who inserts a value is told.
INSERT INTO tenant_store.metrics (server_id, metric_type_id, value, collected_at, instance)
SELECT s.id, t.id, 5, '2026-01-13 02:02:00+00', 'nor this' FROM tenant_store.servers AS s, tenant_store.metric_types AS t
WHERE s.name = 'sql02' AND t.name = 'disk_percent';
DELETE FROM tenant_store.series_sets WHERE hash IN (SELECT md5('made up ' || n)::uuid FROM generate_series(1, 40100) AS n);
-- Keys that batches used up in vain are no sets.
SELECT setval(pg_get_serial_sequence('tenant_store.series_sets', 'set_key'), 90000) > 0 AS used_up;
SELECT * FROM pg_temp.store(pg_temp.poll('sql02', '2026-01-13 03:00:00+00', '[["disk_percent", 1, "first"]]'));
SELECT * FROM pg_temp.store(pg_temp.poll('sql02', '2026-01-13 03:01:00+00', '[["disk_percent", 2, "second"]]'));
SELECT name, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-13 03:00:00+00' AND collected_at < '2026-01-13 04:00:00+00';

-- ---- texts are texts
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-14 00:00:00+00', '[["disk_percent", 1, "C:\\数据 ''; DROP TABLE x; --"]]', status => 'degraded',
    more => '{"error": {"class": "permission", "number": 297, "message": "ne peut pas; \"\\u001b[31m\" ''); DELETE FROM tenant_store.servers; --"}}'));
SELECT instance FROM vitals.latest_metrics WHERE instance LIKE 'C:%';
SELECT status, last_error FROM vitals.collection_status WHERE server = 'sql01';

-- ---- a metric of the tenant's own, and one it took away
INSERT INTO tenant_store.metric_types (name, unit, description, kind, scale) VALUES ('queue_length', '1', 'Ours.', 'gauge', 1);
DELETE FROM tenant_store.metric_types WHERE name = 'swap_percent';
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-15 00:00:00+00', '[["queue_length", 4.25], ["swap_percent", 3]]'));
SELECT series FROM pg_temp.snapshots WHERE collected_at = '2026-01-15 00:00:00+00';

-- ---- names that were stored once need no more than their hash
CREATE FUNCTION pg_temp.store_hashed(names jsonb, hash text, VARIADIC polls jsonb[]) RETURNS TABLE (stored integer, rejected integer, reason text)
LANGUAGE sql AS
$$
    SELECT s.stored, s.rejected, s.reason FROM vitals.store_polls('tenant_store', jsonb_set(pg_temp.batch(VARIADIC polls), '{sets}', jsonb_build_array(
        jsonb_strip_nulls(jsonb_build_object('hash', md5(hash), 'names', names))))) AS s
$$;
-- What is not known is asked for, and nothing stored.
SELECT * FROM pg_temp.store_hashed(NULL, 'a', pg_temp.poll('sql01', '2026-01-15 01:00:00+00'));
SELECT count(*) AS rows FROM tenant_store.server_snapshots WHERE collected_at >= '2026-01-15 01:00:00+00';
CREATE FUNCTION pg_temp.names() RETURNS jsonb LANGUAGE sql AS
$$ SELECT '[["memory_percent", ""], ["queue_length", ""], ["cpu_percent", ""], ["disk_percent", "/new"], ["no_such", ""]]'::jsonb $$;
SELECT * FROM pg_temp.store_hashed(pg_temp.names(), 'a', pg_temp.poll('sql01', '2026-01-15 01:00:00+00') || '{"vals": "{1.5,2.25,3.5,4.5,5}"}');
SELECT * FROM pg_temp.store_hashed(NULL, 'a', pg_temp.poll('sql01', '2026-01-15 01:01:00+00') || '{"vals": "{6.5,NULL,8.5,9.125,10}"}');
-- Too few values are refused, known or not.
SELECT * FROM pg_temp.store_hashed(NULL, 'a', pg_temp.poll('sql01', '2026-01-15 01:02:00+00') || '{"vals": "{6.5}"}');
SELECT cpu, mem, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-15 01:00:00+00';
SELECT count(*) AS known, count(set_key) AS sets FROM tenant_store.known_sets;
-- Names of which none counts are known, too.
SELECT * FROM pg_temp.store_hashed('[["no_such", ""]]', 'b', pg_temp.poll('sql01', '2026-01-15 01:03:00+00') || '{"vals": "{1}"}');
SELECT * FROM pg_temp.store_hashed(NULL, 'b', pg_temp.poll('sql01', '2026-01-15 01:04:00+00') || '{"vals": "{1}"}');
SELECT collected_at, set_key, vals FROM tenant_store.server_snapshots WHERE collected_at >= '2026-01-15 01:03:00+00';
-- Whatever changes what a name stands for, or its scale, makes them unknown.
UPDATE tenant_store.metric_types SET scale = 0 WHERE name = 'queue_length';
SELECT * FROM pg_temp.store_hashed(NULL, 'a', pg_temp.poll('sql01', '2026-01-15 02:00:00+00'));
SELECT * FROM pg_temp.store_hashed(pg_temp.names(), 'a', pg_temp.poll('sql01', '2026-01-15 02:00:00+00') || '{"vals": "{1.5,2.25,3.5,4.5,5}"}');
INSERT INTO tenant_store.metric_types (name, unit, description, kind, scale) VALUES ('no_such', '1', 'Now there is.', 'gauge', 1);
SELECT * FROM pg_temp.store_hashed(NULL, 'a', pg_temp.poll('sql01', '2026-01-15 02:01:00+00'));
SELECT * FROM pg_temp.store_hashed(pg_temp.names(), 'a', pg_temp.poll('sql01', '2026-01-15 02:01:00+00') || '{"vals": "{1.5,2.25,3.5,4.5,5}"}');
SELECT collected_at, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-15 02:00:00+00';
-- Room is made for new ones, and not at the cost of those of the same batch.
CREATE FUNCTION pg_temp.two_sets(minute integer, names_of_a jsonb, names_of_b jsonb) RETURNS TABLE (stored integer, rejected integer, known integer)
LANGUAGE sql AS
$$
    SELECT s.stored, s.rejected, cardinality(string_to_array(s.known, ','))
    FROM vitals.store_polls('tenant_store', jsonb_build_object(
        'sets', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('hash', md5('a'), 'names', names_of_a)),
                                  jsonb_build_object('hash', md5(names_of_b::text), 'names', names_of_b)),
        'polls', jsonb_build_array(
            pg_temp.poll('sql01', '2026-01-15 03:00:00+00'::timestamptz + minute * interval '1 min') || '{"set": 0, "vals": "{1.5,2.25,3.5,4.5,5}"}',
            pg_temp.poll('sql02', '2026-01-15 03:00:00+00'::timestamptz + minute * interval '1 min') || '{"set": 1, "vals": "{7}"}'))) AS s
$$;
INSERT INTO tenant_store.known_sets (names_hash) SELECT md5('made up ' || n)::uuid FROM generate_series(1, 50000) AS n;
SELECT * FROM pg_temp.two_sets(0, NULL, '[["cpu_percent", ""]]');
SELECT collected_at, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-15 03:00:00+00';
SELECT count(*) AS known FROM tenant_store.known_sets;
-- What was looked up is used, whatever somebody makes of it meanwhile.
CREATE FUNCTION pg_temp.empty() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM tenant_store.known_sets; RETURN NULL; END';
CREATE TRIGGER empty AFTER INSERT ON tenant_store.series FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.empty();
SELECT * FROM pg_temp.two_sets(1, NULL, '[["disk_percent", "a new one"]]');
DROP TRIGGER empty ON tenant_store.series;
SELECT collected_at, series FROM pg_temp.snapshots WHERE collected_at >= '2026-01-15 03:01:00+00';
-- A transaction with an older snapshot forgets what it does not see, too.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE tenant_store.metric_types SET scale = 1 WHERE name = 'queue_length';
COMMIT;
SELECT count(*) AS known FROM tenant_store.known_sets;
-- It cannot rename metrics: which parts it does not see nobody would know.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE tenant_store.metric_types SET name = name, unit = 'tasks' WHERE name = 'queue_length' RETURNING name, unit;
UPDATE tenant_store.metric_types SET name = 'renamed' WHERE name = 'queue_length';
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE tenant_store.metric_types SET name = 'renamed' WHERE name = 'queue_length';
ROLLBACK;
-- Very long ones are not remembered.
INSERT INTO tenant_store.metric_types (name, unit, description, kind)
SELECT 'm' || n, '1', '', 'gauge' FROM generate_series(1, 5001) AS n;
SELECT * FROM pg_temp.two_sets(2, pg_temp.names(), (SELECT jsonb_agg(jsonb_build_array('m' || n, '')) FROM generate_series(1, 1) AS n));
SELECT s.stored, s.known
FROM vitals.store_polls('tenant_store', jsonb_build_object(
    'sets', jsonb_build_array(jsonb_build_object('hash', md5('long'), 'names', (SELECT jsonb_agg(jsonb_build_array('m' || n, '')) FROM generate_series(1, 5001) AS n))),
    'polls', jsonb_build_array(pg_temp.poll('sql01', '2026-01-15 03:03:00+00')
        || jsonb_build_object('set', 0, 'vals', (SELECT array_agg(n) FROM generate_series(1, 5001) AS n)::text)))) AS s;
DELETE FROM tenant_store.server_snapshots WHERE collected_at = '2026-01-15 03:03:00+00';

-- ---- a set that is new is told by its parts, and of these only the new ones by their names
CREATE FUNCTION pg_temp.part(hash text, names text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_strip_nulls(jsonb_build_object('hash', md5(hash), 'names', names::jsonb)) $$;
CREATE FUNCTION pg_temp.in_parts(hash text, VARIADIC parts jsonb[]) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('hash', md5(hash), 'parts', to_jsonb(parts)) $$;
-- The values of server number n are those of set number n.
CREATE FUNCTION pg_temp.store_parts(at timestamptz, sets jsonb, VARIADIC vals text[]) RETURNS TABLE (stored integer, rejected integer, known integer)
LANGUAGE sql AS
$$
    SELECT p.stored, p.rejected, cardinality(string_to_array(p.known, ','))
    FROM vitals.store_polls('tenant_store', jsonb_build_object('sets', sets, 'polls', (
        SELECT jsonb_agg(pg_temp.poll('sql0' || n, at) || jsonb_build_object('set', n - 1, 'vals', v)) FROM unnest(vals) WITH ORDINALITY AS u (v, n)))) AS p
$$;
SELECT (SELECT count(*) FROM tenant_store.series_parts) AS parts, (SELECT count(*) FROM tenant_store.part_members) AS members \gset before_
SELECT * FROM pg_temp.store_parts('2026-01-20 00:00:00+00', jsonb_build_array(
    pg_temp.in_parts('one', pg_temp.part('plain', '[["cpu_percent", ""], ["nobody_knows", ""], ["load1", ""]]'),
        pg_temp.part('disks of one', '[["disk_percent", "/b"], ["disk_percent", "/a"]]')),
    pg_temp.in_parts('two', pg_temp.part('plain'), pg_temp.part('nothing', '[["no", "x"]]'), pg_temp.part('disks of two', '[["disk_percent", "/c"]]'))),
    '{1,2,3,4,5}', '{6,7,8,9,10}');
SELECT name, cpu, series FROM pg_temp.snapshots WHERE collected_at = '2026-01-20 00:00:00+00';
SELECT m.metrics FROM tenant_store.metric_snapshots AS m WHERE m.collected_at = '2026-01-20 00:00:00+00' ORDER BY m.metrics::text;
SELECT (SELECT count(*) FROM tenant_store.series_parts) - :before_parts AS new_parts, (SELECT count(*) FROM tenant_store.part_members) - :before_members AS new_members;
SELECT p.start, array_agg(m.series_key ORDER BY m.position) = r.series_keys AS the_same, p.start + cardinality(r.series_keys) AS next
FROM tenant_store.set_parts AS p JOIN tenant_store.series_parts AS r USING (part_key) JOIN tenant_store.part_members AS m USING (part_key)
WHERE p.set_key = (SELECT n.set_key FROM tenant_store.server_snapshots AS n JOIN tenant_store.servers AS s ON s.id = n.server_id
                   WHERE s.name = 'sql01' AND n.collected_at = '2026-01-20 00:00:00+00')
GROUP BY p.start, r.series_keys ORDER BY p.start;
-- Known parts need no names, in any combination; unknown ones are asked for, and nothing stored.
SELECT * FROM pg_temp.store_parts('2026-01-20 00:01:00+00', jsonb_build_array(pg_temp.in_parts('three', pg_temp.part('disks of two'), pg_temp.part('nothing'), pg_temp.part('plain'))), '{1,2,3,4,5}');
SELECT * FROM pg_temp.store_parts('2026-01-20 00:02:00+00', jsonb_build_array(pg_temp.in_parts('four', pg_temp.part('plain'), pg_temp.part('disks of four'))), '{1,2,3,4}');
SELECT * FROM pg_temp.store_parts('2026-01-20 00:02:00+00', jsonb_build_array(jsonb_build_object('hash', md5('three')), jsonb_build_object('hash', md5('one'))), '{5,4,3,2,1}', '{1,2,3,4,5}');
SELECT collected_at, name, cpu, series FROM pg_temp.snapshots WHERE collected_at > '2026-01-20 00:00:00+00';
-- Of a server whose sets differ in a part, the values of the other stay the newest.
SELECT l.metric, l.instance, l.value, l.collected_at FROM vitals.latest_metrics AS l WHERE l.server = 'sql02' AND l.metric IN ('disk_percent', 'load1') AND l.collected_at >= '2026-01-20';
-- One is poison: the names that stand with it are not lost to the other.
SELECT * FROM pg_temp.store_parts('2026-01-20 00:03:00+00', jsonb_build_array(
    pg_temp.in_parts('five', pg_temp.part('shared', '[["load5", ""]]'), pg_temp.part('poison', format('[["disk_percent", "%s"]]', repeat('x', 600)))),
    pg_temp.in_parts('six', pg_temp.part('shared'))), '{1,2}', '{3}');
SELECT name, series FROM pg_temp.snapshots WHERE collected_at = '2026-01-20 00:03:00+00';
-- Without room for more sets only what is new loses its instances, and no part is made of it.
INSERT INTO tenant_store.series_sets (series_keys, hash) SELECT ARRAY[n], md5('made up ' || n)::uuid FROM generate_series(1, 40100) AS n;
SELECT count(*) AS parts FROM tenant_store.series_parts \gset before_
SELECT * FROM pg_temp.store_parts('2026-01-20 00:05:00+00', jsonb_build_array(
    pg_temp.in_parts('seven', pg_temp.part('plain'), pg_temp.part('disks of one'), pg_temp.part('blockers', '[["disk_percent", "somebody new"]]'))), '{1,2,3,4,5,6}');
-- Also where nothing is remembered: what is there is found.
UPDATE tenant_store.metric_types SET scale = scale WHERE name = 'load1';
SELECT * FROM pg_temp.store_parts('2026-01-20 00:06:00+00', jsonb_build_array(
    pg_temp.in_parts('seven', pg_temp.part('plain', '[["cpu_percent", ""], ["nobody_knows", ""], ["load1", ""]]'),
        pg_temp.part('disks of one', '[["disk_percent", "/b"], ["disk_percent", "/a"]]'), pg_temp.part('blockers', '[["disk_percent", "somebody new"]]'))),
    '{1,2,3,4,5,6}');
SELECT collected_at, name, series FROM pg_temp.snapshots WHERE collected_at BETWEEN '2026-01-20 00:05:00+00' AND '2026-01-20 00:06:00+00';
SELECT count(*) - :before_parts AS new_parts FROM tenant_store.series_parts;
DELETE FROM tenant_store.series_sets WHERE hash IN (SELECT md5('made up ' || n)::uuid FROM generate_series(1, 40100) AS n);
-- A set whose part somebody deleted while it was made is not used again.
CREATE TEMP TABLE gone_part AS SELECT p.part_key FROM tenant_store.set_parts AS p JOIN tenant_store.part_members AS m USING (part_key) WHERE m.instance = '/a' LIMIT 1;
ALTER TABLE tenant_store.series_parts DISABLE TRIGGER forget_gone;
DELETE FROM tenant_store.series_parts WHERE part_key IN (SELECT part_key FROM gone_part);
DELETE FROM tenant_store.part_members WHERE part_key IN (SELECT part_key FROM gone_part);
ALTER TABLE tenant_store.series_parts ENABLE TRIGGER forget_gone;
DELETE FROM tenant_store.known_sets;
DELETE FROM tenant_store.known_parts;
SELECT * FROM pg_temp.store_parts('2026-01-20 00:07:00+00', jsonb_build_array(
    pg_temp.in_parts('one', pg_temp.part('plain', '[["cpu_percent", ""], ["nobody_knows", ""], ["load1", ""]]'),
        pg_temp.part('disks of one', '[["disk_percent", "/b"], ["disk_percent", "/a"]]'))), '{1,2,3,4,5}');
SELECT m.metrics FROM tenant_store.metric_snapshots AS m WHERE m.collected_at = '2026-01-20 00:07:00+00';
-- A server without newest values whose polls of one batch have different series.
DELETE FROM tenant_store.latest_collections;
SELECT * FROM pg_temp.store(pg_temp.poll('sql01', '2026-01-20 01:00:00+00', '[["load1", 1], ["load5", 5]]'), pg_temp.poll('sql01', '2026-01-20 01:01:00+00', '[["load1", 2]]'));
SELECT l.server, l.metric, l.value, l.collected_at FROM vitals.latest_metrics AS l;
-- Parts that somebody deletes are made anew.
DELETE FROM tenant_store.series_parts;
SELECT (SELECT count(*) FROM tenant_store.known_sets) AS sets, (SELECT count(*) FROM tenant_store.known_parts) AS parts, (SELECT count(*) FROM tenant_store.part_members) AS members;
SELECT * FROM pg_temp.store_parts('2026-01-20 00:03:30+00', jsonb_build_array(pg_temp.in_parts('six', pg_temp.part('shared', '[["load5", ""]]'))), '{3}');
SELECT m.metrics FROM tenant_store.metric_snapshots AS m WHERE m.collected_at = '2026-01-20 00:03:30+00';
DELETE FROM tenant_store.series_sets;
SELECT count(*) AS parts_of_sets FROM tenant_store.set_parts;
-- The set is forgotten, and its part is not.
SELECT * FROM pg_temp.store_parts('2026-01-20 00:04:00+00', jsonb_build_array(jsonb_build_object('hash', md5('six'))), '{3}');
SELECT * FROM pg_temp.store_parts('2026-01-20 00:04:00+00', jsonb_build_array(pg_temp.in_parts('six', pg_temp.part('shared'))), '{3}');
SELECT name, series FROM pg_temp.snapshots WHERE collected_at = '2026-01-20 00:04:00+00';

-- ---- what belonged to a server that is gone
DELETE FROM tenant_store.servers WHERE name = 'sql02';
SELECT DISTINCT server FROM vitals.latest_metrics;
SELECT server FROM vitals.collection_status;
SELECT vitals.maintain_tenant('tenant_store');
SELECT (SELECT count(*) FROM tenant_store.collection_state) AS states,
    (SELECT count(DISTINCT server_id) FROM tenant_store.server_latest) AS servers_with_values,
    (SELECT count(DISTINCT server_id) FROM tenant_store.server_events) AS servers_with_events,
    (SELECT count(DISTINCT server_id) FROM tenant_store.server_snapshots) AS servers_with_history;
-- The newest 1000 events of each are kept.
INSERT INTO tenant_store.server_events (server_id, happened_at, old_status, new_status)
SELECT s.id, '2026-02-01', 'online', 'offline' FROM tenant_store.servers AS s, generate_series(1, 1100);
SELECT vitals.maintain_tenant('tenant_store');
SELECT count(*) AS events FROM tenant_store.server_events;
