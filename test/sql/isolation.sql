-- A role of tenant A neither reads nor writes nor guesses anything of tenant B.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('iso_a');
SELECT vitals.create_tenant('iso_b');
CREATE ROLE regress_iso_ann IN ROLE tenant_iso_a;
CREATE ROLE regress_iso_bob IN ROLE tenant_iso_b;
SET SESSION AUTHORIZATION regress_iso_bob;
SELECT vitals.add_server('secret', host => 'b.example', username => 'sa', password => 'x') IS NOT NULL AS added;
SELECT vitals.find_server('secret') AS id_of_b, tenant_key AS key_of_b, id AS uuid_of_b FROM vitals.tenants \gset
RESET SESSION AUTHORIZATION;

SET SESSION AUTHORIZATION regress_iso_ann;
SELECT vitals.add_server('own', host => 'a.example') IS NOT NULL AS added;

-- ---- the registry
SELECT t.name FROM vitals.tenants AS t;
SELECT count(*) FROM vitals.tenant_registry;
SELECT count(*) FROM vitals.trusted_servers;
-- A function that leaks its argument sees what passes, and nothing else.
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
SELECT t.name FROM vitals.tenants AS t WHERE pg_temp.leak(t.name);
SELECT p.tenant FROM vitals.probers AS p WHERE pg_temp.leak(p.tenant);
SELECT count(*) AS probers_of_others FROM vitals.prober_rows() AS p WHERE p.tenant_key <> (SELECT t.tenant_key FROM vitals.tenants AS t);

-- ---- B's tables: every one, read and written
CREATE FUNCTION pg_temp.attempts(schema name, VARIADIC attempts text[]) RETURNS TABLE (relation name, attempt text, outcome text) LANGUAGE plpgsql AS
$$
BEGIN
    FOR relation IN
        SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = quote_ident(schema)::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        FOREACH attempt IN ARRAY attempts
        LOOP
            BEGIN
                EXECUTE format(attempt, schema, relation);
                outcome := 'SUCCEEDED';
            EXCEPTION WHEN insufficient_privilege THEN
                outcome := sqlerrm;
            END;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
SELECT a.outcome, count(*) > 50 AS attempts
FROM pg_temp.attempts('tenant_iso_b', 'SELECT count(*) FROM %I.%I', 'DELETE FROM %I.%I', 'TRUNCATE %I.%I', 'LOCK %I.%I', 'DROP TABLE %I.%I',
    'ALTER TABLE %I.%I OWNER TO regress_iso_ann',
    'CREATE TRIGGER t BEFORE INSERT ON %I.%I FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()') AS a
GROUP BY a.outcome;
-- The same attempts work where they may.
SELECT DISTINCT a.outcome FROM pg_temp.attempts('tenant_iso_a', 'SELECT count(*) FROM %I.%I', 'LOCK %I.%I') AS a;
\set VERBOSITY sqlstate
CREATE TABLE tenant_iso_b.mine (i integer);
CREATE TABLE tenant_iso_a.mine (LIKE tenant_iso_b.servers);
CREATE TABLE tenant_iso_a.mine (s uuid REFERENCES tenant_iso_b.servers);
\set VERBOSITY default

-- ---- the functions, with B's names and ids
SET vitals.tenant = 'iso_b';
SELECT vitals.find_server('secret');
SELECT * FROM vitals.latest_metrics;
SELECT * FROM vitals.collection_status;
SELECT vitals.add_server('x', host => 'x');
RESET vitals.tenant;
SELECT vitals.find_server('secret');
-- As if it did not exist, down to the texts.
SET regress.id_of_b = :'id_of_b';
DO $$
DECLARE
    guess text;
    code text;
    detail text;
    hint text;
BEGIN
    FOREACH guess IN ARRAY ARRAY[current_setting('regress.id_of_b'), gen_random_uuid()::text] LOOP
        BEGIN
            PERFORM vitals.find_server(guess);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RAISE NOTICE '% % % %', code, sqlerrm, replace(detail, guess, 'GUESS'), hint;
        END;
    END LOOP;
END
$$;
SELECT vitals.request_check(:key_of_b, :'id_of_b', 1000);
SELECT vitals.request_check(2147483647, :'id_of_b', 1000);
SELECT vitals.request_check(NULL, :'id_of_b', 1000) IS NULL AS nothing;
SELECT vitals.request_check((SELECT t.tenant_key FROM vitals.tenants AS t), :'id_of_b', 1000);
SELECT vitals.request_poll(:key_of_b, :'id_of_b', 1000);
SELECT vitals.request_poll((SELECT t.tenant_key FROM vitals.tenants AS t), :'id_of_b', 1000);
SELECT vitals.collect_now('secret');
SELECT vitals.alter_server('secret', host => 'x');
SELECT vitals.remove_server('secret', keep_history => false);
SELECT vitals.update_server(:'id_of_b', 'x', 'x', 1, '{}');
SELECT vitals.delete_server(:'id_of_b', false);
SELECT vitals.collected_values(:'id_of_b', now()) IS NULL AS nothing;

