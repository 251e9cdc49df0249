-- Tenants: the registry, the choice of the caller's tenant, and the relations of a tenant's own schema.
-- Those are made at run time, are owned by the tenant's role and are never members of the extension, so that pg_dump
-- carries them.

CREATE TABLE vitals.tenant_registry (
    tenant_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT pg_catalog.gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,47}$'),
    schema_name name NOT NULL UNIQUE,
    role regrole NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vitals.tenant_registry IS 'One row per tenant. Users see their own through vitals.tenants.';
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

CREATE VIEW vitals.tenants WITH (security_barrier) AS
SELECT t.tenant_key, t.id, t.name, t.schema_name, t.role, t.status, t.created_at
FROM vitals.tenant_registry AS t
WHERE pg_catalog.pg_has_role(t.role, 'MEMBER');
COMMENT ON VIEW vitals.tenants IS 'The tenants whose role you are a member of.';
COMMENT ON COLUMN vitals.tenants.tenant_key IS 'Number of the tenant in this database.';
COMMENT ON COLUMN vitals.tenants.id IS 'Id of the tenant: sealed passwords are bound to it.';
COMMENT ON COLUMN vitals.tenants.name IS 'The tenant''s name, as in SET vitals.tenant.';
COMMENT ON COLUMN vitals.tenants.schema_name IS 'The schema that holds the tenant''s relations.';
COMMENT ON COLUMN vitals.tenants.role IS 'Owner of the schema; members of this role may use the tenant.';
COMMENT ON COLUMN vitals.tenants.status IS 'active, or suspended: nothing is collected.';
COMMENT ON COLUMN vitals.tenants.created_at IS 'When the tenant was made.';

CREATE FUNCTION vitals.tenant_of_caller() RETURNS vitals.tenants
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    chosen text := coalesce(
        nullif(current_setting('vitals.tenant', true), ''),
        nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'tenant', ''));
    found_tenant vitals.tenants;
    others integer;
BEGIN
    IF chosen IS NOT NULL THEN
        SELECT t.* INTO found_tenant FROM vitals.tenants AS t WHERE t.name = chosen;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'insufficient_privilege',
                MESSAGE = 'permission denied for tenant',
                DETAIL = format('There is no tenant "%s" whose role you are a member of.', chosen),
                HINT = 'vitals.tenants lists yours.';
        END IF;
        RETURN found_tenant;
    END IF;

    SELECT t.* INTO found_tenant FROM vitals.tenants AS t ORDER BY t.tenant_key LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'no tenant',
            DETAIL = 'You are not a member of any tenant''s role.',
            HINT = 'A superuser makes a tenant with vitals.create_tenant(name), or grants you the role of one.';
    END IF;
    SELECT count(*) - 1 INTO others FROM vitals.tenants;
    IF others > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'tenant is ambiguous',
            DETAIL = format('You are a member of %s tenants'' roles.', others + 1),
            HINT = 'Choose one with SET vitals.tenant; vitals.tenants lists them.';
    END IF;
    RETURN found_tenant;
END
$$;
COMMENT ON FUNCTION vitals.tenant_of_caller() IS
'The tenant that functions and views act on: the setting vitals.tenant, else the JWT claim "tenant", else the only tenant whose role you are a member of. Membership is always required. Errors: 42501 none or not yours, 22023 more than one.';

