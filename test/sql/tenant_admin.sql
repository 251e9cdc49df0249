-- Changing, suspending and dropping tenants, and who may use them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TIME ZONE 'UTC';
SET datestyle TO 'ISO';

-- ---- settings
SELECT vitals.create_tenant('adm', retention_days => 7, partition_width => 'week');
SELECT retention_days, partition_width FROM tenant_adm.settings;
SELECT vitals.create_tenant('adm_x', retention_days => 0);
SELECT vitals.create_tenant('adm_x', retention_days => 3651);
SELECT vitals.create_tenant('adm_x', retention_days => NULL);
SELECT vitals.create_tenant('adm_x', partition_width => 'year');
SELECT vitals.create_tenant('adm_x', partition_width => NULL);
SELECT vitals.alter_tenant('adm', retention_days => 3650, partition_width => 'day');
SELECT retention_days, partition_width FROM tenant_adm.settings;
SELECT vitals.alter_tenant('adm', retention_days => 1);
SELECT vitals.alter_tenant('adm', partition_width => 'month');
SELECT vitals.alter_tenant('adm');
SELECT retention_days, partition_width FROM tenant_adm.settings;
SELECT vitals.alter_tenant('adm', retention_days => 0);
SELECT vitals.alter_tenant('adm', retention_days => -1);
SELECT vitals.alter_tenant('adm', retention_days => 3651);
SELECT vitals.alter_tenant('adm', partition_width => 'fortnight');
SELECT vitals.alter_tenant('nobody', retention_days => 1);
SELECT vitals.alter_tenant(NULL, retention_days => 1);
-- Its owner may change them, too, and cannot set what makes no sense.
SET SESSION AUTHORIZATION tenant_adm;
UPDATE tenant_adm.settings SET retention_days = 5;
UPDATE tenant_adm.settings SET retention_days = 0;
UPDATE tenant_adm.settings SET partition_width = 'year';
INSERT INTO tenant_adm.settings DEFAULT VALUES;
-- Unless it takes the checks off, or the row away: then the limits hold all the same.
ALTER TABLE tenant_adm.settings DROP CONSTRAINT settings_retention_days_check, DROP CONSTRAINT settings_partition_width_check;
UPDATE tenant_adm.settings SET retention_days = -5, partition_width = 'x''; DROP TABLE servers; --';
SELECT vitals.retention_of('tenant_adm'), vitals.partition_width_of('tenant_adm');
DELETE FROM tenant_adm.settings;
SELECT vitals.retention_of('tenant_adm'), vitals.partition_width_of('tenant_adm');
RESET SESSION AUTHORIZATION;
SELECT vitals.alter_tenant('adm', retention_days => 9);
SELECT retention_days, partition_width FROM tenant_adm.settings;
-- Where its servers may be.
SELECT vitals.alter_tenant('adm', allowed_targets => list)
FROM unnest(ARRAY['10.0.0.0/8, !10.1.0.0/16:22', 'all']) AS list;
SELECT t.allowed_targets FROM vitals.tenant_registry AS t WHERE t.name = 'adm';
SELECT list, vitals.target_list_problem(list) AS problem
FROM unnest(ARRAY['10.0.0.0/8', '[fd00::/8]:1433-1435 loopback', '10.0.0.1/8', '!all', '', 'sql01', '10.0.0.0/8:0']) AS list;
SELECT vitals.alter_tenant('adm', allowed_targets => '10.0.0.1/8');

-- ---- suspended and resumed
SELECT vitals.suspend_tenant('adm');
SELECT vitals.suspend_tenant('adm');
SELECT t.status FROM vitals.tenants AS t WHERE t.name = 'adm';
SELECT vitals.resume_tenant('adm');
SELECT vitals.resume_tenant('adm');
SELECT t.status FROM vitals.tenants AS t WHERE t.name = 'adm';
SELECT vitals.suspend_tenant('nobody');
SELECT vitals.resume_tenant(NULL);

