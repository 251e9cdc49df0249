-- What CREATE EXTENSION makes, and that it goes again without a trace.
\set VERBOSITY default
\set SHOW_CONTEXT never
-- Notices of CASCADE list objects in no particular order.
SET client_min_messages TO warning;

-- A schema that somebody made before is not adopted.
CREATE SCHEMA vitals;
CREATE EXTENSION pg_vitals;
DROP SCHEMA vitals;

CREATE EXTENSION pg_vitals;
SELECT extversion = vitals.version() AS version_is_the_module_s, extrelocatable FROM pg_extension WHERE extname = 'pg_vitals';

-- The surface. Types of tables and views, toast tables and the like are left out.
CREATE VIEW members AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, d.objsubid) AS object
FROM pg_depend AS d
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_vitals'
WHERE d.deptype = 'e';
SELECT object FROM members WHERE classid <> 'pg_type'::regclass ORDER BY object COLLATE "C";
SELECT p.oid::regprocedure AS function, pg_get_function_result(p.oid) AS result,
    CASE p.provolatile WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' ELSE 'immutable' END AS volatility
FROM pg_proc AS p WHERE p.pronamespace IN ('vitals'::regnamespace, 'vitals_api'::regnamespace) ORDER BY p.oid::regprocedure::text COLLATE "C";

-- ---- rules; each of these finds nothing
SELECT p.oid::regprocedure AS without_fixed_search_path
FROM pg_proc AS p
WHERE p.pronamespace IN ('vitals'::regnamespace, 'vitals_api'::regnamespace)
    AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false);

SELECT p.oid::regprocedure AS security_definer FROM pg_proc AS p
WHERE p.pronamespace IN ('vitals'::regnamespace, 'vitals_api'::regnamespace) AND p.prosecdef;

SELECT object AS without_comment FROM members
WHERE obj_description(objid, classid::regclass::text) IS NULL
    AND (classid IN ('pg_proc'::regclass, 'pg_namespace'::regclass)
        OR objid IN (SELECT c.oid FROM pg_class AS c WHERE c.relkind IN ('r', 'v'))
        OR objid IN (SELECT t.oid FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid WHERE c.relkind = 'c'));

SELECT c.relname AS view, a.attname AS column_without_comment
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE (c.relnamespace = 'vitals'::regnamespace AND c.relkind = 'v'
       OR c.relnamespace = 'vitals_api'::regnamespace AND c.relkind IN ('v', 'c'))
    AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1, a.attnum;

SELECT p.oid::regprocedure AS function_of_public
FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
WHERE p.pronamespace IN ('vitals'::regnamespace, 'vitals_api'::regnamespace) AND acl.grantee = 0;

SELECT c.oid::regclass AS relation_of_others, acl.grantee, acl.privilege_type
FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl
WHERE c.relnamespace IN ('vitals'::regnamespace, 'vitals_api'::regnamespace) AND acl.grantee <> c.relowner;

SELECT acl.grantee, acl.privilege_type AS schema_of_others
FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS acl
WHERE n.nspname IN ('vitals', 'vitals_api') AND acl.grantee <> n.nspowner;

-- Members of the extension that are in neither of its own schemas: an extension script must never make a tenant's relations.
SELECT object AS member_elsewhere FROM members
WHERE classid <> 'pg_namespace'::regclass AND coalesce((pg_identify_object(classid, objid, 0)).schema, '') NOT IN ('vitals', 'vitals_api');

SELECT name AS no_such_function FROM unnest(vitals.administrative_functions()) AS name
WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'vitals'::regnamespace AND p.proname = name);

-- A view on a table of everybody's rows hides them before any function of the reader's sees them.
SELECT c.oid::regclass AS open_view
FROM pg_class AS c
WHERE c.relnamespace = 'vitals'::regnamespace AND c.relkind = 'v'
    AND pg_get_viewdef(c.oid) ~ 'tenant_registry' AND NOT coalesce(c.reloptions @> '{security_barrier=true}', false);

-- What PostgREST exposes changes nothing by itself, and its functions act on nothing but what vitals' functions do.
SELECT c.oid::regclass AS relation_of_api_that_is_no_view FROM pg_class AS c
WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind NOT IN ('v', 'c');
SELECT c.oid::regclass AS view_that_can_be_written FROM pg_class AS c
WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v' AND pg_relation_is_updatable(c.oid, true) <> 0;
-- GET runs in a transaction that is read only: what reads can be called with it, what writes cannot.
SELECT p.provolatile, array_agg(p.proname ORDER BY p.proname COLLATE "C") AS functions_of_api
FROM pg_proc AS p WHERE p.pronamespace = 'vitals_api'::regnamespace GROUP BY p.provolatile ORDER BY p.provolatile;
-- PostgREST takes arguments of these names for its own.
SELECT p.oid::regprocedure AS with_argument_of_postgrest FROM pg_proc AS p
WHERE p.pronamespace = 'vitals_api'::regnamespace
    AND p.proargnames && '{select,order,limit,offset,columns,and,or,not,on_conflict}'::text[];

