-- Making tenants, and which of them a caller acts on.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE ROLE regress_tenants_user;
CREATE ROLE regress_tenants_owner;
CREATE ROLE regress_tenants_nobody;

-- ---- names
SELECT vitals.create_tenant('t_one');
SELECT vitals.create_tenant('t_one');
SELECT vitals.create_tenant(NULL);
SELECT vitals.create_tenant('');
SELECT vitals.create_tenant('Acme');
SELECT vitals.create_tenant('1st');
SELECT vitals.create_tenant('with space');
SELECT vitals.create_tenant('quo"te');
SELECT vitals.create_tenant('quo''te');
SELECT vitals.create_tenant(E'line\n');
SELECT vitals.create_tenant('größe');
SELECT vitals.create_tenant('x"; DROP SCHEMA vitals; --');
SELECT vitals.create_tenant('tenant_acme');
SELECT vitals.create_tenant('pg_acme');
SELECT vitals.create_tenant('_acme');
SELECT vitals.create_tenant(repeat('ä', 40));
SELECT vitals.create_tenant(repeat('a', 64));
SELECT vitals.create_tenant(repeat('a', 49));
SELECT vitals.create_tenant(repeat('a', 48));

-- ---- owners
SELECT vitals.create_tenant('t_two', owner => 'regress_tenants_owner');
SELECT vitals.create_tenant('t_three', owner => 'no_such_role');
CREATE ROLE "Regress Tenants ""Odd""";
SELECT vitals.create_tenant('t_odd', '"Regress Tenants ""Odd"""');
SELECT t.name, t.schema_name, t.role, t.status FROM vitals.tenants AS t WHERE t.name ~ '^t_' ORDER BY t.name;
SELECT DISTINCT pg_get_userbyid(c.relowner) AS owner FROM pg_class AS c WHERE c.relnamespace = 'tenant_t_odd'::regnamespace;

CREATE ROLE regress_tenants_super SUPERUSER;
CREATE ROLE regress_tenants_createrole CREATEROLE;
CREATE ROLE regress_tenants_replication REPLICATION;
CREATE ROLE regress_tenants_bypass BYPASSRLS;
CREATE ROLE regress_tenants_indirect IN ROLE regress_tenants_super;
CREATE ROLE regress_tenants_program IN ROLE pg_execute_server_program;
CREATE ROLE regress_tenants_data IN ROLE pg_read_all_data;
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_super');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_createrole');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_replication');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_bypass');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_indirect');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_program');
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_data');
SELECT vitals.create_tenant('t_x', owner => 'pg_monitor');
SELECT vitals.create_tenant('t_x', owner => 'vitals_tenant');
CREATE ROLE regress_tenants_noinherit NOINHERIT;
SELECT vitals.create_tenant('t_x', owner => 'regress_tenants_noinherit');
-- The functions are granted to one role, which is none of the tenants'.
SELECT r.rolsuper, r.rolcanlogin, r.rolcreaterole, pg_has_role('tenant_t_one', r.oid, 'USAGE') AS tenant_is_member
FROM pg_roles AS r WHERE r.rolname = 'vitals_tenant';
SELECT count(*) AS grants_to_tenants
FROM pg_proc AS p CROSS JOIN aclexplode(p.proacl) AS acl
WHERE p.pronamespace = 'vitals'::regnamespace AND acl.grantee NOT IN (p.proowner, 'vitals_tenant'::regrole);
SET ROLE vitals_tenant;
SELECT t.name FROM vitals.tenants AS t;
SELECT vitals.find_server('x');
RESET ROLE;

-- ---- what is there is not adopted
CREATE SCHEMA tenant_t_taken;
SELECT vitals.create_tenant('t_taken');
DROP SCHEMA tenant_t_taken;
CREATE ROLE tenant_t_taken;
SELECT vitals.create_tenant('t_taken');
SELECT vitals.create_tenant('t_taken', owner => 'tenant_t_taken');
-- A failed attempt leaves nothing.
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname = 'tenant_t_x';

