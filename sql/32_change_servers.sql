-- Changing and removing servers.

-- Volatile, so that those who may only read the tenant cannot call it: it shows the name of the login.
CREATE FUNCTION vitals.server_of_tenant_in(
    tenant vitals.tenants, server text,
    OUT id uuid, OUT name text, OUT connector text, OUT host text, OUT port integer, OUT options jsonb, OUT username text,
    OUT has_password boolean)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT s.id, s.name, s.connector, s.host, s.port, s.options, c.username, c.sealed_password IS NOT NULL
                    FROM %1$I.servers AS s LEFT JOIN %1$I.credentials AS c ON c.id = s.credential_id WHERE s.id = $1',
                   tenant.schema_name)
        INTO id, name, connector, host, port, options, username, has_password USING vitals.find_server_in(tenant, server);
END
$$;
COMMENT ON FUNCTION vitals.server_of_tenant_in(vitals.tenants, text) IS 'vitals.server_of_tenant as the tenant''s role.';

CREATE FUNCTION vitals.server_of_tenant(
    server text, OUT id uuid, OUT name text, OUT connector text, OUT host text, OUT port integer, OUT options jsonb,
    OUT username text, OUT has_password boolean)
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.server_of_tenant(text) IS 'How a server (name or id) is reached. Error: PT404 server not found.';

CREATE FUNCTION vitals.update_server_in(
    tenant vitals.tenants, id uuid, name text, host text, port integer, options jsonb
) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('UPDATE %I.servers AS s
                    SET name = coalesce($2, s.name), host = coalesce($3, s.host), port = $4,
                        options = coalesce($5, s.options)
                    WHERE s.id = $1', tenant.schema_name)
        USING id, name, host, port, options;
    PERFORM vitals.notify_collector();
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING
        ERRCODE = 'unique_violation',
        MESSAGE = 'server already exists',
        DETAIL = format('Tenant "%s" has a server named "%s".', tenant.name, name);
END
$$;
COMMENT ON FUNCTION vitals.update_server_in(vitals.tenants, uuid, text, text, integer, jsonb) IS
'vitals.update_server as the tenant''s role.';

CREATE FUNCTION vitals.update_server(id uuid, name text, host text, port integer, options jsonb) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.update_server(uuid, text, text, integer, jsonb) IS
'Changes what is not NULL of a server''s row, and its port. Called by vitals.alter_server, which checks the arguments.';

CREATE FUNCTION vitals.alter_server(
    server text,
    name text DEFAULT NULL,
    host text DEFAULT NULL,
    port integer DEFAULT NULL,
    options jsonb DEFAULT NULL,
    password text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    before record := vitals.server_of_tenant(server);
    -- A host without an instance leaves that of before, unless there are new options.
    place record := vitals.split_instance(
        host, CASE WHEN options IS NULL AND position('\' IN host) > 0 THEN before.options - 'instance'
                   ELSE coalesce(options, before.options) END);
    kind vitals.connectors;
BEGIN
    IF password IS NOT NULL AND before.username IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'password given without username',
            HINT = 'vitals.set_credential(server, username, password) sets both.';
    END IF;
    -- To another instance the port of the one before is no way.
    IF port IS NULL AND before.options -> 'instance' IS NOT DISTINCT FROM place.options -> 'instance' THEN
        port := before.port;
    END IF;
    kind := vitals.check_server(coalesce(name, before.name), coalesce(place.host, before.host), port, before.connector, false,
                                place.options);
    PERFORM vitals.update_server(before.id, name, place.host, vitals.port_of_server(port, kind, place.options), place.options);
    IF password IS NOT NULL THEN
        PERFORM vitals.set_credential(before.id::text, before.username, password);
    ELSIF before.has_password AND lower(place.host) <> lower(before.host) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'password is needed for another host',
            DETAIL = format('The stored one was given for %s, and is sent nowhere else.', before.host),
            HINT = 'Give password => …, or remove the stored one first: vitals.set_credential(server, username, NULL).';
    END IF;
    RETURN before.id;
END
$$;
COMMENT ON FUNCTION vitals.alter_server(text, text, text, integer, jsonb, text) IS
'Changes what is given (not NULL) of a server (name or id), and returns its id. options replaces all options. A stored password is bound to its host: with another host, give it again as password. The collector uses it within a second of commit, and polls at once where the connection changed. Errors: 22023 bad argument, 23505 name exists, PT404 server not found.';

CREATE FUNCTION vitals.delete_server_in(tenant vitals.tenants, id uuid, keep_history boolean) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    credential uuid;
    of_server name;
BEGIN
    EXECUTE format('DELETE FROM %I.servers AS s WHERE s.id = $1 RETURNING s.credential_id', tenant.schema_name)
        INTO credential USING id;
    EXECUTE format('DELETE FROM %1$I.credentials AS c
                    WHERE c.id = $1 AND NOT EXISTS (SELECT FROM %1$I.servers AS s WHERE s.credential_id = c.id)',
                   tenant.schema_name)
        USING credential;
    FOREACH of_server IN ARRAY ARRAY['collection_state', 'collection_groups', 'latest_collections', 'server_events']
        || CASE WHEN keep_history THEN '{}'::name[] ELSE '{server_snapshots}' END
    LOOP
        EXECUTE format('DELETE FROM %I.%I AS w WHERE w.server_id = $1', tenant.schema_name, of_server) USING id;
    END LOOP;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.delete_server_in(vitals.tenants, uuid, boolean) IS 'vitals.delete_server as the tenant''s role.';

CREATE FUNCTION vitals.delete_server(id uuid, keep_history boolean) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.delete_server(uuid, boolean) IS
'Deletes what the tenant''s tables hold of a server. Called by vitals.remove_server.';

CREATE FUNCTION vitals.remove_server(server text, keep_history boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid := vitals.find_server(server);
BEGIN
    IF keep_history IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'keep_history must be true or false';
    END IF;
    PERFORM vitals.delete_server(found_id, keep_history);
    -- A tenant that removes its own such server leaves the approval: it holds for that id and tenant alone.
    IF has_table_privilege('vitals.trusted_servers', 'DELETE') THEN
        -- The id is what the tenant's tables say, and must not reach another tenant's.
        DELETE FROM vitals.trusted_servers AS t
        WHERE t.server_id = found_id AND t.tenant_key = (vitals.tenant_of_caller()).tenant_key;
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION vitals.remove_server(text, boolean) IS
'Removes a server (name or id) with its configuration, state and login, and returns its id. Its collections stay in the tenant''s server_snapshots and metrics, until retention takes them, or are deleted where keep_history is false. What a poll that is running then reads is not stored. Errors: 22004 keep_history is NULL, PT404 server not found.';
