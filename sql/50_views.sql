-- What users look at. Each view reads the schema of the caller's tenant, as the tenant's role.

CREATE FUNCTION vitals.latest_metrics_rows_in(tenant vitals.tenants, only_server text)
RETURNS TABLE (
    server text, server_id uuid, metric text, instance text, value numeric, unit text, collected_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.name, s.id, t.name, l.instance, round(l.value, t.scale), t.unit, l.collected_at
         FROM %1$I.server_latest AS l
         JOIN %1$I.servers AS s ON s.id = l.server_id
         JOIN %1$I.metric_types AS t ON t.id = l.metric_type_id
         WHERE $1 IS NULL OR l.server_id = $1
         ORDER BY s.name, t.name, l.instance$sql$, tenant.schema_name)
        USING CASE WHEN only_server IS NOT NULL THEN vitals.find_server_in(tenant, only_server) END;
END
$$;
COMMENT ON FUNCTION vitals.latest_metrics_rows_in(vitals.tenants, text) IS 'vitals.latest_metrics_rows as the tenant''s role.';

CREATE FUNCTION vitals.latest_metrics_rows(only_server text DEFAULT NULL)
RETURNS TABLE (
    server text, server_id uuid, metric text, instance text, value numeric, unit text, collected_at timestamptz)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.latest_metrics_rows(text) IS
'Rows of the view vitals.latest_metrics, of all servers or of one (name or id). Error: PT404 server not found.';

CREATE VIEW vitals.latest_metrics AS
SELECT l.server, l.metric, l.instance, l.value, l.unit, l.collected_at FROM vitals.latest_metrics_rows() AS l;
COMMENT ON VIEW vitals.latest_metrics IS 'The newest value of every metric of every server of your tenant.';
COMMENT ON COLUMN vitals.latest_metrics.server IS 'Name of the server.';
COMMENT ON COLUMN vitals.latest_metrics.metric IS 'Name of the metric, for example cpu_percent.';
COMMENT ON COLUMN vitals.latest_metrics.instance IS 'What of the server was measured, for example a disk; empty for the server as a whole.';
COMMENT ON COLUMN vitals.latest_metrics.value IS
'NULL where it is not known: first sample of a rate, restart of the server, gap, no permission. Never 0 instead.';
COMMENT ON COLUMN vitals.latest_metrics.unit IS 'Unit of the value, for example % or 1/s.';
COMMENT ON COLUMN vitals.latest_metrics.collected_at IS 'When it was collected: look here before trusting a value of a server that is offline.';

CREATE FUNCTION vitals.collection_status_rows_in(tenant vitals.tenants)
RETURNS TABLE (
    server text, server_id uuid, connector text, enabled boolean, interval_seconds integer, status text, state text,
    next_due_at timestamptz, lag interval, last_collected_at timestamptz, duration interval,
    consecutive_failures integer, error_class text, last_error text, last_error_at timestamptz, facts jsonb,
    login_ms double precision, query_ms double precision, bytes bigint, rows bigint, round_trips integer,
    next_probe_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.name, s.id, s.connector, coalesce(c.enabled, false), c.interval_seconds, coalesce(st.status, 'unknown'),
                CASE WHEN c.enabled IS NOT TRUE THEN 'stopped'
                     WHEN (SELECT p.paused FROM vitals.installation_status AS p) THEN 'paused'
                     WHEN NOT vitals.collector_running() THEN 'no collector'
                     WHEN st.next_due_at IS NULL THEN 'waiting'
                     WHEN st.next_due_at < clock_timestamp() - interval '10 seconds' THEN 'overdue'
                     ELSE 'scheduled' END,
                CASE WHEN c.enabled THEN st.next_due_at END, st.lag_ms * interval '1 millisecond',
                st.last_collected_at, st.duration_ms * interval '1 millisecond', coalesce(st.consecutive_failures, 0),
                st.last_error_class, st.last_error, st.last_error_at, st.facts, st.login_ms, st.query_ms, st.bytes, st.rows,
                st.round_trips, CASE WHEN c.enabled THEN st.next_probe_at END
         FROM %1$I.servers AS s
         LEFT JOIN %1$I.collection_config AS c ON c.server_id = s.id
         LEFT JOIN %1$I.collection_state AS st ON st.server_id = s.id
         ORDER BY s.name$sql$, tenant.schema_name);
END
$$;
COMMENT ON FUNCTION vitals.collection_status_rows_in(vitals.tenants) IS 'vitals.collection_status_rows as the tenant''s role.';

CREATE FUNCTION vitals.collection_status_rows()
RETURNS TABLE (
    server text, server_id uuid, connector text, enabled boolean, interval_seconds integer, status text, state text,
    next_due_at timestamptz, lag interval, last_collected_at timestamptz, duration interval,
    consecutive_failures integer, error_class text, last_error text, last_error_at timestamptz, facts jsonb,
    login_ms double precision, query_ms double precision, bytes bigint, rows bigint, round_trips integer,
    next_probe_at timestamptz)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.collection_status_rows() IS 'Rows of the view vitals.collection_status.';

