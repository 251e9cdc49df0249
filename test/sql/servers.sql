-- Adding servers and setting their logins: every argument, good and bad.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('s_one');
SELECT vitals.create_tenant('s_two');
CREATE ROLE regress_servers_user IN ROLE tenant_s_one;
SET vitals.tenant = 's_one';
SET SESSION AUTHORIZATION regress_servers_user;
CREATE FUNCTION pg_temp.shown(server text) RETURNS TABLE (
    name text, connector text, host text, port integer, options jsonb, username text, sealed boolean)
LANGUAGE sql AS
$$
    SELECT s.name, s.connector, s.host, s.port, s.options, c.username, c.sealed_password IS NOT NULL
    FROM tenant_s_one.servers AS s LEFT JOIN tenant_s_one.credentials AS c ON c.id = s.credential_id
    WHERE s.name = server
$$;

-- ---- what works
SELECT vitals.add_server('plain', host => 'sql01.corp.example') IS NOT NULL AS added;
SELECT * FROM pg_temp.shown('plain');
SELECT vitals.add_server('full', host => '192.0.2.7', port => 14330, username => 'CORP\vitals', password => 'Geheim & "Größe"',
    options => '{"encrypt": "request", "trust_server_certificate": true, "packet_size": 8192, "ca_file": "/etc/ssl/corp.pem",
                 "hostname_in_certificate": "sql01", "database": "master", "app_name": "pg_vitals"}',
    metrics => '{*}') IS NOT NULL AS added;
SELECT * FROM pg_temp.shown('full');
SELECT vitals.add_server('v6', host => '2001:db8::7') IS NOT NULL AS added;
SELECT vitals.add_server('v6 in brackets', host => '[::1]', port => 1434) IS NOT NULL AS added;
SELECT vitals.add_server('v6 with zone', host => 'fe80::1%eth0') IS NOT NULL AS added;
SELECT vitals.add_server('v6 of v4', host => '::ffff:192.0.2.1') IS NOT NULL AS added;
SELECT vitals.add_server('Größe 数据库 "quoted" ''too''; DROP TABLE servers --', host => 'a') IS NOT NULL AS added;
SELECT vitals.add_server(repeat('ü', 200), host => 'a') IS NOT NULL AS added;
SELECT vitals.add_server('no password', host => 'a', username => 'sa') IS NOT NULL AS added;
SELECT * FROM pg_temp.shown('no password');
-- Off, with the defaults.
SELECT c.interval_seconds, c.enabled, c.metrics_enabled, c.last_collected_at FROM vitals.collection_config_get('plain') AS c;
SELECT c.metrics_enabled FROM vitals.collection_config_get('full') AS c;

-- ---- names
SELECT vitals.add_server('plain', host => 'b');
SELECT vitals.add_server(NULL, host => 'a');
SELECT vitals.add_server('', host => 'a');
SELECT vitals.add_server(' x', host => 'a');
SELECT vitals.add_server('x ', host => 'a');
SELECT vitals.add_server(E'a\nb', host => 'a');
SELECT vitals.add_server(repeat('x', 201), host => 'a');

