-- Metric groups: the catalogue's, a tenant's own, and what is said of wait types.
\set SHOW_CONTEXT never
SET client_min_messages TO warning;
SELECT vitals.create_tenant('groups');
CREATE ROLE regress_groups_user;
GRANT tenant_groups TO regress_groups_user;
SET vitals.tenant TO 'groups';

-- -- the catalogue
SELECT g.name, g.cost, g.permission, g.every, cardinality(g.metrics) AS metrics, jsonb_array_length(g.variants) AS variants
FROM vitals.metric_groups AS g ORDER BY g.name;
-- Names of groups and of metrics are one space.
SELECT g.name FROM vitals.metric_group_catalogue AS g JOIN vitals.metric_catalogue AS m USING (name);
-- A kind that divides has what it divides by, and only such a kind.
SELECT m.name FROM vitals.metric_catalogue AS m
WHERE m.metric_group IS NOT NULL AND (m.source IS NULL OR (m.kind IN ('ratio', 'average')) <> (m.base IS NOT NULL));
-- Counters whose type says something else than they are.
SELECT m.source, m.kind FROM vitals.metric_catalogue AS m
WHERE m.source ~ '(Log Growths|Log Shrinks|Log Truncations|CLR Execution|Disk Read IO/sec|Disk Write IO/sec|Requests completed/sec)$'
ORDER BY m.source COLLATE "C";
-- What the prober reads: no field that is for people, no variant without SQL, nothing beyond its bounds.
SELECT DISTINCT k FROM vitals.metric_group_definitions() AS d, jsonb_object_keys(d.definition) AS k ORDER BY k;
SELECT DISTINCT k FROM vitals.metric_group_definitions() AS d, jsonb_array_elements(d.definition -> 'metrics') AS m, jsonb_object_keys(m) AS k
ORDER BY k;
SELECT d.name FROM vitals.metric_group_definitions() AS d
WHERE octet_length(d.definition::text) > 60000 OR jsonb_array_length(d.definition -> 'metrics') NOT BETWEEN 1 AND 300
    OR EXISTS (SELECT FROM jsonb_array_elements(d.definition -> 'variants') AS v
               WHERE v ->> 'sql' !~ '^(SELECT|WITH) ' OR length(v ->> 'sql') > 8000 OR v ->> 'sql' ~ ';');
SELECT d.definition - 'categories' FROM vitals.metric_group_definitions() AS d WHERE d.name = 'memory_clerks';
SELECT d.definition -> 'variants' -> 1 FROM vitals.metric_group_definitions() AS d WHERE d.name = 'waits';
-- A new tenant knows all metrics; one that is upgraded gets those that it lacks, and keeps its own.
SELECT count(*) > 250 AS many, count(*) = (SELECT count(*) FROM vitals.metric_catalogue) AS all_of_them FROM tenant_groups.metric_types;
DELETE FROM tenant_groups.metric_types WHERE name IN ('volume_free_percent', 'file_reads_sec');
INSERT INTO tenant_groups.metric_types (name, unit, description, kind) VALUES ('file_reads_sec', 'x', 'Mine.', 'gauge');
SELECT vitals.upgrade_tenant('groups') = vitals.installed_version() AS upgraded;
SELECT name, unit, kind FROM tenant_groups.metric_types WHERE name IN ('volume_free_percent', 'file_reads_sec') ORDER BY name;

-- -- what a server may collect
SELECT vitals.add_server('sql01', '192.0.2.1', metrics => '{waits,cpu_percent,files,waits}') IS NOT NULL AS added;
SELECT metrics_enabled FROM vitals.collection_config_get('sql01');
SELECT metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{*}');
SELECT vitals.collection_config_put('sql01', metrics_enabled => '{wait}');
SELECT vitals.collection_config_put('sql01', metrics_enabled => '{database_counter}');
SELECT vitals.add_server('sql02', '192.0.2.1', metrics => '{agent_jobz}');

