-- Two tenants behind one PostgREST: none reaches the other by id, name, claim, role or filter, and who may only read only reads.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('apit_a');
SELECT vitals.create_tenant('apit_b');
-- As tokens name them: one of each tenant, one of both, one that may read A, one of none.
CREATE ROLE regress_apit_ann IN ROLE tenant_apit_a;
CREATE ROLE regress_apit_bob IN ROLE tenant_apit_b;
CREATE ROLE regress_apit_web IN ROLE tenant_apit_a, tenant_apit_b;
CREATE ROLE regress_apit_reader;
SELECT vitals.grant_tenant('apit_a', 'regress_apit_reader', 'read');
CREATE ROLE regress_apit_none IN ROLE vitals_tenant;
GRANT regress_apit_ann, regress_apit_bob, regress_apit_web, regress_apit_reader, regress_apit_none TO regress_rest_login;
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

SET ROLE regress_apit_bob;
SELECT s.server_id AS of_b FROM vitals_api.add_server('{"name": "secret", "host": "b.example", "username": "sa", "password": "x"}') AS s \gset
RESET ROLE;
SET ROLE regress_apit_ann;
SELECT s.server_id AS of_a FROM vitals_api.add_server('{"name": "own", "host": "a.example"}') AS s \gset
RESET ROLE;

-- Every function of the API that takes a server's id, with one.
CREATE TEMPORARY TABLE call AS
SELECT p.proname AS function, p.provolatile = 'v' AS writes,
    format('SELECT count(*) FROM vitals_api.%I(%s)', p.proname,
           string_agg(format('%I => %s', a.name, CASE a.name
               WHEN 'server_id' THEN '$id' WHEN 'metric' THEN '''cpu_percent''' WHEN 'metrics' THEN '''{cpu_percent}'''
               WHEN 'config' THEN CASE p.proname WHEN 'set_credential' THEN '''{"username": "u", "password": "p"}''' ELSE '''{}''' END END), ', ' ORDER BY a.nr)) AS statement
FROM pg_proc AS p CROSS JOIN unnest(p.proargnames) WITH ORDINALITY AS a (name, nr)
WHERE p.pronamespace = 'vitals_api'::regnamespace AND 'server_id' = ANY (p.proargnames)
    AND a.nr <= p.pronargs AND a.name IN ('server_id', 'metric', 'metrics', 'config')
GROUP BY p.oid, p.proname, p.provolatile;
GRANT SELECT ON call TO PUBLIC;
SELECT count(*) > 15 AS calls FROM call;

-- ---- as A's user, logged in as PostgREST does it
SET SESSION AUTHORIZATION regress_rest_login;
SET ROLE regress_apit_ann;
-- By id: as if it did not exist, down to the texts.
SELECT DISTINCT pg_temp.refused(replace(c.statement, '$id', quote_literal(:'of_b'))) AS of_b, pg_temp.refused(replace(c.statement, '$id', quote_literal(gen_random_uuid()))) AS of_nobody
FROM call AS c;
-- By name, alone and beside the name of one's own.
SELECT pg_temp.refused($$SELECT vitals_api.server('secret')$$);
SELECT pg_temp.refused($$SELECT vitals.collection_config_put('secret', 60)$$);
-- By filter.
SELECT v.relname AS view, query_to_xml(format('SELECT count(*) AS rows FROM vitals_api.%I WHERE server_id = %L', v.relname, :'of_b'), false, true, '')::text ~ '<rows>0</rows>' AS nothing
FROM pg_class AS v JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attname = 'server_id'
WHERE v.relnamespace = 'vitals_api'::regnamespace AND v.relkind = 'v' ORDER BY v.relname COLLATE "C";
SELECT s.name FROM vitals_api.servers AS s;
SELECT s.name FROM vitals_api.servers AS s WHERE s.name = 'secret' OR s.host LIKE 'b.%' OR true;
SELECT t.tenant FROM vitals_api.tenants AS t;
SELECT vitals_api.prometheus_metrics() ~ 'own' AS own, vitals_api.prometheus_metrics() ~ 'secret|apit_b' AS of_b;
-- By giving one's own server the other's name or id.
SELECT a.name FROM vitals_api.alter_server('{"name": "secret"}', :'of_a') AS a;
SELECT a.name FROM vitals_api.alter_server('{"name": "own"}', :'of_a') AS a;
SELECT pg_temp.refused(format('SELECT vitals_api.alter_server(jsonb_build_object(''name'', %L), %L)', :'of_b', :'of_a'));
-- By the claim, which only chooses.
SELECT set_config('request.jwt.claims', claims, false) AS claims, pg_temp.refused('SELECT count(*) FROM vitals_api.servers') AS refused
FROM unnest(ARRAY['{"tenant": "apit_b"}', '{"tenant": "apit_a"}', '{"tenant": "no_such"}', '{"tenant": "tenant_apit_b"}', '{"tenant": 5}', '{"tenant": ["apit_b"]}', '{"tenant": ["apit_a"]}',
    '{"tenant": {"apit_a": 1}}', '{"tenant": true}', '{"tenant": null}', '{"tenant": ""}', '{"role": "tenant_apit_b"}', '{"Tenant": "apit_b"}', '[]', '"apit_b"', '{"tenant": "a\r\nSet-Cookie: x"}',
    '{"tenant": "apit_a", "tenant": "apit_b"}', '', '{', 'apit_a', '{"tenant": "\u0000"}']) AS claims;