-- ---- reading
CREATE ROLE regress_admin_reader;
CREATE ROLE regress_admin_operator;
SET vitals.tenant = 'adm';
SELECT vitals.add_server('sql01', host => 'a', username => 'sa', password => 'x') IS NOT NULL AS added;
RESET vitals.tenant;
SELECT vitals.grant_tenant('adm', 'regress_admin_reader');
SELECT vitals.grant_tenant('adm', 'regress_admin_reader', access => 'read');
SELECT vitals.grant_tenant('adm', 'regress_admin_operator', access => 'operate');
SELECT vitals.grant_tenant('adm', 'regress_admin_operator', access => 'operate');
SELECT vitals.grant_tenant('adm', 'regress_admin_reader', access => 'everything');
SELECT vitals.grant_tenant('adm', 'regress_admin_reader', access => NULL);
SELECT vitals.grant_tenant('adm', 'no_such_role');
SELECT vitals.grant_tenant('adm', '-');
SELECT vitals.grant_tenant('adm', NULL);
SELECT vitals.grant_tenant('nobody', 'regress_admin_reader');
CREATE ROLE regress_admin_noinherit NOINHERIT;
SELECT vitals.grant_tenant('adm', 'regress_admin_noinherit');

SET SESSION AUTHORIZATION regress_admin_reader;
SELECT t.name, t.access FROM vitals.tenants AS t;
SELECT (vitals.tenant_of_caller()).name;
SELECT c.server FROM vitals.collection_status AS c;
SELECT f.server FROM vitals.fleet_status AS f;
SELECT c.interval_seconds FROM vitals.collection_config_get('sql01') AS c;
SELECT count(*) FROM vitals.metric_range('sql01', 'cpu_percent', '2026-01-01');
SELECT s.name, c.enabled FROM tenant_adm.servers AS s JOIN tenant_adm.collection_config AS c ON c.server_id = s.id;
SELECT count(*) FROM tenant_adm.metrics;
SELECT count(*) FROM tenant_adm.server_latest;
-- And nothing else.
SELECT * FROM tenant_adm.credentials;
SELECT s.username FROM vitals.server_of_tenant('sql01') AS s;
UPDATE tenant_adm.servers SET host = 'evil';
INSERT INTO tenant_adm.metrics (server_id, metric_type_id, value) SELECT s.id, t.id, 1 FROM tenant_adm.servers AS s, tenant_adm.metric_types AS t LIMIT 1;
SELECT vitals.add_server('sql02', host => 'a');
SELECT vitals.set_credential('sql01', 'sa', 'y');
SELECT vitals.collection_config_put('sql01', interval_seconds => 30);
SELECT vitals.collection_stop('sql01');
SELECT * FROM vitals.test_connection('sql01');
SELECT vitals.collect_now('sql01');
SELECT vitals.alter_server('sql01', host => 'evil');
SELECT vitals.remove_server('sql01');
SELECT vitals.change_settings(1, 'day');
SELECT vitals.store_polls('tenant_adm', '{"sets": [], "polls": [{}]}');
SELECT vitals.maintain_tenant('tenant_adm');
SELECT vitals.drop_tenant('adm');
SELECT vitals.grant_tenant('adm', 'regress_admin_reader', 'operate');
CREATE TABLE tenant_adm.mine (i integer);
RESET SESSION AUTHORIZATION;

-- What an upgrade adds can be read, too.
SET SESSION AUTHORIZATION tenant_adm;
CREATE TABLE tenant_adm.added (i integer);
RESET SESSION AUTHORIZATION;
SELECT vitals.upgrade_tenant('adm') = vitals.version() AS upgraded;
SET SESSION AUTHORIZATION regress_admin_reader;
SELECT count(*) FROM tenant_adm.added;
RESET SESSION AUTHORIZATION;

SET SESSION AUTHORIZATION regress_admin_operator;
SELECT t.name, t.access FROM vitals.tenants AS t;
SELECT c.interval_seconds FROM vitals.collection_config_put('sql01', interval_seconds => 30) AS c;
RESET SESSION AUTHORIZATION;