-- Only for superusers.
SET ROLE regress_tenants_user;
SELECT vitals.create_tenant('t_y');
RESET ROLE;
GRANT tenant_t_one TO regress_tenants_user;
SET ROLE regress_tenants_user;
SELECT vitals.create_tenant('t_y');
RESET ROLE;

-- A rolled-back tenant never was.
BEGIN;
SELECT vitals.create_tenant('t_undone');
ROLLBACK;
SELECT count(*) AS tenants FROM vitals.tenants WHERE name = 't_undone';
SELECT to_regrole('tenant_t_undone') AS role;

-- ---- the caller's tenant: a member of one
SET SESSION AUTHORIZATION regress_tenants_user;
SELECT (vitals.tenant_of_caller()).name;
SELECT t.name, t.role FROM vitals.tenants AS t;
SET vitals.tenant = 't_one';
SELECT (vitals.tenant_of_caller()).name;
SET vitals.tenant = 't_two';
SELECT (vitals.tenant_of_caller()).name;
SET vitals.tenant = 'there is none';
SELECT (vitals.tenant_of_caller()).name;
RESET vitals.tenant;

-- ---- a claim chooses and permits nothing
SET request.jwt.claims = '{"role": "regress_tenants_user", "tenant": "t_one"}';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '{"tenant": "t_two"}';
SELECT (vitals.tenant_of_caller()).name;
SELECT * FROM vitals.collection_status;
SET request.jwt.claims = '{"role": "regress_tenants_user"}';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '{"tenant": ""}';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '{"tenant": null}';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '{"tenant": {"name": "t_one"}}';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '["tenant"]';
SELECT (vitals.tenant_of_caller()).name;
SET request.jwt.claims = '{"tenant": "t_one"';
SELECT (vitals.tenant_of_caller()).name;
-- The setting comes first.
SET request.jwt.claims = '{"tenant": "t_two"}';
SET vitals.tenant = 't_one';
SELECT (vitals.tenant_of_caller()).name;
RESET vitals.tenant;
RESET request.jwt.claims;

-- ---- a member of several
RESET SESSION AUTHORIZATION;
GRANT regress_tenants_owner TO regress_tenants_user;
SET SESSION AUTHORIZATION regress_tenants_user;
SELECT (vitals.tenant_of_caller()).name;
SELECT t.name FROM vitals.tenants AS t ORDER BY t.name;
SET vitals.tenant = 't_two';
SELECT (vitals.tenant_of_caller()).name;
RESET vitals.tenant;
SET request.jwt.claims = '{"tenant": "t_two"}';
SELECT (vitals.tenant_of_caller()).name;
RESET request.jwt.claims;

-- ---- a member of none
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_tenants_nobody;
SELECT (vitals.tenant_of_caller()).name;
SELECT * FROM vitals.tenants;
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA vitals TO regress_tenants_nobody;
GRANT SELECT ON vitals.tenants TO regress_tenants_nobody;
GRANT EXECUTE ON FUNCTION vitals.tenant_of_caller() TO regress_tenants_nobody;
SET SESSION AUTHORIZATION regress_tenants_nobody;
SELECT (vitals.tenant_of_caller()).name;
SELECT * FROM vitals.tenants;
SET vitals.tenant = 't_one';
SELECT (vitals.tenant_of_caller()).name;
RESET SESSION AUTHORIZATION;

-- A role that is gone hides its tenant and harms no other.
CREATE ROLE regress_tenants_gone;
BEGIN;
SELECT vitals.create_tenant('t_gone', owner => 'regress_tenants_gone');
-- The collector must not be reading while all tables change hands: one of the two would have to give way.
UPDATE vitals.tenant_registry SET status = 'suspended' WHERE name = 't_gone';
COMMIT;
REASSIGN OWNED BY regress_tenants_gone TO regress_tenants_owner;
DROP OWNED BY regress_tenants_gone;
DROP ROLE regress_tenants_gone;
GRANT EXECUTE ON FUNCTION vitals.tenant_of_caller() TO regress_tenants_user;
SET SESSION AUTHORIZATION regress_tenants_user;
SELECT t.name FROM vitals.tenants AS t ORDER BY t.name;
RESET SESSION AUTHORIZATION;
DELETE FROM vitals.tenant_registry WHERE name = 't_gone';
