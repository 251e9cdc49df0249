-- Tenants' relations of another version: after ALTER EXTENSION UPDATE, after a restore, and from a dump of one schema. They
-- are brought up to date at run time and never by an extension script, which would make them members of the extension.

CREATE FUNCTION vitals.installed_version() RETURNS text
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'pg_vitals'
$$;
COMMENT ON FUNCTION vitals.installed_version() IS 'Version of the extension''s objects in this database.';

ALTER TABLE vitals.tenant_registry ADD COLUMN version text NOT NULL DEFAULT vitals.installed_version()
    CHECK (version ~ '^[0-9]{1,4}(\.[0-9]{1,4})*$');
COMMENT ON COLUMN vitals.tenant_registry.version IS
'The version whose layout the tenant''s relations have. The collector brings older ones up to date before it collects.';

CREATE TABLE vitals.tenant_upgrades (
    version text NOT NULL CHECK (version ~ '^[0-9]{1,4}(\.[0-9]{1,4})*$'),
    step integer NOT NULL,
    statement text NOT NULL,
    PRIMARY KEY (version, step)
);
COMMENT ON TABLE vitals.tenant_upgrades IS
'What brings a tenant''s relations from the version before to this one. The rows are the extension''s own.';
COMMENT ON COLUMN vitals.tenant_upgrades.statement IS
'A template of format() with the schema as its argument, for example ALTER TABLE %1$I.servers …; run as the tenant''s role.';

CREATE FUNCTION vitals.run_as(role regrole, statements text[]) RETURNS void
LANGUAGE c STRICT
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_run_as';
COMMENT ON FUNCTION vitals.run_as(regrole, text[]) IS
'Runs statements with the rights of a role that the caller is a member of, as VACUUM does for a table''s owner: they can change neither role nor settings for longer. Error: 42501 not a member.';

CREATE FUNCTION vitals.mark_tenant_schema(tenant_schema name, role regrole) RETURNS void
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT vitals.run_as(role, ARRAY[format('COMMENT ON SCHEMA %I IS %L', tenant_schema,
                                            'Tenant of pg_vitals, version ' || vitals.installed_version())])
$$;
COMMENT ON FUNCTION vitals.mark_tenant_schema(name, regrole) IS
'Writes into the schema''s comment that it is a tenant''s, and of which version: what vitals.attach_tenant reads.';

CREATE FUNCTION vitals.upgrade_tenant(name text) RETURNS text
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tenant vitals.tenant_registry;
    own integer[] := string_to_array(vitals.installed_version(), '.')::integer[];
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    -- One at a time, as in vitals.create_tenant.
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    SELECT t.* INTO tenant FROM vitals.tenant_registry AS t WHERE t.name = upgrade_tenant.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'tenant not found',
            DETAIL = format('There is no tenant %s.', coalesce(quote_literal(left(name, 100)), 'NULL'));
    END IF;
    IF string_to_array(tenant.version, '.')::integer[] > own THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'tenant is of a newer version than the extension',
            DETAIL = format('Tenant "%s" has version %s, the extension %s.', tenant.name, tenant.version,
                            vitals.installed_version()),
            HINT = 'Install a newer package and run ALTER EXTENSION pg_vitals UPDATE.';
    END IF;
    -- The update may have brought functions that the tenants' role has no right to yet.
    PERFORM vitals.grant_tenant_functions(tenant.role);
    PERFORM vitals.run_as(tenant.role, ARRAY(
        SELECT format(u.statement, tenant.schema_name)
        FROM vitals.tenant_upgrades AS u
        WHERE string_to_array(u.version, '.')::integer[] > string_to_array(tenant.version, '.')::integer[]
            AND string_to_array(u.version, '.')::integer[] <= own
        ORDER BY string_to_array(u.version, '.')::integer[], u.step)
        || vitals.new_metric_types_sql(tenant.schema_name));
    PERFORM vitals.mark_tenant_schema(tenant.schema_name, tenant.role);
    -- Nor have the tenant's readers any to relations that are new.
    PERFORM vitals.grant_tenant(tenant.name, r.role, 'read') FROM vitals.tenant_readers AS r
    WHERE r.tenant_key = tenant.tenant_key AND EXISTS (SELECT FROM pg_roles AS p WHERE p.oid = r.role AND p.rolinherit);
    UPDATE vitals.tenant_registry AS t SET version = vitals.installed_version() WHERE t.tenant_key = tenant.tenant_key;
    RETURN vitals.installed_version();
