-- A tenant owns its tables and may put code of its own on and in place of them. It must never run with the rights of whoever
-- calls a function or looks at a view: a superuser's, or those of a member of two tenants.
\set VERBOSITY default
\set SHOW_CONTEXT never
-- Suspended, so that the collector stays away: what it does as the tenant is test/t's.
BEGIN;
SELECT vitals.create_tenant('mallory');
SELECT vitals.create_tenant('victim');
UPDATE vitals.tenant_registry SET status = 'suspended' WHERE name IN ('mallory', 'victim');
COMMIT;
CREATE ROLE regress_attacks_web IN ROLE tenant_mallory, tenant_victim;
SET vitals.tenant = 'victim';
SELECT vitals.add_server('treasure', host => 'v') IS NOT NULL AS added;

SET SESSION AUTHORIZATION tenant_mallory;
CREATE TABLE tenant_mallory.loot (what text, as_whom text DEFAULT current_user);
-- Tries everything at once and tells who it was.
CREATE FUNCTION tenant_mallory.attack(what text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
    attempt text;
BEGIN
    FOREACH attempt IN ARRAY ARRAY[
        'ALTER ROLE tenant_mallory SUPERUSER',
        'SET LOCAL ROLE NONE',
        'SET LOCAL SESSION AUTHORIZATION DEFAULT',
        'CREATE TEMPORARY TABLE trap (i integer)',
        'SELECT name FROM tenant_victim.servers',
        'SELECT pg_read_file(''PG_VERSION'')']
    LOOP
        BEGIN
            EXECUTE attempt;
            RAISE NOTICE 'ATTACK SUCCEEDED: % as %: %', what, current_user, attempt;
        EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value OR insufficient_resources THEN
            NULL;
        END;
    END LOOP;
    -- Would outlive the call if settings were not put back.
    PERFORM set_config('vitals.tenant', 'victim', false), set_config('search_path', 'tenant_mallory', false);
    INSERT INTO tenant_mallory.loot (what) VALUES (what);
    RETURN true;
EXCEPTION WHEN read_only_sql_transaction OR feature_not_supported THEN
    RETURN true;
END
$$;
CREATE FUNCTION tenant_mallory.attack_trigger() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM tenant_mallory.attack(concat_ws(' ', 'trigger', tg_when, tg_op, tg_table_name)); RETURN coalesce(NEW, OLD); END $$;
CREATE FUNCTION pg_temp.spoils() RETURNS TABLE (what text, as_whom text) LANGUAGE sql AS
$$ SELECT DISTINCT l.what, l.as_whom FROM tenant_mallory.loot AS l ORDER BY 1, 2 $$;

-- It is a real one: this is what a superuser would let happen who writes to the tables himself.
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT tenant_mallory.attack('carelessness');
ROLLBACK;
SET SESSION AUTHORIZATION tenant_mallory;

-- ---- triggers, defaults, checks, generated values, policies
CREATE TRIGGER attack BEFORE INSERT OR UPDATE OR DELETE ON tenant_mallory.servers FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
CREATE TRIGGER attack AFTER INSERT OR UPDATE OR DELETE ON tenant_mallory.collection_config FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
CREATE TRIGGER attack AFTER INSERT OR UPDATE ON tenant_mallory.credentials FOR EACH STATEMENT EXECUTE FUNCTION tenant_mallory.attack_trigger();
ALTER TABLE tenant_mallory.servers ADD COLUMN note boolean DEFAULT tenant_mallory.attack('default');
ALTER TABLE tenant_mallory.collection_config ADD CHECK (tenant_mallory.attack('check'));
ALTER TABLE tenant_mallory.metric_types ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY attack ON tenant_mallory.metric_types USING (tenant_mallory.attack('policy'));
TRUNCATE tenant_mallory.loot;
RESET SESSION AUTHORIZATION;

-- A superuser works with the tenant.
SET vitals.tenant = 'mallory';
SELECT vitals.add_server('bait', host => 'm', username => 'sa', password => 'x', metrics => '{cpu_percent}') IS NOT NULL AS added;
SELECT c.enabled FROM vitals.collection_config_put('bait', interval_seconds => 30) AS c;
SELECT c.enabled FROM vitals.collection_stop('bait') AS c;
SELECT vitals.set_credential('bait', 'sa', 'y');
SELECT vitals.add_server('host', connector => 'local') IS NOT NULL AS added;
-- Still who he was, with his own settings.
SELECT current_user, current_setting('vitals.tenant') AS tenant, current_setting('search_path') AS search_path;
-- A member of both tenants, too.
SET SESSION AUTHORIZATION regress_attacks_web;
SELECT c.enabled FROM vitals.collection_config_put('bait', interval_seconds => 60, metrics_enabled => '{cpu_percent}') AS c;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION tenant_mallory;
SELECT * FROM pg_temp.spoils();
RESET SESSION AUTHORIZATION;
SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant_mallory';

-- A deferred trigger would run at commit, when the caller is himself again: it cannot be queued.
SET SESSION AUTHORIZATION tenant_mallory;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON tenant_mallory.collection_config DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
RESET SESSION AUTHORIZATION;
SELECT c.enabled FROM vitals.collection_config_put('bait', interval_seconds => 61) AS c;
SET SESSION AUTHORIZATION tenant_mallory;
DROP TRIGGER late ON tenant_mallory.collection_config;

-- ---- views and rules in place of tables
TRUNCATE tenant_mallory.loot;
ALTER TABLE tenant_mallory.servers RENAME TO real_servers;
CREATE VIEW tenant_mallory.servers AS SELECT * FROM tenant_mallory.real_servers WHERE tenant_mallory.attack('view of servers');
ALTER VIEW tenant_mallory.server_latest RENAME TO real_latest;
CREATE VIEW tenant_mallory.server_latest AS SELECT * FROM tenant_mallory.real_latest WHERE tenant_mallory.attack('view of latest')
    UNION ALL SELECT gen_random_uuid(), (SELECT min(t.id::text)::uuid FROM tenant_mallory.metric_types AS t), '', CASE WHEN tenant_mallory.attack('view of latest') THEN 1 END, now();
CREATE RULE attack AS ON INSERT TO tenant_mallory.collection_state DO ALSO SELECT tenant_mallory.attack('rule');
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM vitals.latest_metrics;
SELECT c.server FROM vitals.collection_status AS c;
SELECT c.interval_seconds FROM vitals.collection_config_get('bait') AS c;
SELECT current_user, current_setting('vitals.tenant') AS tenant, current_setting('search_path') AS search_path;
SET SESSION AUTHORIZATION tenant_mallory;
SELECT * FROM pg_temp.spoils();

-- ---- types with functions of the tenant's own
CREATE DOMAIN tenant_mallory.trap AS text CHECK (tenant_mallory.attack('domain'));
DROP VIEW tenant_mallory.servers;
CREATE VIEW tenant_mallory.servers AS SELECT id, name::tenant_mallory.trap AS name, connector, host, port, options, credential_id
    FROM tenant_mallory.real_servers;
RESET SESSION AUTHORIZATION;
SELECT c.server FROM vitals.collection_status AS c;
SELECT vitals.find_server('bait') IS NOT NULL AS found;

-- ---- metric groups
SET SESSION AUTHORIZATION tenant_mallory;
TRUNCATE tenant_mallory.loot;
ALTER TABLE tenant_mallory.metric_groups RENAME TO real_groups;
CREATE VIEW tenant_mallory.metric_groups AS SELECT * FROM tenant_mallory.real_groups
    UNION ALL SELECT 'trap', 'mssql', '{"metrics": []}', CASE WHEN tenant_mallory.attack('view of groups') THEN 'a trap' END;
RESET SESSION AUTHORIZATION;
SELECT g.name, g.description FROM vitals.metric_groups AS g WHERE g.origin = 'user';
SELECT c.metrics_enabled FROM vitals.collection_config_put('bait', metrics_enabled => '{waits,trap}') AS c;
SET SESSION AUTHORIZATION tenant_mallory;
DROP VIEW tenant_mallory.metric_groups;
ALTER TABLE tenant_mallory.real_groups RENAME TO metric_groups;
CREATE TRIGGER attack BEFORE INSERT OR UPDATE OR DELETE ON tenant_mallory.metric_groups FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
RESET SESSION AUTHORIZATION;
SELECT vitals.add_metric_group('bait_group', 'SELECT 1 AS bait_metric', '["bait_metric"]');
SELECT vitals.alter_metric_group('bait_group', every => 2);
SELECT vitals.remove_metric_group('bait_group');
SELECT current_user, current_setting('vitals.tenant') AS tenant, current_setting('search_path') AS search_path;
SET SESSION AUTHORIZATION tenant_mallory;
SELECT * FROM pg_temp.spoils();

-- ---- endless: the caller can cancel it
SET SESSION AUTHORIZATION tenant_mallory;
CREATE OR REPLACE VIEW tenant_mallory.servers AS SELECT id, name::tenant_mallory.trap AS name, connector, host, port, options, credential_id
    FROM tenant_mallory.real_servers WHERE pg_sleep(600) IS NOT NULL;
RESET SESSION AUTHORIZATION;
SET statement_timeout = '100ms';
SELECT vitals.find_server('bait');
RESET statement_timeout;
SELECT current_user;

-- ---- what superusers do with a tenant: its settings, what is in it, what retention takes
SET SESSION AUTHORIZATION tenant_mallory;
DROP VIEW tenant_mallory.servers;
CREATE VIEW tenant_mallory.servers AS SELECT * FROM tenant_mallory.real_servers WHERE tenant_mallory.attack('view of servers');
INSERT INTO tenant_mallory.server_snapshots (server_id, collected_at, status) SELECT id, now(), 'online' FROM tenant_mallory.real_servers;
TRUNCATE tenant_mallory.loot;
CREATE TRIGGER attack BEFORE UPDATE ON tenant_mallory.settings FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger();
ALTER TABLE tenant_mallory.server_snapshots ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY attack ON tenant_mallory.server_snapshots USING (tenant_mallory.attack('policy of snapshots'));
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'tenant_mallory.server_snapshots'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
        EXECUTE format('CREATE POLICY attack ON %s USING (tenant_mallory.attack(''policy of a partition''))', part);
        EXECUTE format('CREATE TRIGGER attack AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION tenant_mallory.attack_trigger()', part);
    END LOOP;
END
$$;
CREATE OR REPLACE VIEW tenant_mallory.metrics AS SELECT gen_random_uuid() AS id, id AS server_id, id AS metric_type_id,
    CASE WHEN tenant_mallory.attack('view of metrics') THEN 1::numeric END AS value, now()::timestamptz(3) AS collected_at, ''::text AS instance FROM tenant_mallory.real_servers;
RESET SESSION AUTHORIZATION;
SELECT vitals.alter_tenant('mallory', retention_days => 1, partition_width => 'day');
SELECT count(*) >= 0 AS previewed FROM vitals.retention_preview(1);
SELECT count(*) FROM vitals.fleet_status;
SELECT count(*) > 0 AS ranged FROM vitals.metric_range('bait', 'cpu_percent', now() - interval '1 hour', now() + interval '1 hour');
SELECT count(*) >= 0 AS bucketed FROM vitals.metric_buckets('cpu_percent', now() - interval '1 hour');
SELECT vitals.drop_tenant('mallory');
SELECT current_user, current_setting('vitals.tenant') AS tenant, current_setting('search_path') AS search_path, current_setting('client_min_messages') AS messages;
SET SESSION AUTHORIZATION tenant_mallory;
SELECT * FROM pg_temp.spoils();
DROP VIEW tenant_mallory.servers;
CREATE VIEW tenant_mallory.servers AS SELECT * FROM tenant_mallory.real_servers;
RESET SESSION AUTHORIZATION;
SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant_mallory';
SET vitals.tenant = 'mallory';

-- ---- gone: the error is the tenant's, and the others' work goes on
SET SESSION AUTHORIZATION tenant_mallory;
DROP VIEW tenant_mallory.servers;
RESET SESSION AUTHORIZATION;
\set VERBOSITY sqlstate
SELECT vitals.find_server('bait');
\set VERBOSITY default
SET vitals.tenant = 'victim';
SELECT c.server, c.state FROM vitals.collection_status AS c;
SELECT s.name, s.host FROM tenant_victim.servers AS s;

-- It can be dropped however damaged it is.
DROP FUNCTION pg_temp.spoils();
RESET vitals.tenant;
SELECT vitals.drop_tenant('mallory', drop_data => true);
SELECT vitals.drop_tenant('victim', drop_data => true);
SELECT to_regnamespace('tenant_mallory') AS mallory, to_regnamespace('tenant_victim') AS victim;
