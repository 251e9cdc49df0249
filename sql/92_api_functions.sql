-- The functions of vitals_api that configure: each does for one server, given by its id, what a function of vitals does.
-- What is to be set comes as one JSON object: PostgREST answers arguments that it does not know with 404, and these keys
-- are checked here, for 400.

CREATE FUNCTION vitals.check_keys(config jsonb, kinds jsonb, required text[] DEFAULT '{}', ignored text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting record;
    missing text;
BEGIN
    IF config IS NULL OR jsonb_typeof(config) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'config must be a JSON object',
            DETAIL = format('Got %s.', coalesce(jsonb_typeof(config), 'NULL'));
    END IF;
    -- Never a value in what is said: it may be a password.
    FOR setting IN
        SELECT k.*, CASE k.wanted
                   WHEN 'whole number' THEN
                       CASE WHEN k.found = 'number'
                            THEN k.value::numeric = trunc(k.value::numeric) AND abs(k.value::numeric) <= 2147483647 END
                   WHEN 'array of strings' THEN
                       CASE WHEN k.found = 'array'
                            THEN NOT EXISTS (SELECT FROM jsonb_array_elements(k.value) AS e WHERE jsonb_typeof(e) <> 'string') END
                   ELSE k.found = k.wanted
               END AS fits
        FROM (SELECT c.key, c.value, jsonb_typeof(c.value) AS found, kinds ->> c.key AS wanted
              FROM jsonb_each(config) AS c WHERE c.key <> ALL (ignored)) AS k
        ORDER BY k.key
    LOOP
        IF setting.wanted IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'unknown key',
                DETAIL = format('There is no key "%s".', left(setting.key, 100)),
                HINT = format('Keys are %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(kinds) AS k));
        END IF;
        IF setting.fits IS NOT TRUE THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'value has the wrong type',
                DETAIL = format('The value of "%s" is of type %s.', setting.key, setting.found),
                HINT = format('"%s" is of type %s. Leave out what is not to be set.', setting.key, setting.wanted);
        END IF;
    END LOOP;
    SELECT r INTO missing FROM unnest(required) AS r WHERE NOT config ? r LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'key is missing',
            DETAIL = format('There is no "%s".', missing);
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_keys(jsonb, jsonb, text[], text[]) IS
'Raises 22023 unless the config is an object that has the required keys, and else only those of kinds or ignored, with values as kinds says: boolean, number, whole number, string, object or array of strings.';

CREATE FUNCTION vitals.texts_of(list jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN list IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(list)) END
$$;
COMMENT ON FUNCTION vitals.texts_of(jsonb) IS 'A JSON array of strings as an array; NULL where there is none.';

CREATE FUNCTION vitals.timeout_of(config jsonb) RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_keys(config, '{"timeout_seconds": "number"}');
    -- What is far out of range is so for make_interval, too.
    RETURN make_interval(secs => least(greatest(coalesce((config -> 'timeout_seconds')::numeric, 10), -1), 1000)::double precision);
END
$$;
COMMENT ON FUNCTION vitals.timeout_of(jsonb) IS 'timeout_seconds of a config, 10 seconds by default. Error: 22023 other keys.';

CREATE FUNCTION vitals_api.server(server_id uuid) RETURNS vitals_api.servers
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_server vitals_api.servers;
BEGIN
    SELECT s.* INTO found_server FROM vitals.server_rows(coalesce(server_id::text, '')) AS s;
    RETURN found_server;
END
$$;
COMMENT ON FUNCTION vitals_api.server(uuid) IS
'One server
How a server is reached, how it is collected, and how it is: a row of servers.

server_id: id of the server. Error: 404 no such server.';

CREATE FUNCTION vitals_api.collection_config_get(server_id uuid) RETURNS vitals.collection_setting
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting vitals.collection_setting := vitals.stored_config(server_id);
BEGIN
    IF setting.enabled IS NULL THEN
        RETURN vitals.config_with_defaults(setting);
    END IF;
    RETURN setting;
END
$$;
COMMENT ON FUNCTION vitals_api.collection_config_get(uuid) IS
'Collection configuration of a server
One object of server_id, interval_seconds, enabled, metrics_enabled, last_collected_at; the defaults where nothing was ever set.

server_id: id of the server. Error: 404 no such server.';

CREATE FUNCTION vitals_api.collection_config_put(config jsonb, server_id uuid) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_keys(
        config,
        '{"interval_seconds": "whole number", "enabled": "boolean", "metrics_enabled": "array of strings"}',
        ignored => '{server_id,server,last_collected_at}');
    RETURN vitals.collection_config_put(server_id::text, (config -> 'interval_seconds')::integer,
                                        (config -> 'enabled')::boolean, vitals.texts_of(config -> 'metrics_enabled'));
END
$$;
COMMENT ON FUNCTION vitals_api.collection_config_put(jsonb, uuid) IS
'Change the collection of a server
Changes what is given and returns the whole. Takes effect with the next cycle, within a second where that is due.

config: an object of interval_seconds (30 to 3600), enabled (true or false), metrics_enabled (names of metrics or metric groups, or * for all); what is left out stays. What collection_config_get answers can be sent back: server_id and last_collected_at in it are ignored. server_id: id of the server. Errors: 400 out of range, wrong type, unknown key or unknown metric, 403 may only read, 404 no such server.';

CREATE FUNCTION vitals_api.collection_start(server_id uuid) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN vitals.collection_start(server_id::text);
END
$$;
COMMENT ON FUNCTION vitals_api.collection_start(uuid) IS
'Start the collection of a server
The first poll follows at once, then one every interval. Nothing changes if it is on. Returns the configuration.

server_id: id of the server. Errors: 403 may only read, 404 no such server, 503 the collector cannot run.';

CREATE FUNCTION vitals_api.collection_stop(server_id uuid) RETURNS vitals.collection_setting
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN vitals.collection_stop(server_id::text);
END
$$;
COMMENT ON FUNCTION vitals_api.collection_stop(uuid) IS
'Stop the collection of a server
A poll that is running ends and is stored, none follows. Nothing changes if it is off. Returns the configuration.

server_id: id of the server. Errors: 403 may only read, 404 no such server.';

CREATE FUNCTION vitals_api.add_server(config jsonb) RETURNS vitals_api.servers
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    new_id uuid;
BEGIN
    PERFORM vitals.check_keys(
        config,
        '{"name": "string", "host": "string", "port": "whole number", "connector": "string", "username": "string",
          "password": "string", "options": "object", "metrics": "array of strings"}',
        required => '{name}');
    new_id := vitals.add_server(
        config ->> 'name', config ->> 'host', (config -> 'port')::integer, coalesce(config ->> 'connector', 'mssql'),
        config ->> 'username', config ->> 'password', coalesce(config -> 'options', '{}'),
        vitals.texts_of(config -> 'metrics'));
    -- In a statement of its own, to see what that one did.
    RETURN vitals_api.server(new_id);
END
$$;
COMMENT ON FUNCTION vitals_api.add_server(jsonb) IS
'Add a server
With its collection configured and switched off: collection_start switches it on. Returns the row of servers.

config: an object of name (1 to 200 characters, not like an id), host, port (1 to 65535, by default the connector''s: mssql 1433), connector (mssql by default), username, password (encrypted at once, cannot be read back), options (of the connector), metrics (names of metrics or metric groups, or * for all; by default cpu_percent, memory_percent, connection_count). Only name is required by all connectors; mssql needs a host. Errors: 400 bad or unknown key, 403 may only read, or connector not allowed, 409 name exists, 503 no collector has started yet to encrypt the password for.';

CREATE FUNCTION vitals_api.alter_server(config jsonb, server_id uuid) RETURNS vitals_api.servers
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_keys(config, '{"name": "string", "host": "string", "port": "whole number", "options": "object",
                                          "password": "string"}');
    PERFORM vitals.alter_server(server_id::text, config ->> 'name', config ->> 'host', (config -> 'port')::integer,
                                config -> 'options', config ->> 'password');
    RETURN vitals_api.server(server_id);
END
$$;
COMMENT ON FUNCTION vitals_api.alter_server(jsonb, uuid) IS
'Change how a server is reached
Changes what is given and returns the row of servers. Polls at once where the connection changed.

config: an object of name, host, port (1 to 65535), options (replaces all options), password (needed with another host where one is stored); what is left out stays. server_id: id of the server. Errors: 400 bad or unknown key, 403 may only read, 404 no such server, 409 name exists.';

CREATE FUNCTION vitals_api.remove_server(server_id uuid, config jsonb DEFAULT '{}') RETURNS vitals_api.servers
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    removed vitals_api.servers;
BEGIN
    PERFORM vitals.check_keys(config, '{"keep_history": "boolean"}');
    removed := vitals_api.server(server_id);
    PERFORM vitals.remove_server(server_id::text, coalesce((config -> 'keep_history')::boolean, true));
    RETURN removed;
END
$$;
COMMENT ON FUNCTION vitals_api.remove_server(uuid, jsonb) IS
'Remove a server
With its configuration, state, events and login. Returns the row of servers that it was.

server_id: id of the server. config: an object of keep_history (true by default: what was collected stays until retention takes it). Errors: 400 bad or unknown key, 403 may only read, 404 no such server.';

CREATE FUNCTION vitals_api.set_credential(config jsonb, server_id uuid) RETURNS vitals_api.servers
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_keys(config, '{"username": "string", "password": "string"}', required => '{username,password}');
    PERFORM vitals.set_credential(server_id::text, config ->> 'username', config ->> 'password');
    RETURN vitals_api.server(server_id);
END
$$;
COMMENT ON FUNCTION vitals_api.set_credential(jsonb, uuid) IS
'Set the login of a server
The password is encrypted at once, for the collector alone, and cannot be read back. Polls at once. Returns the row of servers.

config: an object of username (1 to 128 characters) and password (up to 1000 bytes), both required. server_id: id of the server. Errors: 400 bad, missing or unknown key, 403 may only read, 404 no such server, 503 no collector has started yet to encrypt it for.';

CREATE TYPE vitals_api.collection_result AS (
    server_id uuid,
    collected_at timestamptz,
    status text,
    duration_ms numeric,
    error_class text,
    error text,
    metrics json
);
COMMENT ON TYPE vitals_api.collection_result IS 'What one poll read, or why it read nothing.';
COMMENT ON COLUMN vitals_api.collection_result.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.collection_result.collected_at IS 'When it was collected.';
COMMENT ON COLUMN vitals_api.collection_result.status IS
'online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals_api.collection_result.duration_ms IS 'How many milliseconds the poll took.';
COMMENT ON COLUMN vitals_api.collection_result.error_class IS 'Class of the error, for example login; null where there was none.';
COMMENT ON COLUMN vitals_api.collection_result.error IS 'Message of the error; null where there was none.';
COMMENT ON COLUMN vitals_api.collection_result.metrics IS
'Values by metric: a number, null where it was not known, or an object with one of these per instance. null where nothing was read.';

CREATE FUNCTION vitals_api.collect_now(server_id uuid, config jsonb DEFAULT '{}') RETURNS vitals_api.collection_result
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    result vitals.collection_result := vitals.collect_now(server_id::text, vitals.timeout_of(config));
BEGIN
    RETURN (result.server_id, result.collected_at, result.status, extract(epoch FROM result.duration) * 1000,
            result.error_class, result.error, result.metrics)::vitals_api.collection_result;
END
$$;
COMMENT ON FUNCTION vitals_api.collect_now(uuid, jsonb) IS
'Poll a server now
Waits until the result is stored, and returns it: also that of a poll that failed, with its error. A server whose collection is off is polled this once.

server_id: id of the server. config: an object of timeout_seconds (1 to 300, 10 by default); when it passes, the poll goes on and is stored. Errors: 400 bad or unknown key, 403 may only read, 404 no such server, 503 no collector, 504 no answer in time.';

CREATE FUNCTION vitals_api.test_connection(server_id uuid, config jsonb DEFAULT '{}')
RETURNS TABLE ("check" text, ok boolean, detail text, remedy text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT t."check", t.ok, t.detail, t.remedy
                 FROM vitals.test_connection(server_id::text, vitals.timeout_of(config)) AS t;
END
$$;
COMMENT ON FUNCTION vitals_api.test_connection(uuid, jsonb) IS
'Test the connection to a server
Step by step, with the login that is stored: one object per check (check, ok, detail, remedy), up to the first without which the others cannot be tried. remedy is what to do where ok is false.

server_id: id of the server. config: an object of timeout_seconds (1 to 300, 10 by default). Errors: 400 bad or unknown key, 403 may only read, 404 no such server, 503 no collector, 504 no answer in time.';
