-- Sets of series, their parts and series go once no stored collection can have them; what is in use stays, and stays known.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TIME ZONE 'UTC';
SET datestyle TO 'ISO';
SELECT vitals.create_tenant('prune', partition_width => 'day');
CREATE ROLE regress_pruning_user IN ROLE tenant_prune;
SET SESSION AUTHORIZATION regress_pruning_user;
SELECT vitals.add_server('sql01', host => 'a') IS NOT NULL AS added;
SELECT vitals.add_server('sql02', host => 'b') IS NOT NULL AS added;

CREATE FUNCTION pg_temp.part(hash text, names text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_strip_nulls(jsonb_build_object('hash', md5(hash), 'names', names::jsonb)) $$;
CREATE FUNCTION pg_temp.in_parts(hash text, VARIADIC parts jsonb[]) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('hash', md5(hash), 'parts', to_jsonb(parts)) $$;
CREATE FUNCTION pg_temp.alone(hash text) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('hash', md5(hash)) $$;
CREATE FUNCTION pg_temp.store(server text, age interval, members jsonb, vals text) RETURNS TABLE (stored integer, rejected integer)
LANGUAGE sql AS
$$
    SELECT p.stored, p.rejected
    FROM vitals.store_polls('tenant_prune', jsonb_build_object('sets', jsonb_build_array(members), 'polls', (
        SELECT jsonb_agg(jsonb_build_object(
            'server_id', s.id, 'collected_at', now() - age, 'started_at', now() - age, 'next_due_at', now(), 'status', 'online',
            'collected', true, 'consecutive_failures', 0, 'lag_ms', 1, 'duration_ms', 1, 'set', 0, 'vals', vals))
        FROM tenant_prune.servers AS s WHERE s.name = server))) AS p
$$;
-- What is there, by names: md5('…') is what the tests call a set or part.
CREATE TEMP TABLE name AS SELECT n AS name, md5(n)::uuid AS hash FROM unnest(ARRAY['plain', 'disks', 'one', 'two', 'blocker one', 'blocker two', 'rare', 'base']) AS n;
CREATE VIEW pg_temp.known AS
SELECT (SELECT string_agg(n.name, ', ' ORDER BY n.name) FROM tenant_prune.known_sets AS k JOIN name AS n ON n.hash = k.names_hash) AS sets,
    (SELECT string_agg(n.name, ', ' ORDER BY n.name) FROM tenant_prune.known_parts AS k JOIN name AS n ON n.hash = k.names_hash) AS parts;
CREATE VIEW pg_temp.there AS
SELECT (SELECT count(*) FROM tenant_prune.series_sets) AS sets, (SELECT count(*) FROM tenant_prune.set_parts) AS set_parts,
    (SELECT count(*) FROM tenant_prune.series_parts) AS parts, (SELECT count(*) FROM tenant_prune.part_members) AS members,
    (SELECT count(*) FROM tenant_prune.series) AS series;
CREATE VIEW pg_temp.collections AS
SELECT s.name, (now() - m.collected_at) > '5 days' AS old, m.metrics FROM tenant_prune.metric_snapshots AS m JOIN tenant_prune.servers AS s ON s.id = m.server_id ORDER BY m.collected_at, s.name, m.metrics::text;
-- As if a set had been used so many days ago for the last time.
CREATE FUNCTION pg_temp.age(sets text[], days integer) RETURNS void LANGUAGE sql AS
$$
    UPDATE tenant_prune.series_sets AS k SET used_on = (now() AT TIME ZONE 'UTC')::date - days
    WHERE k.set_key IN (SELECT n.set_key FROM tenant_prune.known_sets AS n WHERE n.names_hash IN (SELECT md5(s)::uuid FROM unnest(sets) AS s))
$$;
CREATE FUNCTION pg_temp.days_since_use(name text) RETURNS integer LANGUAGE sql AS
$$
    SELECT (now() AT TIME ZONE 'UTC')::date - k.used_on FROM tenant_prune.series_sets AS k JOIN tenant_prune.known_sets AS n USING (set_key)
    WHERE n.names_hash = md5(name)::uuid
$$;

-- Ten days ago somebody blocked; today there is one who did not then.
SELECT * FROM pg_temp.store('sql01', '10 days', pg_temp.in_parts('one', pg_temp.part('plain', '[["cpu_percent", ""], ["load1", ""]]'),
    pg_temp.part('blocker one', '[["disk_percent", "somebody"], ["disk_percent", "somebody else"]]')), '{1,2,3,4}');
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.in_parts('two', pg_temp.part('plain'), pg_temp.part('blocker two', '[["disk_percent", "another"]]')), '{5,6,7}');
SELECT * FROM pg_temp.store('sql02', '0', pg_temp.in_parts('base', pg_temp.part('plain'), pg_temp.part('disks', '[["disk_percent", "/"]]')), '{8,9,10}');
SELECT * FROM pg_temp.there;
SELECT * FROM pg_temp.known;