-- What slow groups read is not outdated by the next cycle. No two metrics come to one name.
SELECT vitals.prometheus_name(m.name, m.unit), array_agg(m.name) FROM vitals.metric_catalogue AS m GROUP BY 1 HAVING count(*) > 1;
BEGIN;
SELECT enabled FROM vitals.collection_config_put('sql01', interval_seconds => 60, enabled => true);
INSERT INTO tenant_groups.metrics (server_id, metric_type_id, value, collected_at)
SELECT s.id, t.id, 7, now() - interval '10 minutes' FROM tenant_groups.servers AS s, tenant_groups.metric_types AS t
WHERE t.name IN ('databases_never_backed_up', 'databases_not_online', 'page_life_expectancy');
SELECT regexp_replace(line, '\{.*\}', '') AS line FROM regexp_split_to_table(vitals.exposition(), E'\n') AS line
WHERE line ~ '^vitals_(databases|page_life)';
ROLLBACK;

-- When a setting changed: not with its first value, nor where it stayed.
BEGIN;
INSERT INTO tenant_groups.metrics (server_id, metric_type_id, instance, value, collected_at)
SELECT s.id, t.id, v.setting, v.value, now() - v.hours_ago * interval '1 hour'
FROM tenant_groups.servers AS s, tenant_groups.metric_types AS t,
    (VALUES ('max server memory (MB)', 5, 1000), ('max server memory (MB)', 4, 1000), ('max server memory (MB)', 3, 2000),
            ('max server memory (MB)', 2, 2000), ('max server memory (MB)', 1, 1000), ('fill factor (%)', 3, 0), ('fill factor (%)', 2, 0)
    ) AS v (setting, hours_ago, value)
WHERE t.name = 'configuration_value';
SELECT round(extract(epoch FROM now() - c.changed_at) / 3600) AS hours_ago, c.instance, c.old_value, c.new_value
FROM vitals.metric_changes('sql01', 'configuration_value', now() - interval '1 day') AS c;
SELECT count(*) FROM vitals.metric_changes('sql01', 'configuration_value', now() - interval '1 day', now() - interval '2 hours');
ROLLBACK;
SELECT * FROM vitals.metric_changes('sql01', 'no_such_metric', now() - interval '1 day');

