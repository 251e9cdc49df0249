-- The preflight: the collector has the tenant's prober try the connection step by step, and the session waits.

CREATE FUNCTION vitals.check_timeout(timeout interval) RETURNS integer
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF timeout IS NULL OR timeout NOT BETWEEN interval '1 second' AND interval '5 minutes' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'timeout must be between 1 second and 5 minutes',
            DETAIL = format('Got %s.', coalesce(timeout::text, 'NULL'));
    END IF;
    RETURN (extract(epoch FROM timeout) * 1000)::integer;
END
$$;
COMMENT ON FUNCTION vitals.check_timeout(interval) IS
'The milliseconds that a session waits for the collector. Error: 22023 less than a second or more than 5 minutes.';

CREATE FUNCTION vitals.request_check(tenant_key integer, server_id uuid, timeout_ms integer) RETURNS jsonb
LANGUAGE c VOLATILE STRICT
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_request_check';
COMMENT ON FUNCTION vitals.request_check(integer, uuid, integer) IS
'Asks the collector for a connection test and waits for its answer: a JSON array of [check, ok, detail, remedy]. Errors: PT503 no collector, PT504 no answer in time.';

CREATE FUNCTION vitals.test_connection(server text, timeout interval DEFAULT '10 seconds')
RETURNS TABLE ("check" text, ok boolean, detail text, remedy text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    tenant vitals.tenants := vitals.tenant_of_caller();
    timeout_ms integer := vitals.check_timeout(timeout);
    answer jsonb;
BEGIN
    answer := vitals.request_check(tenant.tenant_key, vitals.find_server(server), timeout_ms);
    RETURN QUERY SELECT c ->> 0, (c ->> 1)::boolean, c ->> 2, nullif(c ->> 3, '')
                 FROM jsonb_array_elements(answer) AS c;
END
$$;
COMMENT ON FUNCTION vitals.test_connection(text, interval) IS
'Tests the connection to a server (name or id) step by step, with the login that is stored: one row per check, the remedy being what to do where it is not ok. The server must have been committed. Errors: PT404 server not found, PT503 no collector or no answer in time.';