-- Every function in C that hands over to its other half has one, and no half is alone.
SELECT p.oid::regprocedure AS without_other_half
FROM pg_proc AS p
WHERE p.pronamespace = 'vitals'::regnamespace AND p.prosrc = 'vitals_as_tenant'
    AND NOT EXISTS (
        SELECT FROM pg_proc AS i
        WHERE i.pronamespace = p.pronamespace AND i.proname = p.proname || '_in'
            AND i.proargtypes::oid[] = array_prepend('vitals.tenants'::regtype::oid, p.proargtypes::oid[])
            AND i.prorettype = p.prorettype AND i.proretset = p.proretset AND i.provolatile = p.provolatile);

-- ---- dumps
SELECT c.config::regclass AS dumped, c.condition
FROM pg_extension AS e CROSS JOIN unnest(e.extconfig, e.extcondition) AS c (config, condition)
WHERE e.extname = 'pg_vitals' ORDER BY 1;

-- Tenants' relations are never members, or dumps would leave them out.
CREATE FUNCTION install_check_members() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM members WHERE object LIKE '%tenant\_install%' $$;
SELECT vitals.create_tenant('install');
SELECT install_check_members();
SELECT object AS member_elsewhere FROM members
WHERE classid <> 'pg_namespace'::regclass AND coalesce((pg_identify_object(classid, objid, 0)).schema, '') NOT IN ('vitals', 'vitals_api');
SELECT obj_description('tenant_install'::regnamespace, 'pg_namespace') = 'Tenant of pg_vitals, version ' || vitals.version() AS marked;

-- The same rules for what is made in a tenant's schema; each finds nothing.
SELECT p.oid::regprocedure AS bad_function_of_tenant
FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
WHERE p.pronamespace = 'tenant_install'::regnamespace
    AND (acl.grantee = 0 OR p.prosecdef OR p.proowner <> 'tenant_install'::regrole
        OR NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false));
SELECT c.oid::regclass AS bad_relation_of_tenant, acl.grantee, acl.privilege_type
FROM pg_class AS c CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS acl
WHERE c.relnamespace = 'tenant_install'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND (c.relowner <> 'tenant_install'::regrole OR acl.grantee <> c.relowner);

-- What tenants may not call, and that they may call the rest.
SELECT p.oid::regprocedure AS not_for_tenants
FROM pg_proc AS p
WHERE p.pronamespace = 'vitals'::regnamespace AND NOT has_function_privilege('tenant_install', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.oid::regclass AS writable_by_tenants, c.relkind
FROM pg_class AS c
WHERE c.relnamespace = 'vitals'::regnamespace AND c.relkind IN ('r', 'v')
    AND has_table_privilege('tenant_install', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT DISTINCT pg_get_userbyid(c.relowner) AS owner FROM pg_class AS c WHERE c.relnamespace = 'tenant_install'::regnamespace;

-- ---- going
SELECT rolname, rolsuper, rolcanlogin, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'tenant_install';
DROP EXTENSION pg_vitals;
DROP VIEW members CASCADE;
-- A user's object on one of the extension's needs CASCADE, as anywhere.
CREATE EXTENSION pg_vitals;
CREATE VIEW of_a_user AS SELECT name FROM vitals.connectors;
DROP EXTENSION pg_vitals;
DROP EXTENSION pg_vitals CASCADE;
SELECT to_regclass('of_a_user') AS view, to_regnamespace('vitals') AS schema, to_regnamespace('vitals_api') AS api;
-- What a tenant collected is the tenant's.
SELECT count(*) AS tables_of_the_tenant FROM pg_tables WHERE schemaname = 'tenant_install' AND tablename !~ '_p[0-9]{8}$';
DROP SCHEMA tenant_install CASCADE;
DROP OWNED BY tenant_install;
DROP ROLE tenant_install;
SELECT p.proname AS left_behind FROM pg_proc AS p WHERE p.probin LIKE '%pg\_vitals';

CREATE SCHEMA elsewhere;
CREATE EXTENSION pg_vitals SCHEMA elsewhere;
DROP SCHEMA elsewhere;

-- Only a superuser makes it.
CREATE ROLE regress_install_user;
GRANT CREATE ON DATABASE vitals_sql TO regress_install_user;
SET ROLE regress_install_user;
CREATE EXTENSION pg_vitals;
RESET ROLE;
REVOKE CREATE ON DATABASE vitals_sql FROM regress_install_user;
DROP ROLE regress_install_user;

-- For the tests that follow.
CREATE EXTENSION pg_vitals;
