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

CREATE FUNCTION vitals.is_powerful(role regrole) RETURNS boolean
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT role::oid < 16384
        OR EXISTS (SELECT FROM pg_roles AS r
                   WHERE pg_has_role(role, r.oid, 'MEMBER')
                       AND (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
                            OR r.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
                                             'pg_read_all_data', 'pg_write_all_data', 'pg_maintain')))
$$;
COMMENT ON FUNCTION vitals.is_powerful(regrole) IS
'Whether a role is predefined, or is or belongs to one that is a superuser, has CREATEROLE, REPLICATION or BYPASSRLS, or may use files or programs of the server, or the data of all.';

CREATE FUNCTION vitals.is_anonymous(role regrole) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM vitals.rest_setup AS s JOIN pg_roles AS r ON r.oid = s.anon
                   WHERE pg_has_role(s.anon, role, 'MEMBER'));
END
$$;
COMMENT ON FUNCTION vitals.is_anonymous(regrole) IS
'Whether the role is that of requests without a token (vitals.setup_rest), or one that it is a member of.';

CREATE FUNCTION vitals.check_tenant_owner(owner regrole) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF owner::oid = to_regrole('vitals_tenant')::oid THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner is everybody''s',
            DETAIL = 'All tenants'' roles are members of "vitals_tenant", and could use a tenant that it owns.',
            HINT = 'Leave owner out to have a role made for the tenant, and grant that role to its users.';
    ELSIF vitals.is_powerful(owner) THEN
        -- The collector writes with the owner's rights, and everything the owner can do a tenant's trigger could do.
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner is too powerful',
            DETAIL = format('Role %s is predefined, or it is or belongs to a role that is a superuser, has CREATEROLE, REPLICATION or BYPASSRLS, or may use files or programs of the server, or the data of all.', owner),
            HINT = 'Leave owner out to have a role made for the tenant, and grant that role to its users.';
    ELSIF vitals.is_anonymous(owner) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner is everybody''s',
            DETAIL = format('Requests without a token act as a member of role %s: see vitals.setup_rest.', owner),
            HINT = 'Leave owner out to have a role made for the tenant, and grant that role to its users.';
    ELSIF NOT (SELECT r.rolinherit FROM pg_roles AS r WHERE r.oid = owner) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant owner does not inherit',
            DETAIL = format('Role %s has NOINHERIT, so that it could not use the functions of its tenant.', owner),
            HINT = format('ALTER ROLE %s INHERIT, or leave owner out and grant the role that is made for the tenant.', owner);
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_tenant_owner(regrole) IS
'Raises 22023 unless the role is one whose rights the collector may lend to a tenant''s triggers.';

CREATE FUNCTION vitals.create_tenant(
    name text, owner regrole DEFAULT NULL, retention_days integer DEFAULT 30, partition_width text DEFAULT 'month'
) RETURNS name
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tenant_schema name := 'tenant_' || name;
    role_made boolean := owner IS NULL;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,47}$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid tenant name',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(name, 100)), 'NULL')),
            HINT = 'A name is a lower-case letter, followed by up to 47 lower-case letters, digits and underscores.';
    END IF;
    IF name ~ '^(tenant|pg)_' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'reserved tenant name',
            DETAIL = format('Got %L.', name),
            HINT = 'A name does not begin with tenant_ or pg_; the schema is called tenant_<name> anyway.';
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
    ELSE
        PERFORM vitals.check_tenant_owner(owner);
    END IF;

    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %s', tenant_schema, owner);
    INSERT INTO vitals.tenant_registry (name, schema_name, role, role_made) VALUES (name, tenant_schema, owner, role_made);
    PERFORM vitals.grant_tenant_functions(owner);
    PERFORM vitals.create_tenant_relations(tenant_schema, owner, retention_days, partition_width);
    PERFORM vitals.mark_tenant_schema(tenant_schema, owner);
    PERFORM vitals.notify_collector();
    RETURN tenant_schema;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant(text, regrole, integer, text) IS
