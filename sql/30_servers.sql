-- Adding servers and switching their collection on and off. All of it acts on the caller's tenant. A function f(…) whose
-- code is in C hands over to f_in(tenant, …), which runs as the tenant's role: see tenant_functions.cpp.

CREATE FUNCTION vitals.is_id(server text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN server ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
END
$$;
COMMENT ON FUNCTION vitals.is_id(text) IS 'Whether what names a server has the form of an id, and so is one and not a name.';

-- Not found and another tenant's look the same.
CREATE FUNCTION vitals.find_server_in(tenant vitals.tenants, server text) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_server record;
BEGIN
    -- What can be an id is never a name: whoever gives the id of one server must not get another one that is called so.
    IF vitals.is_id(server) THEN
        found_server := vitals.query_row(format('SELECT s.id FROM %I.servers AS s WHERE s.id = $1', tenant.schema_name),
                                         server::uuid);
    ELSE
        found_server := vitals.query_row(format('SELECT s.id FROM %I.servers AS s WHERE s.name = $1', tenant.schema_name),
                                         server);
    END IF;
    IF found_server IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'server not found',
            DETAIL = format('No server %s in tenant "%s".', coalesce(quote_literal(server), 'NULL'), tenant.name),
            HINT = 'collection_status lists the servers.';
    END IF;
    RETURN found_server.id;
END
$$;
COMMENT ON FUNCTION vitals.find_server_in(vitals.tenants, text) IS 'vitals.find_server as the tenant''s role.';

CREATE FUNCTION vitals.find_server(server text) RETURNS uuid
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.find_server(text) IS
'Id of a server of the caller''s tenant, given its name or its id as text. Error: PT404 not found.';

CREATE FUNCTION vitals.name_distance(one text, other text) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_name_distance';
COMMENT ON FUNCTION vitals.name_distance(text, text) IS
'How many characters must be inserted, deleted or replaced to make one text of the other. Of each the first 100 characters count.';

CREATE FUNCTION vitals.check_metrics_in(tenant vitals.tenants, metrics text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    names text[] := ARRAY(SELECT m.name FROM unnest(metrics) WITH ORDINALITY AS m (name, nr)
                          GROUP BY m.name ORDER BY min(m.nr));
    known_names text[];
    unknown_metric text;
    known text;
BEGIN
    IF array_position(names, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'metric name must not be null';
    END IF;
    EXECUTE format(
        $sql$SELECT array_agg(k.name) FROM (SELECT t.name FROM %1$I.metric_types AS t
             UNION SELECT g.name FROM vitals.metric_group_catalogue AS g
             UNION SELECT g.name FROM %1$I.metric_groups AS g) AS k$sql$, tenant.schema_name)
        INTO known_names;
    SELECT m INTO unknown_metric FROM unnest(names) AS m WHERE m <> '*' AND m <> ALL (known_names) LIMIT 1;
    IF unknown_metric IS NOT NULL THEN
        -- Whoever writes "cpu" means one that contains it, whoever writes "cpu_precent" the one with the fewest differences.
        SELECT string_agg(n.name, ', ' ORDER BY n.nr) INTO known
        FROM (SELECT d.name, row_number() OVER (
                  ORDER BY CASE WHEN unknown_metric <> '' AND strpos(d.name, lower(unknown_metric)) > 0
                                THEN least(d.distance, 3) ELSE d.distance END, d.distance, d.name) AS nr
              FROM (SELECT k AS name, vitals.name_distance(lower(unknown_metric), k) AS distance FROM unnest(known_names) AS k) AS d
             ) AS n
        WHERE n.nr <= 5;
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'unknown metric',
            DETAIL = format('There is no metric or metric group "%s".', left(unknown_metric, 200)),
            HINT = format('Known names near it are %s; * stands for all. vitals.metric_groups lists groups and their metrics, metric_types of the tenant all metrics.',
                          coalesce(known, 'none'));
    END IF;
    RETURN to_jsonb(names);
END
$$;
COMMENT ON FUNCTION vitals.check_metrics_in(vitals.tenants, text[]) IS
'The names as a JSON array, each once, if each is a metric of the tenant, a metric group or *. Errors: 22023 unknown metric, 22004 NULL.';

-- The prober checks again, since a tenant may write the table itself; here it is said before anything is stored.
CREATE FUNCTION vitals.check_options(connector text, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    allowed text[] := (SELECT c.options FROM vitals.connectors AS c WHERE c.name = connector);
    option record;
    rule text;
BEGIN
    IF options IS NULL OR jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'options must be a JSON object',
            HINT = 'For example options => ''{"encrypt": "require"}''.';
    END IF;
    FOR option IN SELECT o.key, o.value, o.value #>> '{}' AS content FROM jsonb_each(options) AS o LOOP
        rule := CASE
            WHEN option.key <> ALL (allowed) AND allowed = '{}' THEN
                'This connector has no options.'
            WHEN option.key <> ALL (allowed) THEN
                format('Options are %s.', array_to_string(allowed, ', '))
            WHEN jsonb_typeof(option.value) NOT IN ('string', 'number', 'boolean')
                OR length(option.content) NOT BETWEEN 1 AND 200 OR option.content ~ '[[:cntrl:]]' THEN
                'Its value is a number, true, false or a text of 1 to 200 characters without control characters.'
            WHEN option.key = 'encrypt' AND option.content = 'strict' THEN
                'It is "require" (the default), "request" or "off". "strict" needs TDS 8.0, which FreeTDS 1.3 does not speak.'
            WHEN option.key = 'encrypt' AND option.content NOT IN ('require', 'request', 'off') THEN
                'It is "require" (the default), "request" or "off".'
            WHEN option.key = 'trust_server_certificate' AND option.content NOT IN ('true', 'false') THEN
                'It is true or false.'
            WHEN option.key = 'auth' AND option.content NOT IN ('sql', 'ntlm', 'kerberos') THEN
                'It is "sql", "ntlm" (for DOMAIN\user) or "kerberos" (for user@REALM).'
            WHEN option.key = 'application_intent' AND option.content NOT IN ('ReadOnly', 'ReadWrite') THEN
                'It is "ReadWrite" (the default) or "ReadOnly".'
            WHEN option.key = 'mode' AND option.content NOT IN ('batches', 'procedures') THEN
                'It is "batches" (the default) or "procedures".'
            WHEN option.key = 'instance' AND option.content !~ '^[[:alnum:]_$#]{1,16}$' THEN
                'It is the name of an instance, without the host.'
            WHEN option.key = 'packet_size'
                AND CASE WHEN option.content ~ '^[0-9]{3,5}$' THEN option.content::integer ELSE 0 END
                    NOT BETWEEN 512 AND 32767 THEN
                'It is a whole number from 512 to 32767.'
            WHEN option.key = 'ca_file' AND option.content NOT LIKE '/%' THEN
                'It is an absolute path.'
        END;
        IF rule IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'invalid connector option',
                -- The value of an option that does not exist may be a password.
                DETAIL = CASE WHEN option.key = ANY (allowed)
                              THEN format('Option "%s" is %s.', option.key, left(option.value::text, 200))
                              ELSE format('Connector "%s" has no option "%s".', connector, left(option.key, 100)) END,
                HINT = rule;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.check_options(text, jsonb) IS 'Raises 22023 unless the options are ones that the connector takes.';

CREATE FUNCTION vitals.approve_server(server_id uuid, tenant_key integer, connector text) RETURNS void
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    INSERT INTO vitals.trusted_servers (server_id, tenant_key, connector) VALUES (server_id, tenant_key, connector);
    SELECT vitals.notify_collector()
$$;
COMMENT ON FUNCTION vitals.approve_server(uuid, integer, text) IS
'Lets the collector poll a server whose connector only a superuser may use. Called by vitals.add_server.';

CREATE FUNCTION vitals.set_credential_in(tenant vitals.tenants, server text, username text, password text) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid := vitals.find_server_in(tenant, server);
    credential uuid;
    host text;
BEGIN
    IF username IS NULL OR length(username) NOT BETWEEN 1 AND 128 OR username ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid username',
            HINT = 'A username has between 1 and 128 characters and no control characters.';
    END IF;
    EXECUTE format('SELECT s.credential_id, s.host FROM %I.servers AS s WHERE s.id = $1', tenant.schema_name)
        INTO credential, host USING found_id;
    IF credential IS NULL THEN
        credential := gen_random_uuid();
        EXECUTE format('INSERT INTO %I.credentials (id, username) VALUES ($1, $2)', tenant.schema_name)
            USING credential, username;
        EXECUTE format('UPDATE %I.servers SET credential_id = $1 WHERE id = $2', tenant.schema_name)
            USING credential, found_id;
    END IF;
    EXECUTE format('UPDATE %I.credentials SET username = $2, sealed_password = $3 WHERE id = $1', tenant.schema_name)
        USING credential, username,
            CASE WHEN password IS NOT NULL THEN vitals.seal_secret(tenant.id, credential, coalesce(host, ''), password) END;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.set_credential_in(vitals.tenants, text, text, text) IS
'vitals.set_credential as the tenant''s role.';

CREATE FUNCTION vitals.set_credential(server text, username text, password text) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.set_credential(text, text, text) IS
'Sets the login of a server (name or id). The password is encrypted at once, for the collector and the server''s host alone; nothing in SQL can read it back. Errors: 22023 bad username, PT404 server not found, PT503 no collector has started yet.';

-- The rest of add_server: what writes the tenant's tables.
CREATE FUNCTION vitals.insert_server_in(
    tenant vitals.tenants,
    id uuid,
    name text,
    host text,
    port integer,
    connector text,
    username text,
    password text,
    options jsonb,
    metrics text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    inserted bigint;
BEGIN
    EXECUTE format('INSERT INTO %I.servers (id, name, connector, host, port, options) VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT (name) DO NOTHING', tenant.schema_name)
        USING id, name, connector, host, port, options;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation',
            MESSAGE = 'server already exists',
            DETAIL = format('Tenant "%s" has a server named "%s".', tenant.name, name);
    END IF;
    EXECUTE format('INSERT INTO %I.collection_config (server_id) VALUES ($1)', tenant.schema_name) USING id;
    IF metrics IS NOT NULL THEN
        EXECUTE format('UPDATE %I.collection_config SET metrics_enabled = $2 WHERE server_id = $1', tenant.schema_name)
            USING id, vitals.check_metrics_in(tenant, metrics);
    END IF;
    IF username IS NOT NULL THEN
        PERFORM vitals.set_credential_in(tenant, id::text, username, password);
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.insert_server_in(vitals.tenants, uuid, text, text, integer, text, text, text, jsonb, text[]) IS
'vitals.insert_server as the tenant''s role.';

CREATE FUNCTION vitals.insert_server(
    id uuid, name text, host text, port integer, connector text, username text, password text, options jsonb,
    metrics text[]
) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.insert_server(uuid, text, text, integer, text, text, text, jsonb, text[]) IS
'Writes a server, its configuration and its login. Called by vitals.add_server, which checks the arguments.';

-- What add_server and alter_server refuse.
CREATE FUNCTION vitals.check_server(
    name text, host text, port integer, connector text, has_login boolean, options jsonb
) RETURNS vitals.connectors
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    kind vitals.connectors;
BEGIN
    IF name IS NULL OR length(name) NOT BETWEEN 1 AND 200 OR name ~ '[[:cntrl:]]|^\s|\s$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid server name',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(name, 300)), 'NULL')),
            HINT = 'A name has between 1 and 200 characters, no control characters, and no space at either end.';
    END IF;
    IF vitals.is_id(name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid server name',
            DETAIL = format('Got %L.', name),
            HINT = 'A name must not look like an id: it could be taken for another server''s.';
    END IF;
    SELECT c.* INTO kind FROM vitals.connectors AS c WHERE c.name = connector;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'unknown connector',
            DETAIL = format('There is no connector %s.', coalesce(quote_literal(connector), 'NULL')),
            HINT = format('Connectors are %s.', (SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM vitals.connectors AS c));
    END IF;
    IF NOT kind.needs_host AND (host IS NOT NULL OR port IS NOT NULL OR has_login) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'connector takes neither host nor port nor login',
            DETAIL = format('Connector "%s" reaches nothing over the network.', connector),
            HINT = 'Leave host, port, username and password out.';
    END IF;
    -- With a colon it is an IPv6 address, which has at least two.
    IF kind.needs_host AND (host IS NULL OR length(host) > 200
        OR host !~ '^([A-Za-z0-9._-]+|\[?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?\]?)$') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid host',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(host, 300)), 'NULL')),
            HINT = 'Give a host name or an address, for example host => ''sql01.corp.example''. The port is an argument of its own; a named instance is host\instance, or the option instance.';
    END IF;
    IF port NOT BETWEEN 1 AND 65535 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'port must be between 1 and 65535',
            DETAIL = format('Got %s.', port),
            HINT = format('The default is %s.', kind.default_port);
    END IF;
    PERFORM vitals.check_options(connector, options);
    RETURN kind;
END
$$;
COMMENT ON FUNCTION vitals.check_server(text, text, integer, text, boolean, jsonb) IS
'The connector of a server, if that can be as the arguments say. Error: 22023 bad argument.';

-- Nothing for a named instance, whose port the SQL Server Browser of its host knows.
CREATE FUNCTION vitals.port_of_server(port integer, kind vitals.connectors, options jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT coalesce(port, CASE WHEN NOT options ? 'instance' THEN kind.default_port END)
$$;
COMMENT ON FUNCTION vitals.port_of_server(integer, vitals.connectors, jsonb) IS
'The port that is stored for a server; NULL where it is asked for with each connection.';

-- As people write it: host\instance. The instance is an option, so that there is one place to look for it.
CREATE FUNCTION vitals.split_instance(INOUT host text, INOUT options jsonb)
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF position('\' IN host) = 0 OR host IS NULL OR jsonb_typeof(options) <> 'object' THEN
        RETURN;
    END IF;
    IF lower(options ->> 'instance') <> lower(substr(host, position('\' IN host) + 1)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'two instances are given',
            DETAIL = format('Host is %s, and the option instance is %s.', quote_literal(left(host, 300)),
                            quote_literal(left(options ->> 'instance', 100))),
            HINT = 'Give the instance in one of the two places.';
    END IF;
    options := options || jsonb_build_object('instance', substr(host, position('\' IN host) + 1));
    host := split_part(host, '\', 1);
END
$$;
COMMENT ON FUNCTION vitals.split_instance(text, jsonb) IS
'Moves the instance of host\instance into the options. Error: 22023 the options name another one.';

CREATE FUNCTION vitals.add_server(
    name text,
    host text DEFAULT NULL,
    port integer DEFAULT NULL,
    connector text DEFAULT 'mssql',
    username text DEFAULT NULL,
    password text DEFAULT NULL,
    options jsonb DEFAULT '{}',
    metrics text[] DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tenant vitals.tenants := vitals.tenant_of_caller();
    kind vitals.connectors;
    new_id uuid := gen_random_uuid();
    place record := vitals.split_instance(host, options);
BEGIN
    host := place.host;
    options := place.options;
    kind := vitals.check_server(name, host, port, connector, username IS NOT NULL, options);
    IF kind.needs_superuser AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'permission denied for connector',
            DETAIL = format('Connector "%s" shows what is not the tenant''s own; only a superuser may add it.', connector);
    END IF;
    IF password IS NOT NULL AND username IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'password given without username',
            HINT = 'Give both, or neither and call vitals.set_credential(server, username, password) later.';
    END IF;

    -- The usual metrics are those of servers, and this is none.
    IF connector = 'collector' THEN
        metrics := coalesce(metrics, '{*}');
    END IF;
    PERFORM vitals.insert_server(new_id, name, host, vitals.port_of_server(port, kind, options), connector, username, password,
                                 options, metrics);
    IF kind.needs_superuser THEN
        PERFORM vitals.approve_server(new_id, tenant.tenant_key, connector);
    END IF;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION vitals.add_server(text, text, integer, text, text, text, jsonb, text[]) IS
'Adds a server to the caller''s tenant, with its collection configured and switched off; returns its id. host may be host\instance. port: by default that of the instance, as its SQL Server Browser says it, else the connector''s own (mssql 1433). metrics: names of metrics and metric groups to collect, ''{*}'' for all; by default cpu_percent, memory_percent, connection_count, and all of connector collector. Errors: 22023 bad argument, 23505 name exists, 42501 connector not allowed, PT503 no collector has started yet to encrypt the password for.';

CREATE TYPE vitals.collection_setting AS (
    server_id uuid,
    interval_seconds integer,
    enabled boolean,
    metrics_enabled text[],
    last_collected_at timestamptz
);
COMMENT ON TYPE vitals.collection_setting IS 'How a server is collected: what the collection functions return.';

-- One statement, of look-ups by key: dashboards ask for it all the time.
CREATE FUNCTION vitals.stored_config_in(tenant vitals.tenants, server_id uuid) RETURNS vitals.collection_setting
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting vitals.collection_setting := vitals.query_row(
        format('SELECT c.server_id, c.interval_seconds, c.enabled, ARRAY(SELECT jsonb_array_elements_text(c.metrics_enabled)),
                       (SELECT st.last_collected_at FROM %1$I.collection_state AS st WHERE st.server_id = $1)
                FROM %1$I.collection_config AS c WHERE c.server_id = $1', tenant.schema_name),
        server_id);
BEGIN
    -- No server, or one whose configuration was deleted.
    IF setting.server_id IS NULL THEN
        setting.server_id := vitals.find_server_in(tenant, server_id::text);
        EXECUTE format('SELECT st.last_collected_at FROM %I.collection_state AS st WHERE st.server_id = $1', tenant.schema_name)
            INTO setting.last_collected_at USING server_id;
    END IF;
    RETURN setting;
END
$$;
COMMENT ON FUNCTION vitals.stored_config_in(vitals.tenants, uuid) IS
'How a server is collected, as the tenant''s role; enabled is NULL where its row of collection_config is missing. Error: PT404 server not found.';

CREATE FUNCTION vitals.stored_config_in(tenant vitals.tenants, server text) RETURNS vitals.collection_setting
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN vitals.stored_config_in(
        tenant, CASE WHEN vitals.is_id(server) THEN server::uuid ELSE vitals.find_server_in(tenant, server) END);
END
$$;
COMMENT ON FUNCTION vitals.stored_config_in(vitals.tenants, text) IS 'vitals.stored_config as the tenant''s role.';

CREATE FUNCTION vitals.stored_config(server text) RETURNS vitals.collection_setting
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.stored_config(text) IS
'How a server (name or id) is collected; enabled is NULL where its row of collection_config is missing. Error: PT404 server not found.';

CREATE FUNCTION vitals.stored_config(server_id uuid) RETURNS vitals.collection_setting
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.stored_config(uuid) IS
'How a server is collected; enabled is NULL where its row of collection_config is missing. Error: PT404 server not found.';

CREATE FUNCTION vitals.collection_config_put_in(
    tenant vitals.tenants, server text, interval_seconds integer, enabled boolean, metrics_enabled text[]
) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid := vitals.find_server_in(tenant, server);
BEGIN
    IF interval_seconds NOT BETWEEN 30 AND 3600 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'interval_seconds must be between 30 and 3600',
            DETAIL = format('Got %s.', interval_seconds),
            HINT = 'The default is 60.';
    END IF;
    -- Its owner may have deleted the row.
    EXECUTE format('INSERT INTO %I.collection_config (server_id) VALUES ($1) ON CONFLICT (server_id) DO NOTHING',
                   tenant.schema_name)
        USING found_id;
    EXECUTE format(
        'UPDATE %I.collection_config AS c
         SET interval_seconds = coalesce($2, c.interval_seconds), enabled = coalesce($3, c.enabled),
             metrics_enabled = coalesce($4, c.metrics_enabled)
         WHERE c.server_id = $1', tenant.schema_name)
        USING found_id, interval_seconds, enabled,
            CASE WHEN metrics_enabled IS NOT NULL THEN vitals.check_metrics_in(tenant, metrics_enabled) END;
    PERFORM vitals.notify_collector();
    RETURN vitals.stored_config_in(tenant, found_id);
END
$$;
COMMENT ON FUNCTION vitals.collection_config_put_in(vitals.tenants, text, integer, boolean, text[]) IS
'vitals.collection_config_put as the tenant''s role.';

CREATE FUNCTION vitals.collection_config_put(
    server text,
    interval_seconds integer DEFAULT NULL,
    enabled boolean DEFAULT NULL,
    metrics_enabled text[] DEFAULT NULL
) RETURNS vitals.collection_setting
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.collection_config_put(text, integer, boolean, text[]) IS
'Changes what is given (not NULL) of how a server (name or id) is collected, and returns the whole. interval_seconds: 30..3600. metrics_enabled: names of metrics and metric groups, or ''{*}'' for all. Takes effect with the next cycle after commit. Errors: 22023 out of range or unknown metric, 22004 NULL as a metric, PT404 server not found.';

CREATE FUNCTION vitals.config_with_defaults(setting vitals.collection_setting) RETURNS vitals.collection_setting
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    setting.interval_seconds := coalesce(setting.interval_seconds, 60);
    setting.enabled := coalesce(setting.enabled, false);
    setting.metrics_enabled := coalesce(setting.metrics_enabled, '{cpu_percent,memory_percent,connection_count}');
    RETURN setting;
END
$$;
COMMENT ON FUNCTION vitals.config_with_defaults(vitals.collection_setting) IS
'A configuration as vitals.stored_config found it, with the defaults where it is missing.';

CREATE FUNCTION vitals.collection_config_get(server text) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting vitals.collection_setting := vitals.stored_config(server);
BEGIN
    IF setting.enabled IS NULL AND (vitals.tenant_of_caller()).access = 'operate'
        AND NOT current_setting('transaction_read_only')::boolean THEN
        RETURN vitals.collection_config_put(server);
    END IF;
    RETURN vitals.config_with_defaults(setting);
END
$$;
COMMENT ON FUNCTION vitals.collection_config_get(text) IS
'How a server (name or id) is collected. A configuration that is missing is made, with the defaults; who may only read, and a read-only transaction, see the defaults. Error: PT404 server not found.';

CREATE FUNCTION vitals.collection_start(server text) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.require_collector();
    RETURN vitals.collection_config_put(server, enabled => true);
END
$$;
COMMENT ON FUNCTION vitals.collection_start(text) IS
'Switches the collection of a server on: the first poll follows the commit at once, then one every interval. Nothing changes if it is on. Errors: PT404 server not found, PT503 the collector cannot run.';

CREATE FUNCTION vitals.collection_stop(server text) RETURNS vitals.collection_setting
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT vitals.collection_config_put(server, enabled => false)
$$;
COMMENT ON FUNCTION vitals.collection_stop(text) IS
'Switches the collection of a server off. A poll that is running ends and is stored. Nothing changes if it is off. Error: PT404 server not found.';