SELECT vitals.revoke_tenant('adm', 'regress_admin_reader', 'operate');
SET SESSION AUTHORIZATION regress_admin_reader;
SELECT t.name, t.access FROM vitals.tenants AS t;
RESET SESSION AUTHORIZATION;
SELECT vitals.revoke_tenant('adm', 'regress_admin_reader');
SELECT vitals.revoke_tenant('adm', 'regress_admin_reader');
SELECT vitals.revoke_tenant('adm', 'regress_admin_operator');
SELECT vitals.revoke_tenant('adm', 'regress_admin_operator', 'everything');
SELECT vitals.revoke_tenant('nobody', 'regress_admin_operator');
SET SESSION AUTHORIZATION regress_admin_reader;
SELECT t.name FROM vitals.tenants AS t;
SELECT vitals.find_server('sql01');
SELECT count(*) FROM tenant_adm.servers;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_admin_operator;
SELECT (vitals.tenant_of_caller()).name;
RESET SESSION AUTHORIZATION;
-- Nothing of the grants is left.
SELECT count(*) FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'tenant_adm'::regnamespace AND a.grantee = 'regress_admin_reader'::regrole;

-- ---- dropped: not while it has data
SELECT vitals.drop_tenant('adm');
SELECT vitals.drop_tenant('nobody');
SELECT vitals.drop_tenant(NULL, true);
SET SESSION AUTHORIZATION tenant_adm;
SELECT vitals.drop_tenant('adm', true);
RESET SESSION AUTHORIZATION;
SELECT vitals.grant_tenant('adm', 'regress_admin_reader');
SELECT vitals.drop_tenant('adm', drop_data => true);
SELECT to_regnamespace('tenant_adm') AS schema, to_regrole('tenant_adm') AS role, (SELECT count(*) FROM vitals.tenant_registry WHERE name = 'adm') AS rows,
    (SELECT count(*) FROM vitals.tenant_readers WHERE role = 'regress_admin_reader'::regrole) AS readers;
-- Another of that name begins anew.
SELECT vitals.create_tenant('adm');
SELECT vitals.drop_tenant('adm');
-- A role that was there before stays, and so does one that has something elsewhere.
CREATE ROLE regress_admin_owner;
SELECT vitals.create_tenant('adm', owner => 'regress_admin_owner');
SELECT vitals.drop_tenant('adm');
SELECT to_regrole('regress_admin_owner');
SELECT vitals.create_tenant('adm');
CREATE TABLE regress_admin_table (i integer);
ALTER TABLE regress_admin_table OWNER TO tenant_adm;
SELECT vitals.drop_tenant('adm');
SELECT to_regnamespace('tenant_adm') AS schema, to_regrole('tenant_adm') AS role;
DROP TABLE regress_admin_table;
DROP ROLE tenant_adm;
-- A schema that its owner damaged or removed is no obstacle, once data are not asked for.
SELECT vitals.create_tenant('adm');
SET client_min_messages TO warning;
DROP SCHEMA tenant_adm CASCADE;
RESET client_min_messages;
SELECT vitals.drop_tenant('adm', drop_data => true);
SELECT count(*) FROM vitals.tenant_registry WHERE name = 'adm';
SELECT to_regrole('tenant_adm');

-- ---- partitions and retention
SELECT vitals.create_tenant('keep', retention_days => 3650);
SELECT vitals.suspend_tenant('keep');
SET SESSION AUTHORIZATION tenant_keep;
CREATE FUNCTION pg_temp.partitions() RETURNS TABLE (since interval, width interval, is_empty boolean) LANGUAGE plpgsql AS
$$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT * FROM vitals.partitions_of('tenant_keep') LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', part.partition) INTO is_empty;
        since := part.lower_bound - date_trunc('day', now(), 'UTC');
        width := part.upper_bound - part.lower_bound;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT vitals.partition_step('tenant_keep');