-- ---- hosts and ports
SELECT vitals.add_server('bad');
SELECT vitals.add_server('bad', host => '');
SELECT vitals.add_server('bad', host => 'with space');
SELECT vitals.add_server('bad', host => 'sql01:1433');
SELECT vitals.add_server('bad', host => 'sql01,1433');
SELECT vitals.add_server('bad', host => 'sql01\');
SELECT vitals.add_server('bad', host => 'sql01\a;b');
SELECT vitals.add_server('bad', host => 'sql01\A', options => '{"instance": "B"}');
SELECT vitals.add_server('bad', host => 'tcp:sql01');
SELECT vitals.add_server('bad', host => E'a\n[b]');
SELECT vitals.add_server('bad', host => 'größe');
SELECT vitals.add_server('bad', host => repeat('a', 201));
SELECT vitals.add_server('bad', host => 'a', port => 0);
SELECT vitals.add_server('bad', host => 'a', port => 65536);
SELECT vitals.add_server('bad', host => 'a', port => -1);

-- ---- connectors
SELECT vitals.add_server('bad', host => 'a', connector => 'oracle');
SELECT vitals.add_server('bad', host => 'a', connector => NULL);
SELECT vitals.add_server('bad', connector => 'local');

-- ---- options
SELECT vitals.add_server('bad', host => 'a', options => NULL);
SELECT vitals.add_server('bad', host => 'a', options => '[]');
SELECT vitals.add_server('bad', host => 'a', options => '"encrypt"');
SELECT vitals.add_server('bad', host => 'a', options => '{"Encrypt": "off"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"password": "x"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"encrypt": "yes"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"encrypt": "strict"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"encrypt": null}');
SELECT vitals.add_server('bad', host => 'a', options => '{"auth": "windows"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"application_intent": "readonly"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"encrypt": ["off"]}');
SELECT vitals.add_server('bad', host => 'a', options => '{"trust_server_certificate": 1}');
SELECT vitals.add_server('bad', host => 'a', options => '{"packet_size": 511}');
SELECT vitals.add_server('bad', host => 'a', options => '{"packet_size": 32768}');
SELECT vitals.add_server('bad', host => 'a', options => '{"packet_size": 4096.5}');
SELECT vitals.add_server('bad', host => 'a', options => '{"packet_size": 1e400}');
SELECT vitals.add_server('bad', host => 'a', options => '{"ca_file": "corp.pem"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"ca_file": "/a\nencryption = off"}');
SELECT vitals.add_server('bad', host => 'a', options => '{"database": ""}');
SELECT vitals.add_server('bad', host => 'a', options => jsonb_build_object('app_name', repeat('x', 201)));

-- ---- logins and metrics
SELECT vitals.add_server('bad', host => 'a', password => 'x');
SELECT vitals.add_server('bad', host => 'a', username => '');
SELECT vitals.add_server('bad', host => 'a', username => E'a\nb');
SELECT vitals.add_server('bad', host => 'a', username => repeat('x', 129));
SELECT vitals.add_server('bad', host => 'a', username => 'sa', password => repeat('x', 1001));
DO $$
DECLARE
    detail text;
    hint text;
BEGIN
    PERFORM vitals.add_server('bad', host => 'a', metrics => '{cpu_percent, no_such_metric}');
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    -- The list grows with the connectors.
    RAISE NOTICE '%; %; %', sqlerrm, detail, hint ~ '^Known names near it are ([a-z0-9_]+, )+[a-z0-9_]+; \* stands for all\.';
END
$$;
SELECT vitals.add_server('bad', host => 'a', metrics => '{cpu_percent, NULL}');
-- Nothing of all that was left behind.
SELECT count(*) AS bad_servers FROM tenant_s_one.servers WHERE name = 'bad';
SELECT count(*) AS orphans FROM tenant_s_one.credentials AS c WHERE NOT EXISTS (SELECT FROM tenant_s_one.servers AS s WHERE s.credential_id = c.id);

-- ---- changing a login
SELECT vitals.set_credential('plain', 'monitor', 'first');
CREATE TEMPORARY TABLE first_seal AS SELECT c.id, c.sealed_password FROM tenant_s_one.credentials AS c WHERE c.username = 'monitor';
SELECT vitals.set_credential('plain', 'monitor2', 'first');
-- The same credential; and the same password never looks the same.
SELECT c.username, c.sealed_password <> f.sealed_password AS sealed_anew FROM tenant_s_one.credentials AS c JOIN first_seal AS f USING (id);
SELECT vitals.set_credential('plain', 'monitor', NULL);
SELECT * FROM pg_temp.shown('plain');
SELECT vitals.set_credential('nobody', 'monitor', 'x');
SELECT vitals.set_credential('plain', NULL, 'x');

-- No table of the tenant shows a password, in whatever form; the same search finds what it can see.
CREATE FUNCTION pg_temp.tables_with(pattern text) RETURNS SETOF name LANGUAGE sql AS
$$
    SELECT r.relname FROM pg_class AS r
    WHERE r.relnamespace = 'tenant_s_one'::regnamespace AND r.relkind = 'r'
        AND query_to_xml(format('SELECT * FROM tenant_s_one.%I', r.relname), true, true, '')::text ~ pattern
$$;
SELECT pg_temp.tables_with('Geheim|R2VoZWlt|47656865696d|first');
SELECT pg_temp.tables_with('CORP.vitals');

-- ---- finding
SELECT vitals.find_server('plain') = (SELECT s.id FROM tenant_s_one.servers AS s WHERE s.name = 'plain') AS by_name;
SELECT vitals.find_server(s.id::text) = s.id AS by_id, vitals.find_server(upper(s.id::text)) = s.id AS in_capitals
FROM tenant_s_one.servers AS s WHERE s.name = 'plain';
SELECT vitals.find_server('Plain');
SELECT vitals.find_server(NULL);
SELECT vitals.find_server('');
SELECT vitals.find_server('00000000-0000-0000-0000-000000000000');
-- An id is an id: no server can be called like one, and one that its owner made so does not stand before the other.
SELECT vitals.find_server('plain') AS id_of_plain \gset
\set VERBOSITY sqlstate
SELECT vitals.add_server(:'id_of_plain', host => 'a');
SELECT vitals.alter_server('plain', name => upper(:'id_of_plain'));
\set VERBOSITY default
BEGIN;
INSERT INTO tenant_s_one.servers (name, connector) VALUES (:'id_of_plain', 'mssql');
SELECT vitals.find_server(:'id_of_plain') = :'id_of_plain'::uuid AS by_id;
DELETE FROM tenant_s_one.servers AS s WHERE s.id = :'id_of_plain';
\set VERBOSITY sqlstate
SELECT vitals.find_server(:'id_of_plain');
\set VERBOSITY default
ROLLBACK;
RESET SESSION AUTHORIZATION;

-- ---- changing a server: what is given, by the rules of add_server
SET vitals.tenant = 's_one';
SET SESSION AUTHORIZATION regress_servers_user;
SELECT vitals.alter_server('full', host => 'sql07.corp.example');
SELECT vitals.alter_server('full', host => 'sql07.corp.example', password => 'pw') = vitals.find_server('full') AS its_id;
SELECT s.host, s.port, s.username, s.options ->> 'encrypt' AS encrypt FROM pg_temp.shown('full') AS s;
SELECT vitals.alter_server(vitals.find_server('full')::text, port => 1500, options => '{"encrypt": "off"}') IS NOT NULL AS by_id;
SELECT s.host, s.port, s.username, s.options FROM pg_temp.shown('full') AS s;
SELECT vitals.alter_server('full', name => 'renamed') IS NOT NULL AS renamed;
SELECT s.host, s.port, s.sealed FROM pg_temp.shown('renamed') AS s;
SELECT vitals.alter_server('renamed', name => 'renamed', options => '{}') IS NOT NULL AS own_name;
SELECT vitals.alter_server('renamed') IS NOT NULL AS nothing_given;
SELECT vitals.alter_server('full', port => 1);
SELECT vitals.alter_server('renamed', name => 'plain');
SELECT vitals.alter_server('renamed', name => '');
SELECT vitals.alter_server('renamed', host => 'sql01,1433');
SELECT vitals.alter_server('renamed', port => 0);
SELECT vitals.alter_server('renamed', options => '[]');
SELECT vitals.alter_server('renamed', options => '{"encrypt": "yes"}');
SELECT vitals.alter_server('renamed', host => 'changed', options => '{"no_such": 1}');
SELECT vitals.alter_server(NULL, host => 'a');
SELECT * FROM pg_temp.shown('renamed');

-- ---- removing a server: its login goes along, its history on request
CREATE FUNCTION pg_temp.kept(id uuid) RETURNS TABLE (relation name, kept bigint) LANGUAGE plpgsql AS
$$
BEGIN
    FOREACH relation IN ARRAY '{servers,collection_config,collection_state,latest_collections,server_events,server_snapshots}'::name[] LOOP
        EXECUTE format('SELECT count(*) FROM tenant_s_one.%I AS r WHERE %s = $1', relation,
                       CASE WHEN relation = 'servers' THEN 'id' ELSE 'server_id' END) INTO kept USING id;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.collect(id uuid) RETURNS void LANGUAGE sql AS
$$
    SELECT vitals.store_rows('tenant_s_one', jsonb_build_object(
        'sets', '[[["load1", ""]]]'::jsonb,
        'polls', jsonb_build_array(jsonb_build_object(
            'server_id', id, 'collected_at', now(), 'started_at', now(), 'next_due_at', now(), 'status', 'online', 'collected', true, 'consecutive_failures', 0, 'lag_ms', 0, 'duration_ms', 1, 'set', 0,
            'vals', '{1.5}'))))
$$;
SELECT vitals.find_server('renamed') AS renamed, vitals.find_server('plain') AS plain, vitals.find_server('no password') AS other \gset
SELECT pg_temp.collect(:'renamed'), pg_temp.collect(:'plain'), pg_temp.collect(:'other');
SELECT * FROM pg_temp.kept(:'renamed');
SELECT count(*) AS logins FROM tenant_s_one.credentials \gset before_
SELECT vitals.remove_server('renamed') = :'renamed' AS its_id;
SELECT * FROM pg_temp.kept(:'renamed');
SELECT count(*) = :before_logins - 1 AS login_gone FROM tenant_s_one.credentials;
SELECT m.value FROM tenant_s_one.metrics AS m WHERE m.server_id = :'renamed';
SELECT vitals.remove_server('plain', keep_history => false) = :'plain' AS its_id;
SELECT * FROM pg_temp.kept(:'plain');
SELECT vitals.remove_server('no password', keep_history => NULL);
SELECT * FROM pg_temp.kept(:'other');
SELECT vitals.remove_server('renamed');
SELECT vitals.remove_server(NULL);
-- Rolled back, it is there as before.
BEGIN;
SELECT vitals.remove_server('no password', keep_history => false) IS NOT NULL AS removed;
ROLLBACK;
SELECT * FROM pg_temp.kept(:'other');
SELECT vitals.add_server('plain', host => 'sql01.corp.example') IS NOT NULL AS name_is_free_again;
RESET SESSION AUTHORIZATION;

-- ---- named instances: an option, whose port is asked for unless one is given
SET SESSION AUTHORIZATION regress_servers_user;
SET vitals.tenant = 's_one';
SELECT vitals.add_server('inst', host => 'sql01\SQLEXPRESS') IS NOT NULL AS added;
CREATE VIEW pg_temp.inst AS SELECT s.host, s.port, s.options FROM tenant_s_one.servers AS s WHERE s.name = 'inst';
TABLE pg_temp.inst;
SELECT vitals.alter_server('inst', port => 14330) IS NOT NULL AS port_given;
TABLE pg_temp.inst;
SELECT vitals.alter_server('inst', host => 'sql02') IS NOT NULL AS same_instance;
TABLE pg_temp.inst;
SELECT vitals.alter_server('inst', host => 'sql02\OTHER') IS NOT NULL AS other_instance;
TABLE pg_temp.inst;
SELECT vitals.alter_server('inst', options => '{"application_intent": "ReadOnly"}') IS NOT NULL AS no_instance;
TABLE pg_temp.inst;
SELECT vitals.remove_server('inst') IS NOT NULL AS removed;
DROP VIEW pg_temp.inst;
RESET SESSION AUTHORIZATION;

-- ---- the host of the database
SET vitals.tenant = 's_one';
SELECT vitals.add_server('this host', connector => 'local') IS NOT NULL AS added;
SELECT * FROM pg_temp.shown('this host');
SELECT s.name, t.connector, t.approved_by, r.name AS tenant
FROM vitals.trusted_servers AS t
JOIN tenant_s_one.servers AS s ON s.id = t.server_id
JOIN vitals.tenant_registry AS r USING (tenant_key);
SELECT vitals.add_server('bad', connector => 'local', host => 'a');
SELECT vitals.add_server('bad', connector => 'local', port => 5);
SELECT vitals.add_server('bad', connector => 'local', username => 'a');
SELECT vitals.add_server('bad', connector => 'local', options => '{"encrypt": "off"}');
-- Changed and removed like any other, and then its approval is gone.
SELECT vitals.alter_server('this host', host => 'a');
SELECT vitals.alter_server('this host', name => 'this machine') IS NOT NULL AS renamed;
SELECT vitals.remove_server('this machine') IS NOT NULL AS removed;
SELECT count(*) AS approvals FROM vitals.trusted_servers AS t JOIN vitals.tenant_registry AS r USING (tenant_key) WHERE r.name = 's_one';
-- A tenant can write its tables, but not the list of approved servers.
SET SESSION AUTHORIZATION regress_servers_user;
INSERT INTO tenant_s_one.servers (name, connector) VALUES ('smuggled', 'local');
INSERT INTO vitals.trusted_servers (server_id, tenant_key, connector)
SELECT s.id, (vitals.tenant_of_caller()).tenant_key, 'local' FROM tenant_s_one.servers AS s WHERE s.name = 'smuggled';
SELECT vitals.approve_server(s.id, (vitals.tenant_of_caller()).tenant_key, 'local') FROM tenant_s_one.servers AS s WHERE s.name = 'smuggled';
SELECT * FROM vitals.test_connection('smuggled');
RESET SESSION AUTHORIZATION;

-- ---- the same name in another tenant is another server
SET vitals.tenant = 's_two';
SELECT vitals.find_server('plain');
SELECT vitals.add_server('plain', host => 'other.example') IS NOT NULL AS added;
SELECT s.name, s.host FROM tenant_s_two.servers AS s;

-- ---- the preflight's arguments; what it answers is test/t's
SET vitals.tenant = 's_one';
SELECT * FROM vitals.test_connection('plain', timeout => '999 ms');
SELECT * FROM vitals.test_connection('plain', timeout => '1 hour');
SELECT * FROM vitals.test_connection('plain', timeout => NULL);
SELECT * FROM vitals.test_connection('nobody');