-- -- a tenant's own groups, by a user that may operate it
SET ROLE regress_groups_user;
SELECT vitals.add_metric_group('order_queue', 'SELECT COUNT(*) AS order_queue_length FROM Shop.dbo.Orders WHERE Done = 0;', '["order_queue_length"]');
SELECT vitals.add_metric_group(
    'shop', E'\n  WITH o AS (SELECT Kind, Amount, n FROM Shop.dbo.Totals) -- drop it\n SELECT [Kind; of], ''a; delete '''' b'' AS x FROM o OPTION (USE HINT (''X'')) ;; ',
    '[{"name": "shop_orders_sec", "source": "orders", "kind": "rate"},
      {"name": "shop_share", "source": "won", "base": "orders", "kind": "ratio", "scale": 1, "description": "Orders won."},
      {"name": "shop_bytes", "source": "kb", "factor": 1024, "unit": "B", "over": "sum"}]',
    labels => '{Kind,Land}', description => 'What the shop does.', every => 5, timeout => '2 seconds', row_limit => 100,
    permission => 'SELECT on Shop.dbo.Totals');
SELECT vitals.add_metric_group(
    'by_version', variants => '[{"min_version": 13, "sql": "SELECT 1 AS versions"}, {"editions": [5], "sql": "SELECT 2 AS versions"}]',
    metrics => '["versions"]', key => '{created}');
SELECT name, connector, description, definition FROM tenant_groups.metric_groups ORDER BY name;
SELECT name, unit, kind, scale, description FROM tenant_groups.metric_types WHERE name ~ '^(order_|shop_|versions)' ORDER BY name;
SELECT * FROM vitals.metric_groups WHERE origin = 'user' AND name <> 'shop' ORDER BY name;
SELECT metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{shop,order_queue_length,waits}');

-- Changing: what is not given stays.
SELECT vitals.alter_metric_group('shop', every => 10);
SELECT vitals.alter_metric_group('shop', sql => 'SELECT 3 AS kb', metrics => '[{"name": "shop_bytes", "source": "kb", "factor": 1000, "unit": "B"}]', labels => '{}');
SELECT definition FROM tenant_groups.metric_groups WHERE name = 'shop';
SELECT vitals.alter_metric_group('shop', description => 'Ours.');
SELECT description, every, permission FROM vitals.metric_groups WHERE name = 'shop';
SELECT vitals.alter_metric_group('waits', every => 10);
SELECT vitals.alter_metric_group('nothing');
-- What it had may be collected anew by another group, if it means the same.
SELECT vitals.add_metric_group('shop_again', 'SELECT 1 AS a', '[{"name": "shop_share", "source": "a", "base": "a", "kind": "ratio"}]');
SELECT vitals.alter_metric_group('shop_again', metrics => '[{"name": "shop_orders_sec", "source": "a"}]');

-- Names that are taken.
SELECT vitals.add_metric_group('waits', 'SELECT 1 AS a', '["a_metric"]');
SELECT vitals.add_metric_group('cpu_percent', 'SELECT 1 AS a', '["a_metric"]');
SELECT vitals.add_metric_group('shop', 'SELECT 1 AS a', '["a_metric"]');
SELECT vitals.add_metric_group('sysinfo', 'SELECT 1 AS a', '["a_metric"]');
SELECT vitals.add_metric_group('twice', 'SELECT 1 AS a', '["twice"]');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["batch_requests_sec"]');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["shop_bytes"]');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["order_queue"]');
SELECT count(*) FROM tenant_groups.metric_groups WHERE name IN ('waits', 'cpu_percent', 'sysinfo', 'twice', 'mine');

-- Statements that are refused, and a few that are not.
CREATE FUNCTION pg_temp.complaint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    PERFORM vitals.check_group_sql(statement);
    RETURN 'fine';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
    RETURN said;
END $$;
SELECT statement, pg_temp.complaint(statement) FROM (VALUES
    (NULL), (''), (' ; '), ('DELETE FROM t'), ('EXEC xp_cmdshell ''dir'''), ('SELECT 1; DROP TABLE t'), ('SELECT 1 DROP TABLE t'),
    ('SELECT * INTO t2 FROM t'), ('WITH x AS (SELECT 1 AS a) DELETE FROM x'), ('SELECTED'), ('SELECT 1 AS a WAITFOR DELAY ''1'''),
    ('SELECT 1 AS a USE master'), ('SELECT 1 AS a; -- two'), ('select [update], "drop;" from t where x = ''delete'''),
    ('SELECT 1 AS a /* drop; */ -- insert'), ('SELECT 1 AS a /* drop */ DROP TABLE t /* */'), ('SELECT updated, dropped FROM created'),
    (E'\n\tSELECT 1 AS a\r\n;'), (E'SELECT 1\x01'), ('/* first */ SELECT 1 AS a')) AS s (statement);