CREATE VIEW vitals.collection_status AS
SELECT c.server, c.connector, c.enabled, c.interval_seconds, c.status, c.state, c.next_due_at, c.next_probe_at,
    c.lag, c.last_collected_at, c.duration, c.consecutive_failures, c.error_class, c.last_error, c.last_error_at, c.facts,
    c.login_ms, c.query_ms, c.bytes, c.rows, c.round_trips
FROM vitals.collection_status_rows() AS c;
COMMENT ON VIEW vitals.collection_status IS 'How the collection of every server of your tenant is going.';
COMMENT ON COLUMN vitals.collection_status.server IS 'Name of the server.';
COMMENT ON COLUMN vitals.collection_status.connector IS 'What kind of target it is, for example mssql.';
COMMENT ON COLUMN vitals.collection_status.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals.collection_status.interval_seconds IS 'How often it is polled.';
COMMENT ON COLUMN vitals.collection_status.status IS
'unknown: not polled yet; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals.collection_status.state IS
'stopped: collection is off; paused: it is on, but the database waits for vitals.enable(); no collector: it is on, but no collector runs; waiting: for the first poll; scheduled; overdue: the next poll is more than 10 seconds late.';
COMMENT ON COLUMN vitals.collection_status.next_due_at IS
'When the next poll is due, or, of a server that is probed, its next cycle; NULL while collection is off or before the first one.';
COMMENT ON COLUMN vitals.collection_status.next_probe_at IS
'When a server where nobody is there is asked again whether it is back, which makes a poll due at once; NULL while it is polled. Written with each of its cycles: one that is past was made since, in vain, or waits for its turn; the next follows after a longer wait, at most five minutes.';
COMMENT ON COLUMN vitals.collection_status.lag IS 'How late the last poll started.';
COMMENT ON COLUMN vitals.collection_status.last_collected_at IS 'When something was read last.';
COMMENT ON COLUMN vitals.collection_status.duration IS 'How long the last poll took.';
COMMENT ON COLUMN vitals.collection_status.consecutive_failures IS 'How many of the newest polls and probes failed in a row.';
COMMENT ON COLUMN vitals.collection_status.error_class IS 'Class of the last poll''s error, for example login; NULL after a good poll.';
COMMENT ON COLUMN vitals.collection_status.last_error IS 'Message of the last poll''s error; NULL after a good poll.';
COMMENT ON COLUMN vitals.collection_status.last_error_at IS 'When a poll failed last, also if the newest did not.';
COMMENT ON COLUMN vitals.collection_status.facts IS 'What the server said of itself: version, edition, encrypted, clock_skew_ms.';

COMMENT ON COLUMN vitals.collection_status.login_ms IS
'What the last poll cost, also one that failed: name lookup, connection and login, as far as they came; 0 where the connection was kept. This and the following columns are NULL where the connector does not say, and stay as they were over a poll whose prober was lost.';
COMMENT ON COLUMN vitals.collection_status.query_ms IS 'Round trips of its queries; with login_ms it says which of both took the time of a poll that timed out.';
COMMENT ON COLUMN vitals.collection_status.bytes IS 'Bytes sent and received.';
COMMENT ON COLUMN vitals.collection_status.rows IS 'Rows read.';
COMMENT ON COLUMN vitals.collection_status.round_trips IS 'How often the network was crossed for its queries.';

CREATE FUNCTION vitals.group_status_rows_in(tenant vitals.tenants)
RETURNS TABLE (
    server text, metric_group text, state text, last_run_at timestamptz, last_success_at timestamptz,
    duration_ms double precision, rows bigint, data_bytes bigint, error_class text, error_number integer, error text)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.name, g.key, g.value ->> 'state', (g.value ->> 'at')::timestamptz, (g.value ->> 'ok_at')::timestamptz,
                (g.value ->> 'ms')::double precision, (g.value ->> 'rows')::bigint,
                (g.value ->> 'data_bytes')::bigint, g.value ->> 'class', (g.value ->> 'number')::integer, g.value ->> 'message'
         FROM %1$I.servers AS s
         JOIN %1$I.collection_groups AS c ON c.server_id = s.id
         CROSS JOIN jsonb_each(c.groups) AS g
         ORDER BY s.name, g.key$sql$, tenant.schema_name);
END
$$;
COMMENT ON FUNCTION vitals.group_status_rows_in(vitals.tenants) IS 'vitals.group_status_rows as the tenant''s role.';

CREATE FUNCTION vitals.group_status_rows()
RETURNS TABLE (
    server text, metric_group text, state text, last_run_at timestamptz, last_success_at timestamptz,
    duration_ms double precision, rows bigint, data_bytes bigint, error_class text, error_number integer, error text)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.group_status_rows() IS 'Rows of the view vitals.group_status.';

CREATE VIEW vitals.group_status AS
SELECT g.server, g.metric_group, g.state, g.last_run_at, g.last_success_at, g.duration_ms, g.rows, g.data_bytes,
    g.error_class, g.error_number, g.error