'Makes a tenant: its registry row and its schema tenant_<name>, owned by a new NOLOGIN role of that name or by the owner given (no superuser). Members of the role may use the tenant. retention_days: 1..3650. partition_width: month, week or day. The first tenant also makes the role vitals_tenant, to which the functions are granted. Returns the schema''s name. Errors: 22023 bad name, owner, retention or width, 42710 exists. Needs a superuser.';

CREATE FUNCTION vitals.find_tenant(name text) RETURNS vitals.tenant_registry
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    tenant vitals.tenant_registry;
BEGIN
    SELECT t.* INTO tenant FROM vitals.tenant_registry AS t WHERE t.name = find_tenant.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'tenant not found',
            DETAIL = format('There is no tenant %s.', coalesce(quote_literal(left(name, 100)), 'NULL')),
            HINT = 'vitals.tenants lists them.';
    END IF;
    RETURN tenant;
END
$$;
COMMENT ON FUNCTION vitals.find_tenant(text) IS 'A tenant''s row of the registry. Error: PT404 not found.';

CREATE FUNCTION vitals.change_settings_in(tenant vitals.tenants, retention_days integer, partition_width text) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    EXECUTE format('UPDATE %I.settings AS s SET retention_days = coalesce($1, s.retention_days),
                                                partition_width = coalesce($2, s.partition_width)', tenant.schema_name)
        USING retention_days, partition_width;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed = 0 THEN
        EXECUTE format('INSERT INTO %I.settings (retention_days, partition_width) VALUES (coalesce($1, 30), coalesce($2, ''month''))',
                       tenant.schema_name)
            USING retention_days, partition_width;
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.change_settings_in(vitals.tenants, integer, text) IS 'vitals.change_settings as the tenant''s role.';

CREATE FUNCTION vitals.change_settings(retention_days integer, partition_width text) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.change_settings(integer, text) IS
'Writes the settings of the caller''s tenant, where not NULL. Called by vitals.alter_tenant, which checks them.';

CREATE FUNCTION vitals.check_targets(allowed_targets text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    problem constant text := vitals.target_list_problem(allowed_targets);
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid list of targets',
            DETAIL = problem || '.',
            HINT = 'Networks and ports, for example 10.0.0.0/8, [fd00::/8]:1433, !10.1.2.3; all for everything that vitals.allowed_targets allows.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_targets(text) IS
'Raises 22023 unless it is a list of networks and ports, or NULL. Called by vitals.alter_tenant and vitals.attach_tenant.';

-- The setting chooses the tenant for what runs as its role; it ends with the function.
CREATE FUNCTION vitals.alter_tenant(
    name text, retention_days integer DEFAULT NULL, partition_width text DEFAULT NULL, allowed_targets text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET vitals.tenant TO ''
AS $$
#variable_conflict use_variable
DECLARE
    tenant vitals.tenant_registry := vitals.find_tenant(name);
    lost record;
BEGIN
    PERFORM vitals.check_tenant_settings(coalesce(retention_days, 30), coalesce(partition_width, 'month'));
    PERFORM vitals.check_targets(allowed_targets);
    UPDATE vitals.tenant_registry AS t SET allowed_targets = alter_tenant.allowed_targets
    WHERE t.tenant_key = tenant.tenant_key AND alter_tenant.allowed_targets IS NOT NULL;
    PERFORM set_config('vitals.tenant', tenant.name, true);
    PERFORM vitals.change_settings(retention_days, partition_width);
    IF retention_days IS NOT NULL THEN
        SELECT sum(p.collections) AS collections, count(*) FILTER (WHERE p.outcome = 'dropped') AS partitions INTO lost
        FROM vitals.retention_preview(retention_days) AS p;
        IF lost.collections > 0 THEN
            RAISE NOTICE USING
                MESSAGE = format('%s collections of tenant "%s" are past retention', lost.collections, tenant.name),
                DETAIL = format('They cannot be seen from now on, and %s whole partitions will be dropped by the collector.', lost.partitions),
                HINT = 'As long as nothing was dropped, a longer retention brings them back.';
        END IF;
    END IF;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.alter_tenant(text, integer, text, text) IS
'Changes what is given (not NULL) of a tenant. retention_days: 1..3650; says how much is past it, see vitals.retention_preview. partition_width: month, week or day, for partitions made from now on. allowed_targets: networks and ports that its servers may be at, within those of the setting vitals.allowed_targets; ''all'' for all of them. Errors: 22023 out of range, PT404 tenant not found. Needs a superuser.';

CREATE FUNCTION vitals.set_tenant_status(name text, status text) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    tenant vitals.tenant_registry := vitals.find_tenant(name);
BEGIN
    UPDATE vitals.tenant_registry AS t SET status = set_tenant_status.status
    WHERE t.tenant_key = tenant.tenant_key AND t.status <> set_tenant_status.status;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.set_tenant_status(text, text) IS
'Sets a tenant''s status. Called by vitals.suspend_tenant and vitals.resume_tenant.';

CREATE FUNCTION vitals.suspend_tenant(name text) RETURNS void
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT vitals.set_tenant_status(name, 'suspended')
$$;
COMMENT ON FUNCTION vitals.suspend_tenant(text) IS
'Ends the collection of a tenant until vitals.resume_tenant; what was collected can be read. Nothing changes if it is suspended. Error: PT404 tenant not found. Needs a superuser.';

CREATE FUNCTION vitals.resume_tenant(name text) RETURNS void
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT vitals.set_tenant_status(name, 'active')
$$;
COMMENT ON FUNCTION vitals.resume_tenant(text) IS
'Has a suspended tenant collected again. Nothing changes if it is active. Error: PT404 tenant not found. Needs a superuser.';

CREATE FUNCTION vitals.tenant_contents_in(tenant vitals.tenants) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    servers bigint;
    has_history boolean;
BEGIN
    EXECUTE format('SELECT count(*), EXISTS (SELECT FROM %1$I.server_snapshots) FROM %1$I.servers', tenant.schema_name)
        INTO servers, has_history;
    IF servers > 0 OR has_history THEN
        RETURN format('Servers: %s. Collections: %s.', servers, CASE WHEN has_history THEN 'some' ELSE 'none' END);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION vitals.tenant_contents_in(vitals.tenants) IS 'vitals.tenant_contents as the tenant''s role.';

CREATE FUNCTION vitals.tenant_contents() RETURNS text
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.tenant_contents() IS
'What would be lost with the caller''s tenant, in words; NULL where it has neither servers nor collections.';

CREATE FUNCTION vitals.drop_tenant(name text, drop_data boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET vitals.tenant TO ''
SET client_min_messages TO warning
AS $$
DECLARE
    tenant vitals.tenant_registry := vitals.find_tenant(name);
    contents text;
BEGIN
    IF drop_data IS NOT TRUE THEN
        PERFORM set_config('vitals.tenant', tenant.name, true);
        contents := vitals.tenant_contents();
        IF contents IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_in_use',
                MESSAGE = 'tenant has data',
                DETAIL = contents,
                HINT = 'vitals.drop_tenant(name, drop_data => true) drops it with everything in it.';
        END IF;
    END IF;
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM vitals.tenant_registry AS t WHERE t.tenant_key = tenant.tenant_key;
    DELETE FROM vitals.tenant_problems AS p WHERE p.tenant_key = tenant.tenant_key;
    -- Whoever stores a batch looks at these first (vitals.add_sets), and is to end before the others are locked one by one.
    IF vitals.is_table(tenant.schema_name, 'known_sets') THEN
        EXECUTE format('LOCK TABLE %I.known_sets IN ACCESS EXCLUSIVE MODE', tenant.schema_name);
    END IF;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', tenant.schema_name);
    PERFORM vitals.revoke_rest(tenant.role);
    PERFORM vitals.notify_collector();
    -- Its role may have come to own or be granted something elsewhere; then it stays.
    IF tenant.role_made AND EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = tenant.role)
        AND NOT EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE t.role = tenant.role) THEN
        BEGIN
            EXECUTE format('DROP ROLE %s', tenant.role);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE WARNING USING
                MESSAGE = format('role %s is kept', tenant.role),
                DETAIL = SQLERRM,
                HINT = 'See DROP OWNED and DROP ROLE.';
        END;
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.drop_tenant(text, boolean) IS
'Removes a tenant: its registry row, its schema with everything in it, its grants, and its role if it was made with it and owns nothing else. Refuses while the tenant has servers or collections, unless drop_data is true. Errors: 55006 it has data, PT404 tenant not found. Needs a superuser.';

CREATE FUNCTION vitals.check_tenant_access(role regrole, access text, may_be_null boolean) RETURNS void
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
    IF access NOT IN ('read', 'operate') OR (access IS NULL AND NOT may_be_null) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'unknown access',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(access, 100)), 'NULL')),
            HINT = 'It is read or operate.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_tenant_access(regrole, text, boolean) IS