SELECT pg_temp.complaint('SELECT ''' || repeat('x', 32760) || '''');
SELECT pg_temp.complaint('SELECT ' || repeat('{{sources}},', n) || '1') FROM generate_series(8, 9) AS n;

-- Everything else that is refused.
CREATE FUNCTION pg_temp.refused(metrics text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    PERFORM vitals.check_group_metrics(metrics::jsonb);
    RETURN 'fine';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT;
    RETURN said;
END $$;
SELECT metrics, pg_temp.refused(metrics) FROM (VALUES
    ('["a"]'), ('[1]'), ('["A"]'), ('[{}]'), ('[{"name": "a", "sql": "x"}]'), ('[{"name": "a", "kind": "sum"}]'), ('[{"name": "a", "kind": "ratio"}]'),
    ('[{"name": "a", "base": "b"}]'), ('[{"name": "a", "over": "category"}]'), ('[{"name": "a", "over": "max", "kind": "rate"}]'),
    ('[{"name": "a", "over": "count", "kind": "delta"}]'), ('[{"name": "a", "source": ""}]'), ('[{"name": "a", "factor": 0}]'),
    ('[{"name": "a", "factor": "2"}]'), ('[{"name": "a", "scale": 2.5}]'), ('[{"name": "a", "unit": ""}]'), ('["a", "a"]'),
    ('[]'), ('{}')) AS m (metrics);
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a');
SELECT vitals.add_metric_group('mine', metrics => '["mine_a"]');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', variants => '[{"sql": "SELECT 1 AS a"}]');
SELECT vitals.add_metric_group('mine', variants => '[{"sql": "SELECT 1 AS a", "version": 13}]', metrics => '["mine_a"]');
SELECT vitals.add_metric_group('mine', variants => '[{"sql": "DELETE t"}]', metrics => '["mine_a"]');
SELECT vitals.add_metric_group('Mine', 'SELECT 1 AS a', '["mine_a"]');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', every => 0);
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', row_limit => 1001);
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', timeout => '6 seconds');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', labels => '{1,2,3,4,5,6,7,8,9}');
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]', key => '{a,NULL}');
SELECT vitals.add_metric_group(
    'mine', variants => (SELECT jsonb_agg(jsonb_build_object('sql', 'SELECT ''' || repeat('x', 30000) || ''' AS a')) FROM generate_series(1, 5)),
    metrics => '["mine_a"]');
-- Fifty are the most.
SELECT count(vitals.add_metric_group('many_' || n, 'SELECT 1 AS a', jsonb_build_array('many_metric_' || n))) FROM generate_series(1, 46) AS n;
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]');
SELECT vitals.alter_metric_group('many_1', every => 2);

-- Removing.
SELECT vitals.remove_metric_group('shop');
SELECT metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{order_queue_length,waits}');
SELECT vitals.remove_metric_group('shop');
SELECT vitals.remove_metric_group('shop');
SELECT vitals.remove_metric_group('waits');
SELECT vitals.remove_metric_group('order_queue');
SELECT count(*) FROM tenant_groups.metric_types WHERE name IN ('shop_bytes', 'order_queue_length');
RESET ROLE;

-- Who may only read sees groups, and changes none.
CREATE ROLE regress_groups_reader;
SELECT vitals.grant_tenant('groups', 'regress_groups_reader');
SET ROLE regress_groups_reader;
SELECT count(*) > 28 AS seen FROM vitals.metric_groups;
SELECT vitals.add_metric_group('mine', 'SELECT 1 AS a', '["mine_a"]');
SELECT vitals.remove_metric_group('by_version');
SELECT vitals.classify_wait('WRITELOG', ignored => true);
RESET ROLE;
-- Another tenant has none of it.
SELECT vitals.create_tenant('groups2');
SET vitals.tenant TO 'groups2';
SELECT count(*) FROM vitals.metric_groups WHERE origin = 'user';
SELECT vitals.add_metric_group('by_version', 'SELECT 1 AS versions', '["versions"]');
SELECT vitals.drop_tenant('groups2');
SET vitals.tenant TO 'groups';

-- -- wait types
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE ignored) AS ignored, count(*) FILTER (WHERE origin = 'user') AS chosen FROM vitals.wait_types;
SELECT * FROM vitals.wait_types WHERE wait_type IN ('CXCONSUMER', 'THREADPOOL', 'WRITELOG', 'OLEDB') ORDER BY wait_type;
SELECT vitals.classify_wait('CXCONSUMER', ignored => false);
SELECT vitals.classify_wait('BRAND_NEW_WAIT_2027', 'Parallelism');
SELECT vitals.classify_wait('OLEDB', 'Linked servers', true);
SELECT * FROM vitals.wait_types WHERE origin = 'user' ORDER BY wait_type;
SELECT w.name, d.definition -> 'categories' ->> w.name AS category
FROM vitals.metric_group_definitions() AS d, unnest('{CXCONSUMER,BRAND_NEW_WAIT_2027,OLEDB,WRITELOG,WAITFOR}'::text[]) AS w (name)
WHERE d.name = 'waits';
SELECT vitals.classify_wait('OLEDB');
SELECT vitals.classify_wait('CXCONSUMER');
SELECT vitals.classify_wait('BRAND_NEW_WAIT_2027');
SELECT count(*) FROM vitals.wait_types WHERE origin = 'user';
SELECT vitals.classify_wait('lower case');
SELECT vitals.classify_wait('WRITELOG', 'ignored');
SELECT vitals.classify_wait('WRITELOG', '');
SELECT vitals.classify_wait('WRITELOG', repeat('€', 43));
INSERT INTO vitals.wait_type_choices (wait_type, category, chosen_at) VALUES ('WRITELOG', repeat('€', 43), '2000-01-01 12:00Z');

SELECT vitals.drop_tenant('groups', true);
DROP FUNCTION pg_temp.complaint(text), pg_temp.refused(text);
DROP ROLE regress_groups_user, regress_groups_reader;