END
$$;
COMMENT ON FUNCTION vitals.upgrade_tenant(text) IS
'Brings the relations of a tenant to the layout of the installed version, with the tenant''s own rights, all or nothing; returns the version. The collector calls it for tenants that need it. Errors: PT404 not found, 55000 newer than the extension. Needs a superuser.';

CREATE FUNCTION vitals.attach_tenant(name text, id uuid DEFAULT NULL, allowed_targets text DEFAULT NULL) RETURNS name
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tenant_schema name := 'tenant_' || name;
    found_schema pg_namespace;
    schema_version text;
    problem text;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    PERFORM vitals.check_targets(allowed_targets);
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    SELECT n.* INTO found_schema FROM pg_namespace AS n WHERE n.nspname = tenant_schema;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = 'schema does not exist',
            DETAIL = format('There is no schema %s.', coalesce(quote_literal(left(tenant_schema, 100)), 'NULL')),
            HINT = 'Restore a dump of the tenant''s schema first, made with pg_dump -n tenant_<name>.';
    END IF;
    IF EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE t.name = attach_tenant.name OR t.id = attach_tenant.id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = 'tenant already exists',
            DETAIL = 'There is a tenant of this name or id.';
    END IF;
    schema_version := substring(obj_description(found_schema.oid, 'pg_namespace')
                                FROM '^Tenant of pg_vitals, version ([0-9]{1,4}(?:\.[0-9]{1,4})*)');
    problem := CASE
        WHEN name !~ '^[a-z][a-z0-9_]{0,47}$' OR name ~ '^(tenant|pg)_' THEN 'Its name is none of a tenant.'
        WHEN schema_version IS NULL THEN 'Its comment does not say so.'
        ELSE coalesce(
            (SELECT format('It has no table "%s" of its owner''s.', wanted)
             FROM unnest(ARRAY['collection_config', 'credentials', 'metric_types', 'server_snapshots', 'servers', 'settings']) AS wanted
             WHERE NOT EXISTS (SELECT FROM pg_class AS c
                               WHERE c.relnamespace = found_schema.oid AND c.relname = wanted
                                   AND c.relkind IN ('r', 'p') AND c.relowner = found_schema.nspowner)
             LIMIT 1),
            (SELECT format('"%s" in it is not its owner''s.', c.relname)
             FROM pg_class AS c
             WHERE c.relnamespace = found_schema.oid AND c.relowner <> found_schema.nspowner ORDER BY c.relname LIMIT 1))
    END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_definition',
            MESSAGE = 'schema is not a tenant''s',
            DETAIL = format('Schema "%s": %s', tenant_schema, problem),
            HINT = 'Only a schema that vitals.create_tenant made, here or where it was dumped, can be attached.';
    END IF;
    PERFORM vitals.check_tenant_owner(found_schema.nspowner);
    INSERT INTO vitals.tenant_registry (id, name, schema_name, role, version, allowed_targets)
    VALUES (coalesce(id, gen_random_uuid()), name, tenant_schema, found_schema.nspowner, schema_version,
            allowed_targets);
    PERFORM vitals.grant_tenant_functions(found_schema.nspowner);
    PERFORM vitals.upgrade_tenant(name);
    PERFORM vitals.notify_collector();
    RETURN tenant_schema;
END
$$;
COMMENT ON FUNCTION vitals.attach_tenant(text, uuid, text) IS
'Makes a tenant of the existing schema tenant_<name>, restored from a dump of that schema or left behind by DROP EXTENSION; returns the schema''s name. What it had switched on is collected at once. id: that of the tenant where it was dumped (vitals.tenants.id); with any other its stored passwords cannot be opened. allowed_targets: as for vitals.alter_tenant, since a dump of the schema does not have it. Errors: 3F000 no such schema, 42P15 not a tenant''s, 42710 exists, 22023 its owner is too powerful, or a bad list of targets. Needs a superuser.';