-- The grants go to one role of the cluster and not to each tenant's: a thousand tenants would make the access lists of the
-- functions a thousand entries long, and a tenant's role could only be dropped after as many revocations.
CREATE FUNCTION vitals.grant_tenant_functions(tenant_role regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    function_name regprocedure;
    view_name regclass;
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
    EXECUTE format('GRANT vitals_tenant TO %s', tenant_role);
    IF has_schema_privilege('vitals_tenant', 'vitals', 'USAGE') THEN
        RETURN;
    END IF;

    GRANT USAGE ON SCHEMA vitals TO vitals_tenant;
    FOR function_name IN
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = 'vitals'::regnamespace
            AND p.proname NOT IN ('create_tenant', 'create_tenant_relations', 'grant_tenant_functions', 'approve_server')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO vitals_tenant', function_name);
    END LOOP;
    FOR view_name IN
        SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'vitals'::regnamespace AND c.relkind = 'v'
        UNION ALL VALUES ('vitals.connectors'::regclass), ('vitals.metric_catalogue'::regclass)
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO vitals_tenant', view_name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.grant_tenant_functions(regrole) IS
'Lets a tenant''s role use the functions and views that act on the caller''s own tenant, as a member of the role vitals_tenant, which is made if it is missing. Called by vitals.create_tenant.';

CREATE FUNCTION vitals.ensure_partition(tenant_schema name, at timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    lower_bound timestamptz := date_trunc('month', at, 'UTC');
    upper_bound timestamptz := (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    partition_name name := 'server_snapshots_p' || to_char(at AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
    IF at IS NULL OR at NOT BETWEEN '2000-01-01 UTC' AND '9999-12-01 UTC' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datetime_field_overflow',
            MESSAGE = 'time is out of range for a partition',
            DETAIL = format('Got %s.', coalesce(at::text, 'NULL'));
    END IF;
    IF to_regclass(format('%I.%I', tenant_schema, partition_name)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM vitals.refuse_in_extension_script();
    -- Built aside and then attached: ATTACH locks the parent only against other changes of its shape, so that neither
    -- readers nor writers of the other partitions wait.
    EXECUTE format('CREATE TABLE %I.%I (LIKE %1$I.server_snapshots INCLUDING DEFAULTS INCLUDING STORAGE)',
                   tenant_schema, partition_name);
    EXECUTE format('ALTER TABLE %I.server_snapshots ATTACH PARTITION %1$I.%I FOR VALUES FROM (%L) TO (%L)',
                   tenant_schema, partition_name, lower_bound, upper_bound);
END
$$;
COMMENT ON FUNCTION vitals.ensure_partition(name, timestamptz) IS
'Makes the monthly partition (UTC) of tenant_schema.server_snapshots that holds the given time, if it is missing.';

CREATE FUNCTION vitals.create_tenant_relations(tenant_schema name, owner regrole) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    relation regclass;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    FOREACH statement IN ARRAY ARRAY[
        $sql$CREATE TABLE %1$I.credentials (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            username text NOT NULL CHECK (length(username) BETWEEN 1 AND 256),
            sealed_password bytea)$sql$,
        $sql$COMMENT ON COLUMN %1$I.credentials.sealed_password IS
            'Encrypted with the cluster''s public key, for this tenant and this row; only the collector can open it.'$sql$,
        $sql$CREATE TABLE %1$I.servers (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            server_key integer NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
            name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
            connector text NOT NULL,
            host text CHECK (length(host) BETWEEN 1 AND 255),
            port integer CHECK (port BETWEEN 1 AND 65535),
            options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
            credential_id uuid REFERENCES %1$I.credentials,
            created_at timestamptz NOT NULL DEFAULT now())$sql$,
        $sql$CREATE TABLE %1$I.collection_config (
            server_id uuid PRIMARY KEY REFERENCES %1$I.servers ON DELETE CASCADE,
            interval_seconds integer NOT NULL DEFAULT 60 CHECK (interval_seconds BETWEEN 30 AND 3600),
            enabled boolean NOT NULL DEFAULT false,
            metrics_enabled jsonb NOT NULL DEFAULT '["cpu_percent", "memory_percent", "connection_count"]'
                CHECK (jsonb_typeof(metrics_enabled) = 'array'))$sql$,
        -- Written by the collector alone, beside the configuration and without foreign keys to it, so that a user's open
        -- transaction on servers or their configuration never keeps the collector waiting. vitals.maintain_tenant
        -- removes what belonged to servers that are gone.
        $sql$CREATE TABLE %1$I.collection_state (
            server_key integer PRIMARY KEY,
            status text NOT NULL CHECK (status IN ('unknown', 'online', 'degraded', 'offline')),
            status_since timestamptz NOT NULL,
            last_started_at timestamptz NOT NULL,
            last_collected_at timestamptz,
            next_due_at timestamptz NOT NULL,
            lag_ms double precision NOT NULL,
            duration_ms double precision NOT NULL,
            consecutive_failures integer NOT NULL,
            last_error_class text,
            last_error_number integer,
            last_error text,
            last_error_at timestamptz,
            facts jsonb) WITH (fillfactor = 50)$sql$,
        $sql$CREATE TABLE %1$I.metric_types (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            metric_key integer NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
            name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,99}$'),
            unit text NOT NULL,
            description text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('gauge', 'rate', 'delta')),
            scale smallint NOT NULL DEFAULT 2 CHECK (scale BETWEEN 0 AND 9))$sql$,
        $sql$CREATE TABLE %1$I.series (
            series_key integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            metric_key integer NOT NULL REFERENCES %1$I.metric_types (metric_key),
            instance text NOT NULL CHECK (length(instance) <= 512),
            UNIQUE (metric_key, instance))$sql$,
        -- Which series the positions of server_snapshots.vals are. An array is too long for an index, hence the hash.
        $sql$CREATE TABLE %1$I.series_sets (
            set_key integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            series_keys integer[] NOT NULL,
            hash uuid NOT NULL UNIQUE)$sql$,
        $sql$CREATE TABLE %1$I.server_snapshots (
            collected_at timestamptz(3) NOT NULL,
            server_key integer NOT NULL,
            set_key integer,
            interval_ms integer,
            duration_ms integer NOT NULL,
            connection_count integer,
            cpu_percent double precision,
            memory_percent double precision,
            status text NOT NULL,
            vals double precision[]) PARTITION BY RANGE (collected_at)$sql$,
        $sql$CREATE INDEX ix_server_snapshots_server_time ON %1$I.server_snapshots (server_key, collected_at)$sql$,
        $sql$CREATE TABLE %1$I.server_latest (
            server_key integer NOT NULL,
            series_key integer NOT NULL,
            collected_at timestamptz(3) NOT NULL,
            value double precision,
            PRIMARY KEY (server_key, series_key)) WITH (fillfactor = 50)$sql$,
        $sql$CREATE TABLE %1$I.server_events (
            event_key bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            server_key integer NOT NULL,
            happened_at timestamptz(3) NOT NULL,
            old_status text NOT NULL,
            new_status text NOT NULL,
            error_class text,
            error_number integer,
            message text)$sql$,
        $sql$CREATE INDEX ix_server_events_server_time ON %1$I.server_events (server_key, happened_at)$sql$]
    LOOP
        EXECUTE format(statement, tenant_schema);
    END LOOP;

    EXECUTE format('INSERT INTO %I.metric_types (name, unit, description, kind, scale)
                    SELECT m.name, m.unit, m.description, m.kind, m.scale
                    FROM vitals.metric_catalogue AS m ORDER BY m.name',
                   tenant_schema);
    FOR month IN 0..2 LOOP
        PERFORM vitals.ensure_partition(tenant_schema, now() + month * interval '1 month');
    END LOOP;
    FOR relation IN
        SELECT c.oid::regclass FROM pg_class AS c
        WHERE c.relnamespace = quote_ident(tenant_schema)::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %s', relation, owner);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant_relations(name, regrole) IS
'Makes the relations of a tenant in its schema and gives them to the owner. Called by vitals.create_tenant.';

CREATE FUNCTION vitals.create_tenant(name text, owner regrole DEFAULT NULL) RETURNS name
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
    PERFORM vitals.create_tenant_relations(tenant_schema, owner);
    PERFORM vitals.notify_collector();
    RETURN tenant_schema;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant(text, regrole) IS
'Makes a tenant: its registry row and its schema tenant_<name>, owned by a new NOLOGIN role of that name or by the owner given (no superuser). Members of the role may use the tenant. The first tenant also makes the role vitals_tenant, to which the functions are granted. Returns the schema''s name. Errors: 22023 bad name or owner, 42710 exists. Needs a superuser.';
