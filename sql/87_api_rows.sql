-- What the schema vitals_api shows and nothing else does: rows of the caller's tenant, read as the tenant's role.

CREATE FUNCTION vitals.server_rows_in(tenant vitals.tenants, only_server text)
RETURNS TABLE (
    server_id uuid, name text, connector text, host text, port integer, options jsonb, has_credential boolean,
    interval_seconds integer, enabled boolean, metrics_enabled text[], status text, status_since timestamptz,
    last_collected_at timestamptz, last_error text, created_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.id, s.name, s.connector, s.host, s.port, s.options, s.credential_id IS NOT NULL,
                coalesce(c.interval_seconds, 60), coalesce(c.enabled, false),
                CASE WHEN c.server_id IS NULL THEN '{cpu_percent,memory_percent,connection_count}'
                     ELSE ARRAY(SELECT m FROM jsonb_array_elements_text(c.metrics_enabled) AS m) END,
                coalesce(st.status, 'unknown'), st.status_since, st.last_collected_at, st.last_error,
                s.created_at::timestamptz
         FROM %1$I.servers AS s
         LEFT JOIN %1$I.collection_config AS c ON c.server_id = s.id
         LEFT JOIN %1$I.collection_state AS st ON st.server_id = s.id
         WHERE $1 IS NULL OR s.id = $1
         ORDER BY s.name$sql$, tenant.schema_name)
        USING CASE WHEN only_server IS NOT NULL THEN vitals.find_server_in(tenant, only_server) END;
END
$$;
COMMENT ON FUNCTION vitals.server_rows_in(vitals.tenants, text) IS 'vitals.server_rows as the tenant''s role.';

CREATE FUNCTION vitals.server_rows(only_server text DEFAULT NULL)
RETURNS TABLE (
    server_id uuid, name text, connector text, host text, port integer, options jsonb, has_credential boolean,
    interval_seconds integer, enabled boolean, metrics_enabled text[], status text, status_since timestamptz,
    last_collected_at timestamptz, last_error text, created_at timestamptz)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.server_rows(text) IS
'The servers of the caller''s tenant, or one (name or id), with their configuration and state. Error: PT404 server not found.';

CREATE FUNCTION vitals.metric_type_rows_in(tenant vitals.tenants)
RETURNS TABLE (metric text, unit text, kind text, scale smallint, description text)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT t.name, t.unit, t.kind, t.scale, t.description FROM %I.metric_types AS t ORDER BY t.name',
                                tenant.schema_name);
END
$$;
COMMENT ON FUNCTION vitals.metric_type_rows_in(vitals.tenants) IS 'vitals.metric_type_rows as the tenant''s role.';

CREATE FUNCTION vitals.metric_type_rows()
RETURNS TABLE (metric text, unit text, kind text, scale smallint, description text)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.metric_type_rows() IS 'The metrics of the caller''s tenant.';

-- History has an index by server and time and none by time alone, which would cost as much as the rows themselves. So it
-- is read server by server, the newest first, and the limit keeps the planner to that.
CREATE FUNCTION vitals.snapshot_rows_in(
    tenant vitals.tenants, only_server text, since timestamptz, until timestamptz, most_per_server integer
) RETURNS TABLE (
    id uuid, server_id uuid, server text, collected_at timestamptz, status text, cpu_percent numeric,
    memory_percent numeric, connection_count integer, interval_ms integer, duration_ms integer)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_time_range(since, until);
    RETURN QUERY EXECUTE format(
        $sql$SELECT n.id, s.id, s.name, n.collected_at::timestamptz, n.status, n.cpu_percent, n.memory_percent,
                n.connection_count, n.interval_ms, n.duration_ms
         FROM %1$I.servers AS s
         CROSS JOIN LATERAL (SELECT k.* FROM %1$I.server_snapshots AS k
                             WHERE k.server_id = s.id AND k.collected_at >= $2 AND k.collected_at < $3
                             ORDER BY k.collected_at DESC LIMIT $4) AS n
         WHERE $1 IS NULL OR s.id = $1
         ORDER BY n.collected_at DESC, s.name$sql$, tenant.schema_name)
        USING CASE WHEN only_server IS NOT NULL THEN vitals.find_server_in(tenant, only_server) END,
            greatest(since, now() - vitals.retention_of(tenant.schema_name) * interval '1 day'), until, most_per_server;
END
$$;
COMMENT ON FUNCTION vitals.snapshot_rows_in(vitals.tenants, text, timestamptz, timestamptz, integer) IS
'vitals.snapshot_rows as the tenant''s role.';

