-- Opening vitals_api to PostgREST: who may what before, with and after vitals.setup_rest.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vitals.create_tenant('rest_a');
CREATE ROLE regress_rest_login LOGIN NOINHERIT;
CREATE ROLE regress_rest_other LOGIN NOINHERIT;
CREATE ROLE regress_rest_anon NOLOGIN;

-- What a role may of vitals_api. TEMPORARY: the tests that follow have other roles.
CREATE FUNCTION pg_temp.rights(role name, OUT usage boolean, OUT views bigint, OUT functions bigint, OUT writable bigint) LANGUAGE sql AS $$
    SELECT has_schema_privilege(role, 'vitals_api', 'USAGE'),
        (SELECT count(*) FILTER (WHERE has_table_privilege(role, c.oid, 'SELECT')) FROM pg_class AS c
         WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'),
        (SELECT count(*) FILTER (WHERE has_function_privilege(role, p.oid, 'EXECUTE')) FROM pg_proc AS p
         WHERE p.pronamespace = 'vitals_api'::regnamespace),
        (SELECT count(*) FILTER (WHERE has_table_privilege(role, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) FROM pg_class AS c
         WHERE c.relnamespace = 'vitals_api'::regnamespace)
$$;
CREATE FUNCTION pg_temp.members(authenticator name) RETURNS SETOF name LANGUAGE sql AS $$
    SELECT r.rolname FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid
    WHERE m.member = authenticator::regrole AND r.rolname ~ 'rest' ORDER BY 1
$$;

-- ---- before: nothing
SELECT role, r.* FROM unnest('{tenant_rest_a,vitals_tenant,regress_rest_login,regress_rest_anon}'::name[]) AS role, pg_temp.rights(role) AS r;
SET ROLE tenant_rest_a;
SELECT * FROM vitals_api.servers;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
SELECT vitals.remove_rest();
SELECT * FROM vitals.rest_setup;
RESET ROLE;
SELECT vitals.remove_rest();

-- ---- roles that are refused
SELECT vitals.setup_rest('regress_rest_nobody', 'regress_rest_anon');
SELECT vitals.setup_rest('4000000001', 'regress_rest_anon');
SELECT vitals.setup_rest(NULL, 'regress_rest_anon');
SELECT vitals.setup_rest('regress_rest_login', NULL);
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_login');
SELECT vitals.setup_rest('postgres', 'regress_rest_anon');
SELECT vitals.setup_rest('regress_rest_login', 'postgres');
SELECT vitals.setup_rest('pg_monitor', 'regress_rest_anon');
BEGIN;
GRANT postgres TO regress_rest_login;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
BEGIN;
ALTER ROLE regress_rest_login BYPASSRLS;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
BEGIN;
ALTER ROLE regress_rest_login CREATEROLE;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
BEGIN;
ALTER ROLE regress_rest_login INHERIT;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
BEGIN;
ALTER ROLE regress_rest_login NOLOGIN;
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
-- Whoever has no token must not come to use a tenant.
SELECT vitals.setup_rest('regress_rest_login', 'tenant_rest_a');
BEGIN;
SELECT vitals.grant_tenant('rest_a', 'regress_rest_anon', 'read');
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
BEGIN;
SELECT vitals.grant_tenant('rest_a', 'regress_rest_anon', 'operate');
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ROLLBACK;
SELECT count(*) AS nothing_is_left FROM vitals.rest_setup;

-- ---- set up, twice
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
SELECT * FROM vitals.rest_setup;
SELECT pg_temp.members('regress_rest_login');
SELECT r.usage, r.views = (SELECT count(*) FROM pg_views AS v WHERE v.schemaname = 'vitals_api') AS all_views,
    r.functions = (SELECT count(*) FROM pg_proc AS p WHERE p.pronamespace = 'vitals_api'::regnamespace) AS all_functions, r.writable
FROM pg_temp.rights('tenant_rest_a') AS r;
-- By itself the login has nothing, and who has no token neither.
SELECT r.* FROM pg_temp.rights('regress_rest_anon') AS r;
SET SESSION AUTHORIZATION regress_rest_login;
SELECT * FROM vitals_api.servers;
SET ROLE regress_rest_anon;
SELECT * FROM vitals_api.servers;
SELECT vitals_api.add_server('{"name": "x"}');
SELECT vitals_api.prometheus_metrics();
SET ROLE postgres;
SET ROLE tenant_rest_a;
SELECT count(*) FROM vitals_api.servers;
-- A token may name this role, too: it is of no tenant.
SET ROLE vitals_tenant;
SELECT count(*) FROM vitals_api.servers;
RESET SESSION AUTHORIZATION;

-- ---- tenants that come and go
SELECT vitals.create_tenant('rest_b');
CREATE ROLE regress_rest_owner;
SELECT vitals.create_tenant('rest_c', owner => 'regress_rest_owner');
SELECT pg_temp.members('regress_rest_login');
SET SESSION AUTHORIZATION regress_rest_login;
SET ROLE tenant_rest_b;
SELECT a.name FROM vitals_api.add_server('{"name": "of_b", "host": "b.example"}') AS a;
SELECT s.name FROM vitals_api.servers AS s;
RESET SESSION AUTHORIZATION;
SELECT vitals.drop_tenant('rest_b', drop_data => true);
SELECT vitals.drop_tenant('rest_c', drop_data => true);
SELECT pg_temp.members('regress_rest_login');

-- ---- other roles replace those before
SELECT vitals.setup_rest('regress_rest_other', 'regress_rest_anon');
SELECT * FROM vitals.rest_setup;
SELECT pg_temp.members('regress_rest_login') AS of_the_first;
SELECT pg_temp.members('regress_rest_other') AS of_the_second;

-- ---- taken back
SELECT vitals.remove_rest();
SELECT role, r.* FROM unnest('{tenant_rest_a,vitals_tenant,regress_rest_other,regress_rest_anon}'::name[]) AS role, pg_temp.rights(role) AS r;
SELECT pg_temp.members('regress_rest_other');
SELECT vitals.create_tenant('rest_d');
SELECT pg_temp.members('regress_rest_other');
SET ROLE tenant_rest_a;
SELECT * FROM vitals_api.servers;
RESET ROLE;
-- With a role that was dropped the rest still works.
SELECT vitals.setup_rest('regress_rest_other', 'regress_rest_anon');
DROP ROLE regress_rest_other;
SELECT vitals.create_tenant('rest_e');
SELECT vitals.drop_tenant('rest_e', drop_data => true);
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
SELECT vitals.remove_rest();

-- ---- roles that changed since, as after a restore where others have their names
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
ALTER ROLE regress_rest_login INHERIT;
SELECT vitals.create_tenant('rest_f');
SELECT pg_has_role('regress_rest_login', 'tenant_rest_f', 'MEMBER') AS is_granted;
ALTER ROLE regress_rest_login NOINHERIT;
SELECT vitals.drop_tenant('rest_f', drop_data => true);
-- No tenant for those without a token.
SELECT vitals.grant_tenant('rest_a', 'regress_rest_anon');
SELECT vitals.create_tenant('rest_f', owner => 'regress_rest_anon');
SELECT vitals.remove_rest();

-- ---- texts for OpenAPI: a summary, and under it what there is to know
SELECT vitals.setup_rest('regress_rest_login', 'regress_rest_anon');
SELECT c.object FROM (
    SELECT 'vitals_api' AS object, obj_description('vitals_api'::regnamespace, 'pg_namespace') AS comment
    UNION ALL SELECT c.oid::regclass::text, obj_description(c.oid, 'pg_class') FROM pg_class AS c
    WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'
    UNION ALL SELECT p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc') FROM pg_proc AS p
    WHERE p.pronamespace = 'vitals_api'::regnamespace) AS c
WHERE c.comment !~ E'^[A-Za-z][^\n.]{3,60}\n[A-Z].*\\.$' OR c.comment IS NULL;
SELECT c.relname AS view, a.attname AS column_without_text
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind IN ('v', 'c')
    AND coalesce(col_description(c.oid, a.attnum), '') !~ '\.$';
-- Every argument is explained.
SELECT p.oid::regprocedure AS function, argument AS without_text
FROM pg_proc AS p CROSS JOIN unnest(p.proargnames[:p.pronargs]) AS argument
WHERE p.pronamespace = 'vitals_api'::regnamespace AND obj_description(p.oid, 'pg_proc') !~ ('\m' || argument || '[:,]');
-- What concerns a server says which.
SELECT c.relname AS view_without_server_id FROM pg_class AS c
WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'
    AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'server_id') ORDER BY 1;
SELECT p.oid::regprocedure AS function_without_server_id FROM pg_proc AS p
WHERE p.pronamespace = 'vitals_api'::regnamespace AND NOT coalesce('server_id' = ANY (p.proargnames), false) ORDER BY p.proname;
DROP ROLE regress_rest_owner;
-- It stays set up for the tests that follow.