-- ---- as long as the partition is there a collection can be read, however long ago its set was used
SELECT pg_temp.age(ARRAY['one'], 11);
SELECT vitals.prune_sets('tenant_prune');
SELECT * FROM pg_temp.there;
SELECT * FROM pg_temp.collections;
SELECT l.server, l.metric, l.instance, l.value FROM vitals.latest_metrics AS l;

-- ---- it is noted once a day that a set is used, also by who tells its names
SELECT pg_temp.age(ARRAY['two', 'base'], 2);
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.alone('two'), '{5,6,7}');
SELECT pg_temp.days_since_use('two') AS two, pg_temp.days_since_use('base') AS base, pg_temp.days_since_use('one') AS one;
SELECT pg_temp.age(ARRAY['two', 'base'], 100);
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.alone('two'), '{5,6,7}');
SELECT * FROM pg_temp.store('sql02', '0', jsonb_build_object('parts', jsonb_build_array(
    pg_temp.part('plain', '[["cpu_percent", ""], ["load1", ""]]'), pg_temp.part('disks', '[["disk_percent", "/"]]'))), '{8,9,10}');
SELECT pg_temp.days_since_use('two') AS two, pg_temp.days_since_use('base') AS base, pg_temp.days_since_use('one') AS one;
-- A clock that was ahead is not followed back.
SELECT pg_temp.age(ARRAY['two'], -400);
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.alone('two'), '{5,6,7}');
SELECT pg_temp.days_since_use('two') AS two;
SELECT pg_temp.age(ARRAY['two'], 0);
SELECT count(*) AS sets FROM tenant_prune.series_sets;
SELECT * FROM pg_temp.known;

-- ---- with its partition goes what nobody else has
RESET SESSION AUTHORIZATION;
SET client_min_messages TO warning;
SELECT vitals.alter_tenant('prune', retention_days => 1);
RESET client_min_messages;
SET SESSION AUTHORIZATION regress_pruning_user;
SELECT vitals.partition_step('tenant_prune') LIKE 'dropped %' AS dropped;
SELECT vitals.maintain_tenant('tenant_prune');
-- Not in a transaction that does not see what was stored since it began.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vitals.prune_sets('tenant_prune');
COMMIT;
-- Nor while a partition may hold anything: the default one, or one that is being detached.
CREATE TABLE tenant_prune.whatever PARTITION OF tenant_prune.server_snapshots DEFAULT;
SELECT vitals.prune_sets('tenant_prune');
SELECT * FROM pg_temp.there;
DROP TABLE tenant_prune.whatever;
-- Nor what is the newest of a server, whatever the days say.
SELECT pg_temp.age(ARRAY['base'], 100);
SELECT vitals.prune_sets('tenant_prune');
SELECT * FROM pg_temp.there;
SELECT * FROM pg_temp.known;
SELECT s.instance FROM tenant_prune.series AS s JOIN tenant_prune.metric_types AS t ON t.id = s.metric_type_id WHERE t.name = 'disk_percent' ORDER BY s.instance;
SELECT DISTINCT name, metrics::text FROM pg_temp.collections;

