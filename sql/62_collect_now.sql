-- A poll on request: the collector polls at once, stores the result, and the session waits.

CREATE FUNCTION vitals.request_poll(tenant_key integer, server_id uuid, timeout_ms integer) RETURNS jsonb
LANGUAGE c VOLATILE STRICT
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_request_poll';
COMMENT ON FUNCTION vitals.request_poll(integer, uuid, integer) IS
'Asks the collector for a poll and waits until it is stored: an object with collected_at, status, duration_ms, error_class, error. Errors: PT503 no collector, PT504 no answer in time.';

CREATE TYPE vitals.collection_result AS (
    server_id uuid,
    collected_at timestamptz,
    status text,
    duration interval,
    error_class text,
    error text,
    metrics json
);
COMMENT ON TYPE vitals.collection_result IS 'What one poll read, or why it read nothing: what vitals.collect_now returns.';

CREATE FUNCTION vitals.collected_values_in(tenant vitals.tenants, server_id uuid, collected_at timestamptz) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_values json;
BEGIN
    EXECUTE format('SELECT m.metrics FROM %I.metric_snapshots AS m WHERE m.server_id = $1 AND m.collected_at = $2 LIMIT 1',
                   tenant.schema_name)
        INTO found_values USING server_id, collected_at;
    RETURN found_values;
END
$$;
COMMENT ON FUNCTION vitals.collected_values_in(vitals.tenants, uuid, timestamptz) IS
'vitals.collected_values as the tenant''s role.';

CREATE FUNCTION vitals.collected_values(server_id uuid, collected_at timestamptz) RETURNS json
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.collected_values(uuid, timestamptz) IS
'What a collection read, as metric_snapshots shows it; NULL where it read nothing.';

CREATE FUNCTION vitals.collect_now(server text, timeout interval DEFAULT '10 seconds') RETURNS vitals.collection_result
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    tenant vitals.tenants := vitals.tenant_of_caller();
    timeout_ms integer := vitals.check_timeout(timeout);
    result vitals.collection_result;
    answer jsonb;
BEGIN
    result.server_id := vitals.find_server(server);
    answer := vitals.request_poll(tenant.tenant_key, result.server_id, timeout_ms);
    result.collected_at := answer ->> 'collected_at';
    result.status := answer ->> 'status';
    result.duration := (answer ->> 'duration_ms')::double precision * interval '1 millisecond';
    result.error_class := answer ->> 'error_class';
    result.error := answer ->> 'error';
    result.metrics := vitals.collected_values(result.server_id, result.collected_at);
    RETURN result;
END
$$;
COMMENT ON FUNCTION vitals.collect_now(text, interval) IS
'Polls a server (name or id) at once, waits until the result is stored, and returns it: also that of a poll that failed, with its error. It counts as the poll of the cycle where that was due within half an interval. A server whose collection is off is polled this once. The server and its configuration must have been committed. Where the timeout (1 second to 5 minutes) passes first, the poll goes on and is stored. metrics is NULL where nothing was read, and in a transaction whose snapshot is older. Errors: 22023 bad timeout, PT404 server not found, PT503 no collector, PT504 no answer in time.';
