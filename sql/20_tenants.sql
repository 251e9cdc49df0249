-- Tenants: the registry, who may use which, and the choice of the caller's tenant.

CREATE FUNCTION vitals.target_list_problem(list text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_target_list_problem';
COMMENT ON FUNCTION vitals.target_list_problem(text) IS
'What is wrong with a list of networks and ports as vitals.allowed_targets has it; NULL where nothing is.';

CREATE TABLE vitals.tenant_registry (
    tenant_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT pg_catalog.gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,47}$'),
    schema_name name NOT NULL UNIQUE,
    role regrole NOT NULL,
    role_made boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    allowed_targets text CHECK (vitals.target_list_problem(allowed_targets) IS NULL)
);
COMMENT ON TABLE vitals.tenant_registry IS 'One row per tenant. Users see their own through vitals.tenants.';
COMMENT ON COLUMN vitals.tenant_registry.role_made IS 'Whether the role was made with the tenant, and goes with it.';
COMMENT ON COLUMN vitals.tenant_registry.allowed_targets IS
'Networks and ports that the tenant''s servers may be at, within vitals.allowed_targets; NULL: all of those.';
SELECT pg_catalog.pg_extension_config_dump('vitals.tenant_registry', '');
SELECT pg_catalog.pg_extension_config_dump('vitals.tenant_registry_tenant_key_seq', '');

-- Servers that show the database's own host. The list is the extension's, since a tenant may write its own tables.
CREATE TABLE vitals.trusted_servers (
    server_id uuid PRIMARY KEY,
    tenant_key integer NOT NULL REFERENCES vitals.tenant_registry ON DELETE CASCADE,
    connector text NOT NULL,
    approved_by name NOT NULL DEFAULT session_user,
    approved_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vitals.trusted_servers IS
'Servers with a connector that only a superuser may add. The collector polls such a server only if it stands here.';
SELECT pg_catalog.pg_extension_config_dump('vitals.trusted_servers', '');

CREATE TABLE vitals.tenant_readers (
    tenant_key integer NOT NULL REFERENCES vitals.tenant_registry ON DELETE CASCADE,
    role regrole NOT NULL,
    PRIMARY KEY (tenant_key, role)
);
COMMENT ON TABLE vitals.tenant_readers IS
'Roles that vitals.grant_tenant lets read a tenant. Who may operate one is a member of the tenant''s role.';
-- A role that is gone would be dumped as its number, and that may be another role's where it is restored.
SELECT pg_catalog.pg_extension_config_dump('vitals.tenant_readers',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = role)');

-- Of the running collector, so that no dump carries it.
CREATE TABLE vitals.tenant_problems (
    tenant_key integer PRIMARY KEY,
    problem text NOT NULL
);
COMMENT ON TABLE vitals.tenant_problems IS 'What keeps the collector from serving a tenant; users see it in vitals.tenants.';

CREATE VIEW vitals.tenants WITH (security_barrier) AS
SELECT t.tenant_key, t.id, t.name, t.schema_name, t.role, t.status, t.created_at,
    CASE WHEN pg_catalog.pg_has_role(t.role, 'MEMBER') THEN 'operate' ELSE 'read' END AS access,
    p.problem
FROM vitals.tenant_registry AS t
-- With the limit it is looked up for the tenants that are shown, and not read for all of them.
LEFT JOIN LATERAL (SELECT q.problem FROM vitals.tenant_problems AS q WHERE q.tenant_key = t.tenant_key LIMIT 1) AS p
    ON true
WHERE pg_catalog.pg_has_role(t.role, 'MEMBER')
    -- Of all tenants at once: a look per tenant that is not the reader's would be most of the work.
    OR t.tenant_key = ANY (ARRAY(SELECT r.tenant_key FROM vitals.tenant_readers AS r
                                 WHERE pg_catalog.pg_has_role(r.role, 'MEMBER')));
COMMENT ON VIEW vitals.tenants IS 'The tenants that you may use: as a member of their role, or to read only.';
COMMENT ON COLUMN vitals.tenants.tenant_key IS 'Number of the tenant in this database.';
COMMENT ON COLUMN vitals.tenants.id IS 'Id of the tenant: sealed passwords are bound to it.';
COMMENT ON COLUMN vitals.tenants.name IS 'The tenant''s name, as in SET vitals.tenant.';
COMMENT ON COLUMN vitals.tenants.schema_name IS 'The schema that holds the tenant''s relations.';
COMMENT ON COLUMN vitals.tenants.role IS 'Owner of the schema; members of this role may operate the tenant.';
COMMENT ON COLUMN vitals.tenants.status IS 'active, or suspended: nothing is collected.';
COMMENT ON COLUMN vitals.tenants.created_at IS 'When the tenant was made.';
COMMENT ON COLUMN vitals.tenants.access IS 'What you may do with it: operate, or read.';
COMMENT ON COLUMN vitals.tenants.problem IS
'What keeps the collector from serving it, for example a table that is gone; NULL where nothing does. Other tenants are not affected.';

CREATE FUNCTION vitals.query_row(statement text, VARIADIC arguments "any") RETURNS record
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_query_row';
COMMENT ON FUNCTION vitals.query_row(text, VARIADIC "any") IS
'The first row of what a SELECT with parameters $1, $2, … returns, or NULL: EXECUTE … INTO … USING, with a plan that the session keeps. Runs with the caller''s rights.';

CREATE FUNCTION vitals.execute_row(statement text, VARIADIC arguments "any") RETURNS record
LANGUAGE c VOLATILE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_execute_row';
COMMENT ON FUNCTION vitals.execute_row(text, VARIADIC "any") IS
'Like vitals.query_row for a statement that changes rows: all of it is run, and its first row returned. Its plan is one for all arguments.';

CREATE FUNCTION vitals.tenant_of_caller() RETURNS vitals.tenants
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_tenant_of_caller';
COMMENT ON FUNCTION vitals.tenant_of_caller() IS
'The tenant that functions and views act on: the setting vitals.tenant, else the JWT claim "tenant", else the only tenant that you may use. Membership in the tenant''s role or vitals.grant_tenant is always required. Errors: 42501 none or not yours, 22023 more than one.';

CREATE FUNCTION vitals.administrative_functions() RETURNS name[]
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT '{administrative_functions, create_tenant, create_tenant_relations, alter_tenant, suspend_tenant, resume_tenant,
             drop_tenant, grant_tenant, revoke_tenant, grant_tenant_functions, approve_server, set_tenant_status,
             find_tenant, check_tenant_access, check_tenant_owner, is_powerful, enable, disable, run_as, mark_tenant_schema, upgrade_tenant,
             attach_tenant, note_problem, ensure_tenants_role, setup_rest, remove_rest, check_rest_role, check_rest_roles,
             is_used_elsewhere, is_anonymous, check_targets, grant_rest,
             revoke_rest, classify_wait}'::name[]