'Raises an error unless there is such a role and such an access. Called by vitals.grant_tenant and vitals.revoke_tenant.';

CREATE FUNCTION vitals.grant_tenant(name text, role regrole, access text DEFAULT 'read') RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO warning
AS $$
DECLARE
    tenant vitals.tenant_registry := vitals.find_tenant(name);
    relation regclass;
BEGIN
    PERFORM vitals.check_tenant_access(role, access, false);
    IF vitals.is_anonymous(role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'role of anonymous requests may use no tenant',
            DETAIL = format('Requests without a token act as a member of role %s: see vitals.setup_rest.', role),
            HINT = 'Grant the tenant to the role that its users'' tokens name.';
    END IF;
    IF NOT (SELECT r.rolinherit FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'role does not inherit',
            DETAIL = format('Role %s has NOINHERIT, so that it could not use the functions of the tenant.', role),
            HINT = format('ALTER ROLE %s INHERIT', role);
    END IF;
    IF access = 'operate' THEN
        EXECUTE format('GRANT %s TO %s', tenant.role, role);
        RETURN;
    END IF;
    EXECUTE format('GRANT vitals_tenant TO %s', role);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', tenant.schema_name, role);
    FOR relation IN
        SELECT c.oid::regclass FROM pg_class AS c
        WHERE c.relnamespace = quote_ident(tenant.schema_name)::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND NOT c.relispartition AND c.relname <> 'credentials'
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', relation, role);
    END LOOP;
    INSERT INTO vitals.tenant_readers (tenant_key, role) VALUES (tenant.tenant_key, role) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION vitals.grant_tenant(text, regrole, text) IS
'Lets a role use a tenant. read: its relations but credentials, and the functions and views that change nothing. operate: everything, as a member of the tenant''s role. Nothing changes if it may already. Errors: 22023 unknown access, 42704 no such role, PT404 tenant not found. Needs a superuser.';

CREATE FUNCTION vitals.revoke_tenant(name text, role regrole, access text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO error
AS $$
DECLARE
    tenant vitals.tenant_registry := vitals.find_tenant(name);
BEGIN
    PERFORM vitals.check_tenant_access(role, access, true);
    IF coalesce(access, 'operate') = 'operate' THEN
        EXECUTE format('REVOKE %s FROM %s', tenant.role, role);
    END IF;
    IF coalesce(access, 'read') = 'read' THEN
        DELETE FROM vitals.tenant_readers AS r WHERE r.tenant_key = tenant.tenant_key AND r.role = revoke_tenant.role;
        IF FOUND THEN
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %s', tenant.schema_name, role);
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', tenant.schema_name, role);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.revoke_tenant(text, regrole, text) IS
'Takes back what vitals.grant_tenant gave a role: read, operate, or by default both. Nothing changes if it may not anyway. Errors: 22023 unknown access, 42704 no such role, PT404 tenant not found. Needs a superuser.';
