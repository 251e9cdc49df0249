-- Opening vitals_api to PostgREST, and closing it again. What is granted goes to vitals_tenant, of which every tenant's role
-- is a member, so that tenants that come later need nothing but to be granted to the role that PostgREST logs in as.

CREATE TABLE vitals.rest_setup (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    authenticator regrole NOT NULL,
    anon regrole NOT NULL
);
COMMENT ON TABLE vitals.rest_setup IS 'The roles of PostgREST, as vitals.setup_rest was told: one row, or none.';
-- As with vitals.tenant_readers.
SELECT pg_catalog.pg_extension_config_dump('vitals.rest_setup',
    'WHERE (SELECT count(*) FROM pg_catalog.pg_roles AS r WHERE r.oid IN (authenticator, anon)) = 2');

CREATE FUNCTION vitals.check_rest_role(role regrole) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = 'role does not exist',
            DETAIL = format('Got %s.', coalesce(role::text, 'NULL'));
    END IF;
    -- Whoever can make tokens can become every role that this one is a member of.
    IF vitals.is_powerful(role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'role of PostgREST is too powerful',
            DETAIL = format('Role %s is predefined, or it is or belongs to a role that is a superuser, has CREATEROLE, REPLICATION or BYPASSRLS, or may use files or programs of the server, or the data of all.', role),
            HINT = 'Make a role of its own for it.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_rest_role(regrole) IS
'Raises an error unless PostgREST may act as the role: 42704 no such role, 22023 too powerful. Called by vitals.setup_rest.';

CREATE FUNCTION vitals.check_rest_roles(authenticator regrole, anon regrole) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    login record;
BEGIN
    PERFORM vitals.check_rest_role(authenticator);
    PERFORM vitals.check_rest_role(anon);
    SELECT r.rolcanlogin AS may, r.rolinherit AS inherits INTO login FROM pg_roles AS r WHERE r.oid = authenticator;
    IF login.inherits OR NOT login.may THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'authenticator must have LOGIN and NOINHERIT',
            DETAIL = format('PostgREST logs in as role %s and then takes the role of the token; it must not have the rights of all tenants before.', authenticator),
            HINT = format('ALTER ROLE %s LOGIN NOINHERIT', authenticator);
    END IF;
    IF anon = authenticator OR pg_has_role(anon, 'vitals_tenant', 'MEMBER')
        OR EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE pg_has_role(anon, t.role, 'MEMBER'))
        OR EXISTS (SELECT FROM vitals.tenant_readers AS r JOIN pg_roles AS p ON p.oid = r.role
                   WHERE pg_has_role(anon, r.role, 'MEMBER')) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'role of anonymous requests may use a tenant',
            DETAIL = format('Whoever has no token acts as role %s.', anon),
            HINT = 'Make a role without any rights for it: CREATE ROLE web_anon NOLOGIN';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_rest_roles(regrole, regrole) IS
'Raises an error unless PostgREST may log in as authenticator and act as anon for requests without a token: 42704 no such role, 22023 too powerful, no LOGIN, INHERIT, or may use a tenant. Called by vitals.setup_rest, and again by vitals.grant_rest: a dump has the roles by name, and where it is restored they may be other ones.';