RESET request.jwt.claims;
-- By the setting, which only chooses, too.
SET vitals.tenant = 'apit_b';
SELECT pg_temp.refused('SELECT count(*) FROM vitals_api.servers');
RESET vitals.tenant;
-- By calling what is behind.
SELECT pg_temp.refused($$SELECT count(*) FROM tenant_apit_b.servers$$);
SELECT pg_temp.refused($$SELECT vitals.server_rows_in(t, NULL) FROM (SELECT (ROW(2, gen_random_uuid(), 'apit_b', 'tenant_apit_b', 'tenant_apit_b', 'active', now(), 'operate', NULL)::vitals.tenants).*) AS t$$);
SELECT pg_temp.refused($$SELECT vitals.exposition_in(ROW(2, gen_random_uuid(), 'apit_b', 'tenant_apit_b', 'tenant_apit_b', 'active', now(), 'operate', NULL)::vitals.tenants)$$);
RESET SESSION AUTHORIZATION;

-- ---- a role of both: the claim chooses
SET ROLE regress_apit_web;
SELECT pg_temp.refused('SELECT count(*) FROM vitals_api.servers');
SELECT t.tenant FROM vitals_api.tenants AS t ORDER BY t.tenant;
SET request.jwt.claims = '{"tenant": "apit_b"}';
SELECT s.name FROM vitals_api.servers AS s;
SELECT pg_temp.refused(format('SELECT vitals_api.server(%L)', :'of_a'));
SET request.jwt.claims = '{"tenant": "apit_a"}';
SELECT s.name FROM vitals_api.servers AS s;
SELECT pg_temp.refused(format('SELECT vitals_api.server(%L)', :'of_b'));
RESET request.jwt.claims;
RESET ROLE;

-- ---- a role that may only read
SET ROLE regress_apit_reader;
SELECT t.tenant, t.access FROM vitals_api.tenants AS t;
SELECT s.name FROM vitals_api.servers AS s;
SELECT c.writes, pg_temp.refused(replace(c.statement, '$id', quote_literal(:'of_a'))) AS refused, array_agg(c.function ORDER BY c.function COLLATE "C") FROM call AS c GROUP BY 1, 2 ORDER BY 1, 2;
SELECT pg_temp.refused($$SELECT vitals_api.add_server('{"name": "x", "host": "x"}')$$);
SELECT vitals_api.prometheus_metrics() ~ 'own' AS own;
SELECT pg_temp.refused($$SELECT count(*) FROM tenant_apit_a.credentials$$);
RESET ROLE;

-- ---- a role that may call the functions and is of no tenant
SET ROLE regress_apit_none;
SELECT DISTINCT pg_temp.refused(replace(c.statement, '$id', quote_literal(:'of_a'))) FROM call AS c;
SELECT DISTINCT pg_temp.refused(format('SELECT count(*) FROM vitals_api.%I', v.relname)) FROM pg_class AS v
WHERE v.relnamespace = 'vitals_api'::regnamespace AND v.relkind = 'v' AND v.relname <> 'tenants';
SELECT count(*) FROM vitals_api.tenants;
RESET ROLE;
-- And one that has nothing at all.
SET ROLE regress_rest_anon;
SELECT pg_temp.refused('SELECT count(*) FROM vitals_api.servers');
RESET ROLE;

-- ---- a tenant's own code does not write the answer: neither its status line nor its headers
SELECT s.name, s.host FROM tenant_apit_b.servers AS s;
CREATE FUNCTION tenant_apit_b.reply() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('response.headers', '[{"Set-Cookie": "a=b"}]', true), set_config('response.status', '201', true);
    IF current_setting('regress.state', true) <> '' THEN
        RAISE EXCEPTION USING ERRCODE = current_setting('regress.state'), MESSAGE = current_setting('regress.message');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reply BEFORE UPDATE ON tenant_apit_b.collection_config FOR EACH ROW EXECUTE FUNCTION tenant_apit_b.reply();
SET ROLE regress_apit_bob;
BEGIN;
SELECT c.interval_seconds FROM vitals_api.collection_config_put('{"interval_seconds": 45}', :'of_b') AS c;
SELECT coalesce(current_setting('response.headers', true), '') = '' AS no_headers, coalesce(current_setting('response.status', true), '') = '' AS no_status;
ROLLBACK;
SELECT r.state, r.message ~ '[[:cntrl:]]' AS control, set_config('regress.state', r.state, false) <> '' AND set_config('regress.message', r.message, false) <> '' AS set,
    left(pg_temp.refused(format('SELECT vitals_api.collection_config_put(''{"interval_seconds": 45}'', %L)', :'of_b')), 5) AS becomes
FROM (VALUES ('PT404', 'gone'), ('PT503', 'busy'), ('PT404', E'gone\r\nX-Injected: yes'), ('PT503', E'busy\nx'), ('PT409', E'a\x7f'), ('PT200', 'fine'), ('PT101', 'switch'), ('PTXYZ', 'x'),
    ('PGRST', '{"code":"1","message":"m"}'), ('P0001', E'plain\r\n'), ('23505', 'x')) AS r (state, message);
RESET ROLE;

SELECT vitals.drop_tenant(name, drop_data => true) FROM unnest('{apit_a,apit_b}'::text[]) AS name;
DROP ROLE regress_apit_ann, regress_apit_bob, regress_apit_web, regress_apit_reader, regress_apit_none;
