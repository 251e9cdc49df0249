-- Making, changing and removing tenants, and who may use them. All of it is for superusers.

CREATE FUNCTION vitals.check_tenant_settings(retention_days integer, partition_width text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF retention_days IS NULL OR retention_days NOT BETWEEN 1 AND 3650 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'retention_days must be between 1 and 3650',
            DETAIL = format('Got %s.', coalesce(retention_days::text, 'NULL')),
            HINT = 'The default is 30.';
    END IF;
    IF partition_width IS NULL OR partition_width NOT IN ('month', 'week', 'day') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'unknown partition width',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(partition_width, 100)), 'NULL')),
            HINT = 'It is month (the default), week or day.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_tenant_settings(integer, text) IS
'Raises 22023 unless a tenant may be kept so many days in partitions of that width.';

CREATE FUNCTION vitals.create_tenant(
    name text, owner regrole DEFAULT NULL, retention_days integer DEFAULT 30, partition_width text DEFAULT 'month'
) RETURNS name
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tenant_schema name := 'tenant_' || name;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,47}$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid tenant name',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(name, 100)), 'NULL')),
            HINT = 'A name is a lower-case letter, followed by up to 47 lower-case letters, digits and underscores.';
    END IF;
    PERFORM vitals.check_tenant_settings(retention_days, partition_width);
    -- One at a time: the grants of two would collide in the catalogs.
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE t.name = create_tenant.name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = 'tenant already exists',
            DETAIL = format('There is a tenant named "%s".', name);
    END IF;
    IF to_regnamespace(quote_ident(tenant_schema)) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = 'schema already exists',
            DETAIL = format('There is a schema "%s" that is no tenant''s.', tenant_schema),
            HINT = 'Rename it or choose another name: what is in it is not adopted.';
    END IF;
    IF owner IS NULL THEN
        IF to_regrole(quote_ident(tenant_schema)) IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_object',
                MESSAGE = 'role already exists',
                DETAIL = format('The tenant would be owned by a new role "%s", and there is one of this name.', tenant_schema),
                HINT = 'Name the role that is to own the tenant: vitals.create_tenant(name, owner => role).';
        END IF;
        EXECUTE format('CREATE ROLE %I NOLOGIN', tenant_schema);
        owner := tenant_schema::regrole;
    ELSIF owner::oid < 16384
        OR EXISTS (SELECT FROM pg_roles AS r
                   WHERE pg_has_role(owner, r.oid, 'MEMBER')
                       AND (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
                            OR r.rolname IN ('pg_execute_server_program', 'pg_read_server_files',
                                             'pg_write_server_files'))) THEN
        -- The collector writes with the owner's rights, and everything the owner can do a tenant's trigger could do.
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner is too powerful',
            DETAIL = format('Role %s is predefined, or it is or belongs to a role that is a superuser, has CREATEROLE, REPLICATION or BYPASSRLS, or may use files or programs of the server.', owner),
            HINT = 'Leave owner out to have a role made for the tenant, and grant that role to its users.';
    ELSIF NOT (SELECT r.rolinherit FROM pg_roles AS r WHERE r.oid = owner) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner does not inherit',
            DETAIL = format('Role %s has NOINHERIT, so that it could not use the functions of its tenant.', owner),
            HINT = format('ALTER ROLE %s INHERIT, or leave owner out and grant the role that is made for the tenant.', owner);
    END IF;

    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %s', tenant_schema, owner);
    INSERT INTO vitals.tenant_registry (name, schema_name, role) VALUES (name, tenant_schema, owner);
    PERFORM vitals.grant_tenant_functions(owner);
    PERFORM vitals.create_tenant_relations(tenant_schema, owner, retention_days, partition_width);
    PERFORM vitals.notify_collector();
    RETURN tenant_schema;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant(text, regrole, integer, text) IS
'Makes a tenant: its registry row and its schema tenant_<name>, owned by a new NOLOGIN role of that name or by the owner given (no superuser). Members of the role may use the tenant. retention_days: 1..3650. partition_width: month, week or day. The first tenant also makes the role vitals_tenant, to which the functions are granted. Returns the schema''s name. Errors: 22023 bad name, owner, retention or width, 42710 exists. Needs a superuser.';