FROM vitals.group_status_rows() AS g;
COMMENT ON VIEW vitals.group_status IS
'How each metric group of each server of your tenant is going. Brought up to date when a state changes, and else every five minutes.';
COMMENT ON COLUMN vitals.group_status.server IS 'Name of the server.';
COMMENT ON COLUMN vitals.group_status.metric_group IS 'Name of the group: vitals.metric_groups says what it collects.';
COMMENT ON COLUMN vitals.group_status.state IS
'ok; failed; denied: the login lacks a permission, asked again later; yielded: it gave way to the server''s own work; absent: there is no such thing in this version or edition.';
COMMENT ON COLUMN vitals.group_status.last_run_at IS 'When it was read last, as of when the row was written. Slow groups are read every n-th cycle.';
COMMENT ON COLUMN vitals.group_status.last_success_at IS 'When it was read well last; NULL where it never was.';
COMMENT ON COLUMN vitals.group_status.duration_ms IS 'How long its answer took.';
COMMENT ON COLUMN vitals.group_status.rows IS 'Rows of its answer.';
COMMENT ON COLUMN vitals.group_status.data_bytes IS
'Bytes of the values in these rows, text counted as UTF-8: which group makes an answer large. Groups share the packets of one answer, so what the network carried is known of the whole poll alone: vitals.collection_status.bytes.';
COMMENT ON COLUMN vitals.group_status.error_class IS 'Class of its error; NULL where there is none.';
COMMENT ON COLUMN vitals.group_status.error_number IS 'The server''s own number of the error.';
COMMENT ON COLUMN vitals.group_status.error IS 'Its message.';

CREATE FUNCTION vitals.fleet_status_rows_in(tenant vitals.tenants)
RETURNS TABLE (
    server text, server_id uuid, connector text, host text, enabled boolean, status text, status_since timestamptz,
    cpu_percent numeric, memory_percent numeric, connection_count integer, collected_at timestamptz,
    last_seen_at timestamptz, last_error text)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $sql$SELECT s.name, s.id, s.connector, s.host, coalesce(c.enabled, false), coalesce(st.status, 'unknown'),
                st.status_since, l.cpu_percent, l.memory_percent, l.connection_count, l.collected_at::timestamptz,
                st.last_collected_at, st.last_error
         FROM %1$I.servers AS s
         LEFT JOIN %1$I.collection_config AS c ON c.server_id = s.id
         LEFT JOIN %1$I.collection_state AS st ON st.server_id = s.id
         LEFT JOIN %1$I.latest_collections AS l ON l.server_id = s.id
             AND l.collected_at >= (SELECT now() - coalesce(max(k.retention_days), 30) * interval '1 day'
                                    FROM %1$I.settings AS k)
         ORDER BY s.name$sql$, tenant.schema_name);
END
$$;
COMMENT ON FUNCTION vitals.fleet_status_rows_in(vitals.tenants) IS 'vitals.fleet_status_rows as the tenant''s role.';

CREATE FUNCTION vitals.fleet_status_rows()
RETURNS TABLE (
    server text, server_id uuid, connector text, host text, enabled boolean, status text, status_since timestamptz,
    cpu_percent numeric, memory_percent numeric, connection_count integer, collected_at timestamptz,
    last_seen_at timestamptz, last_error text)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.fleet_status_rows() IS 'Rows of the view vitals.fleet_status.';

CREATE VIEW vitals.fleet_status AS
SELECT f.server, f.server_id, f.connector, f.host, f.enabled, f.status, f.status_since, f.cpu_percent, f.memory_percent,
    f.connection_count, f.collected_at, f.last_seen_at, f.last_error
FROM vitals.fleet_status_rows() AS f;
COMMENT ON VIEW vitals.fleet_status IS 'How every server of your tenant is: one row each, without a look at history.';
COMMENT ON COLUMN vitals.fleet_status.server IS 'Name of the server.';
COMMENT ON COLUMN vitals.fleet_status.server_id IS 'Its id, as in the tenant''s relations.';
COMMENT ON COLUMN vitals.fleet_status.connector IS 'What kind of target it is, for example mssql.';
COMMENT ON COLUMN vitals.fleet_status.host IS 'Host name or address; NULL where the connector needs none.';
COMMENT ON COLUMN vitals.fleet_status.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals.fleet_status.status IS
'unknown: not polled yet; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals.fleet_status.status_since IS 'Since when it has this status.';
COMMENT ON COLUMN vitals.fleet_status.cpu_percent IS 'Newest value; NULL where it is not known.';
COMMENT ON COLUMN vitals.fleet_status.memory_percent IS 'Newest value; NULL where it is not known.';
COMMENT ON COLUMN vitals.fleet_status.connection_count IS 'Newest value; NULL where it is not known.';
COMMENT ON COLUMN vitals.fleet_status.collected_at IS
'When the values are from: look here before trusting those of a server that is offline.';
COMMENT ON COLUMN vitals.fleet_status.last_seen_at IS 'When something was read last.';
COMMENT ON COLUMN vitals.fleet_status.last_error IS 'Message of the newest poll''s error; NULL after a good one.';