CREATE FUNCTION vitals.grant_rest(tenant_role regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO warning
AS $$
DECLARE
    setup vitals.rest_setup;
    granted text;
BEGIN
    SELECT s.* INTO setup FROM vitals.rest_setup AS s;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    BEGIN
        PERFORM vitals.check_rest_roles(setup.authenticator, setup.anon);
    EXCEPTION WHEN invalid_parameter_value OR undefined_object THEN
        RAISE WARNING USING
            MESSAGE = 'PostgREST is given nothing',
            DETAIL = format('Its roles are not what they were when vitals.setup_rest was called: %s.', SQLERRM),
            HINT = 'Mend them and call vitals.setup_rest, or vitals.remove_rest.';
        RETURN;
    END;
    -- What is missing, as in vitals.grant_tenant_functions.
    IF NOT has_schema_privilege('vitals_tenant', 'vitals_api', 'USAGE') THEN
        GRANT USAGE ON SCHEMA vitals_api TO vitals_tenant;
    END IF;
    FOR granted IN
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = 'vitals_api'::regnamespace AND NOT has_function_privilege('vitals_tenant', p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO vitals_tenant', granted);
    END LOOP;
    FOR granted IN
        SELECT c.oid::regclass FROM pg_class AS c
        WHERE c.relnamespace = 'vitals_api'::regnamespace AND c.relkind = 'v'
            AND NOT has_table_privilege('vitals_tenant', c.oid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO vitals_tenant', granted);
    END LOOP;
    FOR granted IN
        SELECT r.rolname FROM pg_roles AS r
        WHERE r.oid IN (tenant_role, setup.anon) AND NOT pg_has_role(setup.authenticator, r.oid, 'MEMBER')
    LOOP
        EXECUTE format('GRANT %I TO %s', granted, setup.authenticator);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.grant_rest(regrole) IS
'Lets PostgREST act as a tenant''s role, and that role use vitals_api, where vitals.setup_rest was called. Called for every tenant by it, and for a tenant that is made, attached or upgraded.';

-- Who is a member of what is the cluster's. A copy of this database, or the original of a restored one, has tenants with the
-- same roles, and its PostgREST must not lose them with a tenant that is dropped here.
CREATE FUNCTION vitals.is_used_elsewhere(tenant_role regrole) RETURNS boolean
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_shdepend AS d
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = tenant_role
                       AND d.dbid NOT IN (0, (SELECT own.oid FROM pg_database AS own WHERE own.datname = current_database())))
$$;
COMMENT ON FUNCTION vitals.is_used_elsewhere(regrole) IS 'Whether a role owns something in another database of the cluster, or may use it.';

CREATE FUNCTION vitals.revoke_rest(tenant_role regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO error
AS $$
DECLARE
    authenticator regrole := (SELECT s.authenticator FROM vitals.rest_setup AS s
                              JOIN pg_roles AS r ON r.oid = s.authenticator);
BEGIN
    IF authenticator IS NOT NULL AND EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = tenant_role)
        AND NOT EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE t.role = tenant_role)
        AND NOT vitals.is_used_elsewhere(tenant_role) THEN
        EXECUTE format('REVOKE %s FROM %s', tenant_role, authenticator);
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.revoke_rest(regrole) IS
'Takes a role from PostgREST that is no tenant''s any more. Called by vitals.drop_tenant.';

CREATE FUNCTION vitals.remove_rest() RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO error
AS $$
DECLARE
    setup vitals.rest_setup;
    tenant_role regrole;
BEGIN
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM vitals.rest_setup RETURNING * INTO setup;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF to_regrole('vitals_tenant') IS NOT NULL THEN
        REVOKE ALL ON SCHEMA vitals_api FROM vitals_tenant;
        REVOKE ALL ON ALL TABLES IN SCHEMA vitals_api FROM vitals_tenant;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vitals_api FROM vitals_tenant;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = setup.authenticator) THEN
        RETURN;
    END IF;
    FOR tenant_role IN
        SELECT r.oid FROM pg_roles AS r
        WHERE r.oid IN (SELECT t.role FROM vitals.tenant_registry AS t) AND NOT vitals.is_used_elsewhere(r.oid)
            OR r.oid = setup.anon AND NOT EXISTS (SELECT FROM vitals.tenant_registry AS t
                                                  WHERE vitals.is_used_elsewhere(t.role))
    LOOP
        EXECUTE format('REVOKE %s FROM %s', tenant_role, setup.authenticator);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.remove_rest() IS
'Takes back what vitals.setup_rest granted. Before DROP EXTENSION it also takes the tenants'' roles, which are the cluster''s, from the authenticator. Does nothing where it was not called. Needs a superuser.';

CREATE FUNCTION vitals.setup_rest(authenticator regrole, anon regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO warning
AS $$
#variable_conflict use_variable
DECLARE
    tenant_role regrole;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    PERFORM vitals.ensure_tenants_role();
    PERFORM vitals.check_rest_roles(authenticator, anon);
    -- One at a time, as in vitals.create_tenant.
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM vitals.rest_setup AS s WHERE s.authenticator <> authenticator OR s.anon <> anon) THEN
        PERFORM vitals.remove_rest();
    END IF;
    INSERT INTO vitals.rest_setup (authenticator, anon) VALUES (authenticator, anon) ON CONFLICT DO NOTHING;
    IF NOT pg_has_role(authenticator, anon, 'MEMBER') THEN
        EXECUTE format('GRANT %s TO %s', anon, authenticator);
    END IF;
    FOR tenant_role IN SELECT DISTINCT t.role FROM vitals.tenant_registry AS t LOOP
        PERFORM vitals.grant_rest(tenant_role);
    END LOOP;
    -- A PostgREST that runs may have read the schema before there was one.
    NOTIFY pgrst, 'reload schema';
END
$$;
COMMENT ON FUNCTION vitals.setup_rest(regrole, regrole) IS
'Opens the schema vitals_api to PostgREST, which logs in as authenticator (a role with LOGIN and NOINHERIT and no rights of its own) and acts as anon for requests without a token (a role that may use no tenant; it gets nothing). Every tenant''s role, also of those that are made later, may use vitals_api and is granted to authenticator, so that a token can name it; any other role that tokens are to name, for example one of vitals.grant_tenant, is granted by hand: GRANT role TO authenticator. Can be repeated; other roles replace those before. vitals.remove_rest undoes it. Errors: 42704 no such role, 22023 too powerful, no LOGIN, or may use a tenant. Needs a superuser.';