-- ---- what comes back is asked for, and stored under keys that nothing had before
SELECT max(s.set_key) AS set_key FROM tenant_prune.series_sets AS s \gset last_
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.alone('one'), '{1,2,3,4}');
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.in_parts('one', pg_temp.part('plain'), pg_temp.part('blocker one')), '{1,2,3,4}');
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.in_parts('one', pg_temp.part('plain'),
    pg_temp.part('blocker one', '[["disk_percent", "somebody"], ["disk_percent", "somebody else"]]')), '{1,2,3,4}');
SELECT * FROM pg_temp.store('sql01', '0', pg_temp.alone('one'), '{11,12,13,14}');
SELECT count(*) > 0 AS is_new FROM tenant_prune.server_snapshots AS n WHERE n.set_key > :last_set_key;
SELECT m.metrics FROM tenant_prune.metric_snapshots AS m JOIN tenant_prune.servers AS s ON s.id = m.server_id WHERE s.name = 'sql01' AND m.metrics::text LIKE '%somebody%' ORDER BY m.metrics::text;
SELECT l.metric, l.instance, l.value FROM vitals.latest_metrics AS l WHERE l.server = 'sql01';

-- ---- a series whose value is still the newest stays, although its set and part are gone
SELECT * FROM pg_temp.store('sql02', '0', pg_temp.in_parts('rare', pg_temp.part('rare', '[["load15", ""]]')), '{15}');
SELECT pg_temp.days_since_use('base') AS base;
SELECT * FROM pg_temp.store('sql02', '0', pg_temp.alone('base'), '{18,19,20}');
SELECT pg_temp.age(ARRAY['rare'], 100);
DELETE FROM tenant_prune.server_snapshots AS n WHERE n.vals = '{15}';
SELECT vitals.prune_sets('tenant_prune');
SELECT * FROM pg_temp.known;
SELECT l.metric, l.instance, l.value FROM vitals.latest_metrics AS l WHERE l.server = 'sql02';
UPDATE tenant_prune.latest_collections SET older_series = NULL, older_vals = NULL, older_times = NULL;
SELECT vitals.prune_sets('tenant_prune');
SELECT count(*) AS series FROM tenant_prune.series AS s JOIN tenant_prune.metric_types AS t ON t.id = s.metric_type_id WHERE t.name = 'load15';

-- ---- so many at a time
INSERT INTO tenant_prune.series_sets (series_keys, hash, used_on) SELECT ARRAY[n], md5('made up ' || n)::uuid, '2020-01-01' FROM generate_series(1, 1001) AS n;
INSERT INTO tenant_prune.series_parts (series_keys, hash) SELECT array_fill(n, ARRAY[30000]), md5('made up ' || n)::uuid FROM generate_series(1, 3) AS n;
SELECT * FROM pg_temp.there \gset before_
SELECT vitals.prune_sets('tenant_prune');
SELECT :before_sets - sets AS sets, :before_parts - parts AS parts FROM pg_temp.there;
SELECT vitals.prune_sets('tenant_prune');
SELECT :before_sets - sets AS sets, :before_parts - parts AS parts FROM pg_temp.there;
SELECT * FROM pg_temp.known;

-- ---- sets of series, parts and series that somebody deletes: what is known of others stays
SELECT * FROM pg_temp.known;
DELETE FROM tenant_prune.series_sets AS k USING tenant_prune.known_sets AS n WHERE n.set_key = k.set_key AND n.names_hash = md5('one')::uuid;
SELECT * FROM pg_temp.known;
-- All is forgotten where sets lack a part.
DELETE FROM tenant_prune.series_parts AS k USING tenant_prune.known_parts AS n WHERE n.part_key = k.part_key AND n.names_hash = md5('disks')::uuid;
SELECT * FROM pg_temp.known;
SELECT * FROM pg_temp.store('sql02', '0', pg_temp.in_parts('base', pg_temp.part('plain', '[["cpu_percent", ""], ["load1", ""]]'), pg_temp.part('disks', '[["disk_percent", "/"]]')), '{8,9,10}');
SELECT * FROM pg_temp.known;
-- Or parts a series.
DELETE FROM tenant_prune.series AS s USING tenant_prune.metric_types AS t WHERE t.id = s.metric_type_id AND t.name = 'load1';
SELECT * FROM pg_temp.known;