$$;
COMMENT ON FUNCTION vitals.administrative_functions() IS
'Names of the functions that are not granted to tenants: they act on tenants from outside.';

-- The grants go to one role of the cluster and not to each tenant's: a thousand tenants would make the access lists of the
-- functions a thousand entries long, and a tenant's role could only be dropped after as many revocations.
CREATE FUNCTION vitals.ensure_tenants_role() RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regrole('vitals_tenant') IS NULL THEN
        BEGIN
            CREATE ROLE vitals_tenant NOLOGIN;
            COMMENT ON ROLE vitals_tenant IS
                'May call the functions of pg_vitals that act on the caller''s tenant. Gives access to no tenant.';
        EXCEPTION WHEN duplicate_object THEN
            -- By another database, just now.
            NULL;
        END;
    ELSIF EXISTS (SELECT FROM pg_roles AS r
                  WHERE r.rolname = 'vitals_tenant'
                      AND (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls OR r.rolcanlogin)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'role "vitals_tenant" is too powerful',
            DETAIL = 'All tenants'' roles become its members.',
            HINT = 'ALTER ROLE vitals_tenant NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS NOLOGIN';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.ensure_tenants_role() IS
'Makes the role vitals_tenant if it is missing. Error: 55000 there is one that is too powerful.';

CREATE FUNCTION vitals.grant_tenant_functions(tenant_role regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    function_name regprocedure;
    view_name regclass;
BEGIN
    PERFORM vitals.ensure_tenants_role();
    IF NOT pg_has_role(tenant_role, 'vitals_tenant', 'MEMBER') THEN
        EXECUTE format('GRANT vitals_tenant TO %s', tenant_role);
    END IF;

    -- What is missing: everything at first, little after an update of the extension.
    IF NOT has_schema_privilege('vitals_tenant', 'vitals', 'USAGE') THEN
        GRANT USAGE ON SCHEMA vitals TO vitals_tenant;
    END IF;
    FOR function_name IN
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = 'vitals'::regnamespace
            AND p.proname <> ALL (vitals.administrative_functions())
            AND NOT has_function_privilege('vitals_tenant', p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO vitals_tenant', function_name);
    END LOOP;
    FOR view_name IN
        SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'vitals'::regnamespace AND c.relkind = 'v'
        UNION ALL VALUES ('vitals.connectors'::regclass), ('vitals.metric_catalogue'::regclass), ('vitals.metric_group_catalogue'::regclass)
    LOOP
        CONTINUE WHEN has_table_privilege('vitals_tenant', view_name, 'SELECT');
        EXECUTE format('GRANT SELECT ON %s TO vitals_tenant', view_name);
    END LOOP;
    PERFORM vitals.grant_rest(tenant_role);
END
$$;
COMMENT ON FUNCTION vitals.grant_tenant_functions(regrole) IS
'Lets a tenant''s role use the functions and views that act on the caller''s own tenant, as a member of the role vitals_tenant, which is made if it is missing. Called for a tenant that is made, attached or upgraded, and by vitals.enable.';