-- All of them 42501 (permission denied).
\set VERBOSITY sqlstate
-- ---- the halves that do the work, called with a forged tenant: no more than the caller's own rights
SELECT vitals.find_server_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'secret');
SELECT * FROM vitals.collection_status_rows_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL));
SELECT * FROM vitals.latest_metrics_rows_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), NULL);
SELECT vitals.set_credential_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'secret', 'ann', 'x');
SELECT vitals.collection_config_put_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'secret', 30, true, NULL);
SELECT vitals.insert_server_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL),
    gen_random_uuid(), 'x', 'x', 1, 'mssql', NULL, NULL, '{}', NULL);
SELECT vitals.check_metrics_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), '{x}');

SELECT vitals.stored_config_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'secret');
SELECT vitals.server_of_tenant_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'secret');
SELECT vitals.update_server_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), :'id_of_b', 'x', 'x', 1, '{}');
SELECT vitals.delete_server_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), :'id_of_b', false);
SELECT vitals.collected_values_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), :'id_of_b', now());
SELECT vitals.find_metric_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'x');
SELECT * FROM vitals.fleet_status_rows_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL));
SELECT * FROM vitals.metric_range_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'x', 'x', now() - interval '1 h', now());
SELECT * FROM vitals.metric_buckets_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 'x', now() - interval '1 h', now(), '1 h', NULL);
SELECT vitals.change_settings_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL), 1, 'day');
SELECT vitals.tenant_contents_in(ROW(:key_of_b, :'uuid_of_b', 'iso_b', 'tenant_iso_b', 'tenant_iso_b', 'active', now(), 'operate', NULL));
SELECT vitals.insert_metric('tenant_iso_b', :'id_of_b', :'id_of_b', 1, now(), '');
SELECT vitals.retention_of('tenant_iso_b');
SELECT vitals.partition_width_of('tenant_iso_b');

-- ---- what only superusers call
SELECT vitals.create_tenant('iso_c');
SELECT vitals.alter_tenant('iso_b', retention_days => 1);
SELECT vitals.suspend_tenant('iso_b');
SELECT vitals.resume_tenant('iso_b');
SELECT vitals.set_tenant_status('iso_b', 'suspended');
SELECT vitals.drop_tenant('iso_b', true);
SELECT vitals.grant_tenant('iso_b', 'regress_iso_ann');
SELECT vitals.grant_tenant('iso_a', 'regress_iso_bob');
SELECT vitals.revoke_tenant('iso_b', 'regress_iso_bob');
SELECT vitals.find_tenant('iso_b');
SELECT vitals.note_problem(:key_of_b, 'x');
SELECT * FROM vitals.tenant_readers;
SELECT * FROM vitals.tenant_problems;

-- ---- what the collector calls
SELECT vitals.ensure_partition('tenant_iso_b', '2020-01-15');
SELECT vitals.ensure_partition('public', '2020-01-15');
SELECT vitals.store_polls('tenant_iso_b', '{"sets": [], "polls": []}');
SELECT vitals.store_rows('tenant_iso_b', '{"sets": [], "polls": []}');
SELECT vitals.maintain_tenant('tenant_iso_b');
SELECT vitals.partition_step('tenant_iso_b');
SELECT vitals.ensure_partitions_ahead('tenant_iso_b');
SELECT vitals.merge_latest('tenant_iso_b', ARRAY[:'id_of_b'::uuid], ARRAY[:'id_of_b'::uuid], NULL, now(), now());
SELECT vitals.add_sets('tenant_iso_b', '{"sets": [[["cpu_percent", ""]]], "polls": [{"set": 0}]}');
SELECT vitals.maintain_tenant('tenant_iso_a');
SELECT vitals.create_tenant_relations('tenant_iso_a', 'tenant_iso_a', 30, 'month');
SELECT vitals.create_tenant_tables('tenant_iso_b');
SELECT vitals.create_tenant_views('tenant_iso_b');
SELECT vitals.grant_tenant_functions('regress_iso_ann');
SELECT vitals.approve_server(:'id_of_b', :key_of_b, 'local');

\set VERBOSITY default

-- ---- a secret that is carried over is sealed for its place
SELECT vitals.seal_secret(:'uuid_of_b', gen_random_uuid(), 'b.example', 'x') IS NOT NULL AS useless;
RESET SESSION AUTHORIZATION;

-- ---- a member of A without inheritance: the functions act as A's role, and he gets nothing more
CREATE ROLE regress_iso_cay NOINHERIT IN ROLE tenant_iso_a;
GRANT USAGE ON SCHEMA vitals TO regress_iso_cay;
GRANT SELECT ON vitals.tenants, vitals.collection_status TO regress_iso_cay;
GRANT EXECUTE ON FUNCTION vitals.collection_status_rows(), vitals.tenant_of_caller() TO regress_iso_cay;
SET SESSION AUTHORIZATION regress_iso_cay;
SELECT c.server FROM vitals.collection_status AS c;
SELECT count(*) FROM tenant_iso_a.servers;
RESET SESSION AUTHORIZATION;

-- ---- all of that changed nothing of B's
SET SESSION AUTHORIZATION regress_iso_bob;
SELECT c.server, c.enabled, c.interval_seconds FROM vitals.collection_status AS c;
SELECT c.username FROM tenant_iso_b.credentials AS c;
RESET SESSION AUTHORIZATION;
