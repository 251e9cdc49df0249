-- How servers are collected: reading and changing it.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('c_one');
CREATE ROLE regress_config_user IN ROLE tenant_c_one;
SET SESSION AUTHORIZATION regress_config_user;
SELECT vitals.add_server('sql01', host => 'sql01.invalid') IS NOT NULL AS added;
SELECT vitals.add_server('sql02', host => 'sql02.invalid') IS NOT NULL AS added;
CREATE FUNCTION pg_temp.config(server text) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', g.interval_seconds, g.enabled, g.metrics_enabled) FROM vitals.collection_config_get(server) AS g $$;

-- ---- reading
SELECT c.server_id = vitals.find_server('sql01') AS its_id, c.interval_seconds, c.enabled, c.metrics_enabled, c.last_collected_at
FROM vitals.collection_config_get('sql01') AS c;
SELECT c.interval_seconds FROM vitals.collection_config_get(vitals.find_server('sql01')::text) AS c;
SELECT vitals.collection_config_get('sql99');
SELECT vitals.collection_config_get(NULL);

-- ---- changing: what is given, and nothing else
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01', interval_seconds => 30) AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01', interval_seconds => 3600) AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{wait_time_ms,cpu_percent}') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01', 60, false, '{*}') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01') AS c;
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql01', NULL, NULL, NULL) AS c;
-- The same twice, nested, or none at all.
SELECT c.metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{cpu_percent,wait_time_ms,cpu_percent}') AS c;
SELECT c.metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{{wait_time_ms,cpu_percent},{wait_time_ms,memory_percent}}') AS c;
SELECT c.metrics_enabled FROM vitals.collection_config_put('sql01', metrics_enabled => '{}') AS c;
SELECT pg_temp.config('sql02') AS the_other_one;

-- ---- refused, without a trace
SELECT vitals.collection_config_put('sql01', interval_seconds => 29);
SELECT vitals.collection_config_put('sql01', interval_seconds => 3601);
SELECT vitals.collection_config_put('sql01', interval_seconds => 0);
SELECT vitals.collection_config_put('sql01', interval_seconds => -2147483648);
SELECT vitals.collection_config_put('sql01', metrics_enabled => '{cpu_percent,NULL}');
DO $$
DECLARE
    wrong text;
    detail text;
    hint text;
BEGIN
    FOREACH wrong IN ARRAY ARRAY['cpu', 'x''; DROP TABLE servers; --', ''] LOOP
        BEGIN
            PERFORM vitals.collection_config_put('sql01', enabled => true, metrics_enabled => ARRAY['cpu_percent', wrong]);
        EXCEPTION WHEN invalid_parameter_value THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            -- The list grows with the connectors.
            RAISE NOTICE '%; %; %', sqlerrm, detail, hint ~ '^Known names near it are ([a-z0-9_]+, ){4}[a-z0-9_]+; \* stands for all\.';
        END;
    END LOOP;
END
$$;
-- Those near it come first.
CREATE FUNCTION pg_temp.nearest(wrong text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM vitals.collection_config_put('sql01', metrics_enabled => ARRAY[wrong]);
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN substring(hint FROM 'near it are ([a-z0-9_]+)');
END
$$;
SELECT wrong, pg_temp.nearest(wrong)
FROM unnest('{cpu_precent,CPU_PERCENT,wait_time,batch_requests/sec,connections_count,page_life_expectancy_s,uptime}'::text[]) AS wrong;
SELECT length(pg_temp.nearest(repeat('x', 1000000))) > 0 AS also_long, pg_temp.nearest('größe_数据库') IS NOT NULL AS also_others;
SELECT vitals.collection_config_put('sql99', interval_seconds => 60);
SELECT vitals.collection_config_put(NULL, interval_seconds => 60);
SELECT pg_temp.config('sql01');
-- Nor past the functions.
\set VERBOSITY terse
UPDATE tenant_c_one.collection_config SET interval_seconds = 29;
UPDATE tenant_c_one.collection_config SET metrics_enabled = '{}';
\set VERBOSITY default
DELETE FROM tenant_c_one.collection_config WHERE server_id = vitals.find_server('sql02');
-- A missing configuration is made; where nothing can be written, its defaults are shown.
CREATE FUNCTION pg_temp.configured() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM tenant_c_one.collection_config AS c JOIN tenant_c_one.servers AS s ON s.id = c.server_id WHERE s.name = 'sql02' $$;
BEGIN READ ONLY;
SELECT pg_temp.config('sql02'), pg_temp.configured();
ROLLBACK;
SELECT pg_temp.config('sql02');
SELECT pg_temp.configured();
DELETE FROM tenant_c_one.collection_config WHERE server_id = vitals.find_server('sql02');
SELECT c.interval_seconds, c.enabled, c.metrics_enabled FROM vitals.collection_config_put('sql02', interval_seconds => 45) AS c;

-- ---- on and off, as often as you like
SELECT c.enabled FROM vitals.collection_stop('sql01') AS c;
SELECT c.enabled FROM vitals.collection_start('sql01') AS c;
SELECT c.enabled FROM vitals.collection_start('sql01') AS c;
SELECT c.enabled FROM vitals.collection_stop('sql01') AS c;
SELECT c.enabled FROM vitals.collection_stop('sql01') AS c;
SELECT vitals.collection_start('sql99');
SELECT vitals.collection_stop('sql99');

-- ---- a rolled-back change has no effect
BEGIN;
SELECT c.enabled, c.interval_seconds FROM vitals.collection_config_put('sql01', 99, true) AS c;
ROLLBACK;
SELECT pg_temp.config('sql01');
BEGIN;
SAVEPOINT before;
SELECT vitals.collection_config_put('sql01', interval_seconds => 1);
ROLLBACK TO before;
SELECT current_user, vitals.find_server('sql01') IS NOT NULL AS found;
COMMIT;
-- An error that a function catches leaves the caller who he was.
DO $$
BEGIN
    PERFORM vitals.collection_config_put('sql01', interval_seconds => 1);
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE NOTICE 'caught as %: %', current_user, sqlerrm;
END
$$;

-- ---- the arguments of a poll at once; what it does is test/t's
SELECT vitals.collect_now('sql99');
SELECT vitals.collect_now(NULL);
SELECT vitals.collect_now('sql01', timeout => '999 ms');
SELECT vitals.collect_now('sql01', timeout => '6 minutes');
SELECT vitals.collect_now('sql01', timeout => NULL);

-- ---- getters can be used in a read-only transaction, the others not
BEGIN READ ONLY;
SELECT pg_temp.config('sql01');
SELECT vitals.collection_config_put('sql01', interval_seconds => 60);
ROLLBACK;
RESET SESSION AUTHORIZATION;

-- A deleted server takes its configuration along.
DELETE FROM tenant_c_one.servers WHERE name = 'sql02';
SELECT count(*) AS configurations FROM tenant_c_one.collection_config;