CREATE FUNCTION vitals.snapshot_rows(only_server text, since timestamptz, until timestamptz, most_per_server integer)
RETURNS TABLE (
    id uuid, server_id uuid, server text, collected_at timestamptz, status text, cpu_percent numeric,
    memory_percent numeric, connection_count integer, interval_ms integer, duration_ms integer)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.snapshot_rows(text, timestamptz, timestamptz, integer) IS
'Collections of the caller''s tenant, of all servers (NULL) or of one (name or id), from since up to, but not, until, the newest first; of each server the newest most_per_server. Errors: 22023 bad range, PT404 server not found.';

CREATE FUNCTION vitals.value_rows_in(tenant vitals.tenants, since timestamptz, most_per_server integer)
RETURNS TABLE (
    server_id uuid, server text, metric text, instance text, value numeric, unit text, collected_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    -- A collection may have thousands, and nothing that a request asks for reaches in here.
    most_values constant bigint := 50000;
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.id, s.name, t.name, m.instance, n.vals[m.position]::text::numeric, t.unit, n.collected_at::timestamptz
         FROM (SELECT r.id, k.set_key, k.collected_at, k.vals,
                      sum(cardinality(k.vals)) OVER (ORDER BY k.collected_at DESC, r.id) AS this_and_newer
               FROM %1$I.servers AS r
               CROSS JOIN LATERAL (SELECT k.set_key, k.collected_at, k.vals FROM %1$I.server_snapshots AS k
                                   WHERE k.server_id = r.id AND k.collected_at >= $1
                                   ORDER BY k.collected_at DESC LIMIT $2) AS k
               WHERE k.set_key IS NOT NULL) AS n
         JOIN %1$I.servers AS s USING (id)
         JOIN %1$I.set_members AS m USING (set_key)
         JOIN %1$I.metric_types AS t ON t.id = m.metric_type_id
         WHERE n.this_and_newer <= $3 AND n.vals[m.position] IS NOT NULL
         ORDER BY n.collected_at DESC, s.name, t.name, m.instance$sql$, tenant.schema_name)
        USING greatest(since, now() - vitals.retention_of(tenant.schema_name) * interval '1 day'), most_per_server,
            most_values;
END
$$;
COMMENT ON FUNCTION vitals.value_rows_in(vitals.tenants, timestamptz, integer) IS 'vitals.value_rows as the tenant''s role.';

CREATE FUNCTION vitals.value_rows(since timestamptz, most_per_server integer)
RETURNS TABLE (
    server_id uuid, server text, metric text, instance text, value numeric, unit text, collected_at timestamptz)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.value_rows(timestamptz, integer) IS
'The values of all servers of the caller''s tenant since then, the newest first; of each server those of its newest most_per_server collections, and of all of them 50000 at most: of whole collections.';

CREATE FUNCTION vitals.event_rows_in(
    tenant vitals.tenants, only_server text, since timestamptz, until timestamptz, most_per_server integer
) RETURNS TABLE (
    server_id uuid, server text, happened_at timestamptz, old_status text, new_status text, error_class text,
    error_number integer, message text)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_time_range(since, until);
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.id, s.name, e.happened_at::timestamptz, e.old_status, e.new_status, e.error_class, e.error_number,
                e.message
         FROM %1$I.servers AS s
         CROSS JOIN LATERAL (SELECT k.* FROM %1$I.server_events AS k
                             WHERE k.server_id = s.id AND k.happened_at >= $2 AND k.happened_at < $3
                             ORDER BY k.happened_at DESC, k.event_key DESC LIMIT $4) AS e
         WHERE $1 IS NULL OR s.id = $1
         ORDER BY e.happened_at DESC, s.name, e.event_key DESC$sql$, tenant.schema_name)
        USING CASE WHEN only_server IS NOT NULL THEN vitals.find_server_in(tenant, only_server) END,
            since, until, most_per_server;
END
$$;
COMMENT ON FUNCTION vitals.event_rows_in(vitals.tenants, text, timestamptz, timestamptz, integer) IS
'vitals.event_rows as the tenant''s role.';

CREATE FUNCTION vitals.event_rows(only_server text, since timestamptz, until timestamptz, most_per_server integer)
RETURNS TABLE (
    server_id uuid, server text, happened_at timestamptz, old_status text, new_status text, error_class text,
    error_number integer, message text)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.event_rows(text, timestamptz, timestamptz, integer) IS
'Changes of status of the servers of the caller''s tenant, of all (NULL) or of one (name or id), from since up to, but not, until, the newest first; of each server the newest most_per_server. Errors: 22023 bad range, PT404 server not found.';