-- Narrower ones take the place of those ahead that hold nothing; the one of today stays.
UPDATE tenant_keep.settings SET partition_width = 'day';
DO $$
BEGIN
    FOR step IN 1..20 LOOP
        EXIT WHEN vitals.partition_step('tenant_keep') IS NULL;
        IF step = 20 THEN RAISE 'does not come to an end'; END IF;
    END LOOP;
END
$$;
SELECT count(*) AS partitions, count(*) FILTER (WHERE p.width = '1 day') AS days, bool_and(p.since <= interval '35 days') AS near FROM pg_temp.partitions() AS p;
-- Without a gap.
SELECT count(*) AS gaps FROM (SELECT p.lower_bound, lag(p.upper_bound) OVER (ORDER BY p.lower_bound) AS before FROM vitals.partitions_of('tenant_keep') AS p) AS q WHERE before <> lower_bound;
-- Wider ones again: what is between its neighbours.
UPDATE tenant_keep.settings SET partition_width = 'week';
SELECT vitals.ensure_partition('tenant_keep', '2025-03-05'), vitals.ensure_partition('tenant_keep', '2025-03-12');
UPDATE tenant_keep.settings SET partition_width = 'month';
SELECT vitals.ensure_partition('tenant_keep', '2025-03-01'), vitals.ensure_partition('tenant_keep', '2025-03-30'), vitals.ensure_partition('tenant_keep', '2025-03-02');
SELECT p.partition, p.lower_bound, p.upper_bound FROM vitals.partitions_of('tenant_keep') AS p WHERE p.lower_bound < '2025-04-01';
SELECT vitals.add_server('sql01', host => 'a') IS NOT NULL AS added;
INSERT INTO tenant_keep.metrics (server_id, metric_type_id, value, collected_at)
SELECT vitals.find_server('sql01'), t.id, 1, at FROM tenant_keep.metric_types AS t, unnest('{2025-03-01, 2025-03-04, 2025-03-31 23:00}'::timestamptz[]) AS at WHERE t.name = 'load1';
INSERT INTO tenant_keep.metrics (server_id, metric_type_id, value, collected_at)
SELECT vitals.find_server('sql01'), t.id, 1, now() FROM tenant_keep.metric_types AS t WHERE t.name = 'load1';

-- What a shorter retention would take.
SELECT p.partition, p.since, p.until, p.collections, p.bytes > 0 AS bytes, p.outcome FROM vitals.retention_preview(300) AS p;
SELECT count(*) FROM vitals.retention_preview(3650);
SELECT * FROM vitals.retention_preview(0);
SELECT * FROM vitals.retention_preview(3651);
SELECT * FROM vitals.retention_preview(NULL);
-- Half of a partition: hidden only.
SELECT p.partition, p.collections, p.outcome FROM vitals.retention_preview(extract(day FROM now() - '2025-03-20')::integer) AS p;
SELECT count(*) AS values FROM tenant_keep.metrics;
RESET SESSION AUTHORIZATION;
SELECT vitals.alter_tenant('keep', retention_days => 300);
SET SESSION AUTHORIZATION tenant_keep;
SELECT count(*) AS values FROM tenant_keep.metrics;
SELECT count(*) AS still_there FROM tenant_keep.server_snapshots;
DO $$
BEGIN
    FOR step IN 1..20 LOOP
        EXIT WHEN vitals.partition_step('tenant_keep') IS NULL;
        IF step = 20 THEN RAISE 'does not come to an end'; END IF;
    END LOOP;
END
$$;
SELECT count(*) AS still_there FROM tenant_keep.server_snapshots;
SELECT count(*) AS expired FROM vitals.partitions_of('tenant_keep') AS p WHERE p.upper_bound < now() - interval '300 days';
SELECT count(*) AS values FROM tenant_keep.metrics;
DROP FUNCTION pg_temp.partitions();
RESET SESSION AUTHORIZATION;
SELECT vitals.drop_tenant('keep', true);
