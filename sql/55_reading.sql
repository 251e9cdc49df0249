-- History of the caller's tenant: one metric of one server as it is, and any metric in buckets of time.

CREATE FUNCTION vitals.find_metric_in(tenant vitals.tenants, metric text) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid;
BEGIN
    EXECUTE format('SELECT t.id FROM %I.metric_types AS t WHERE t.name = $1', tenant.schema_name) INTO found_id USING metric;
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'metric not found',
            DETAIL = format('No metric %s in tenant "%s".', coalesce(quote_literal(left(metric, 100)), 'NULL'), tenant.name),
            HINT = 'The tenant''s metric_types lists them.';
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION vitals.find_metric_in(vitals.tenants, text) IS
'Id of a metric type, given its name. Error: PT404 not found.';

CREATE FUNCTION vitals.check_time_range(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR since >= until THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'since must be before until',
            DETAIL = format('Got %s and %s.', coalesce(since::text, 'NULL'), coalesce(until::text, 'NULL')),
            HINT = 'Both are times; until itself is not part of the range.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_time_range(timestamptz, timestamptz) IS 'Raises 22023 unless since is before until.';

CREATE FUNCTION vitals.metric_range_in(
    tenant vitals.tenants, server text, metric text, since timestamptz, until timestamptz
) RETURNS TABLE (collected_at timestamptz, instance text, value numeric)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM vitals.check_time_range(since, until);
    RETURN QUERY EXECUTE format(
        $sql$SELECT m.collected_at::timestamptz, m.instance, m.value
         FROM %I.metrics AS m
         WHERE m.server_id = $1 AND m.metric_type_id = $2 AND m.collected_at >= $3 AND m.collected_at < $4
         ORDER BY m.collected_at, m.instance$sql$, tenant.schema_name)
        USING vitals.find_server_in(tenant, server), vitals.find_metric_in(tenant, metric), since, until;
END
$$;
COMMENT ON FUNCTION vitals.metric_range_in(vitals.tenants, text, text, timestamptz, timestamptz) IS
'vitals.metric_range as the tenant''s role.';

CREATE FUNCTION vitals.metric_range(server text, metric text, since timestamptz, until timestamptz DEFAULT now())
RETURNS TABLE (collected_at timestamptz, instance text, value numeric)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.metric_range(text, text, timestamptz, timestamptz) IS
'The values of a metric of a server (name or id) from since up to, but not, until, by time and instance. Errors: 22023 bad range, PT404 server or metric not found.';

CREATE FUNCTION vitals.check_buckets(since timestamptz, until timestamptz, width interval) RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_buckets constant integer := 10000;
BEGIN
    PERFORM vitals.check_time_range(since, until);
    -- A month has no length of its own.
    IF width IS NULL OR width <= interval '0' OR extract(year FROM width) <> 0 OR extract(month FROM width) <> 0
        OR extract(epoch FROM until - since) / extract(epoch FROM width) > most_buckets THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid bucket width',
            DETAIL = format('Got %s for %s.', coalesce(width::text, 'NULL'), until - since),
            HINT = format('A width is days, hours, minutes or seconds, and a range has at most %s buckets.', most_buckets);
    END IF;
    -- In seconds, so that a day is as long as any other whatever the session's time zone does to it.
    RETURN make_interval(secs => extract(epoch FROM width)::double precision);
END
$$;
COMMENT ON FUNCTION vitals.check_buckets(timestamptz, timestamptz, interval) IS
'The width of the buckets in seconds, as an interval. Error: 22023 since is not before until, or the width is none that a range can be divided by, or makes more than 10000 buckets.';

CREATE FUNCTION vitals.metric_changes_in(
    tenant vitals.tenants, server text, metric text, since timestamptz, until timestamptz
) RETURNS TABLE (changed_at timestamptz, instance text, old_value numeric, new_value numeric)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.collected_at, r.instance, r.before, r.value
    FROM (SELECT m.collected_at, m.instance, m.value,
                 lag(m.value) OVER (PARTITION BY m.instance ORDER BY m.collected_at) AS before
          FROM vitals.metric_range_in(tenant, server, metric, since, until) AS m) AS r
    WHERE r.before <> r.value
    ORDER BY r.collected_at, r.instance;
END
$$;
COMMENT ON FUNCTION vitals.metric_changes_in(vitals.tenants, text, text, timestamptz, timestamptz) IS
'vitals.metric_changes as the tenant''s role.';

CREATE FUNCTION vitals.metric_changes(server text, metric text, since timestamptz, until timestamptz DEFAULT now())
RETURNS TABLE (changed_at timestamptz, instance text, old_value numeric, new_value numeric)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.metric_changes(text, text, timestamptz, timestamptz) IS
'When a metric of a server (name or id) was not what it was in the collection before, from since up to, but not, until: for settings and states, such as configuration_value. Errors: 22023 bad range, PT404 server or metric not found.';

CREATE FUNCTION vitals.metric_buckets_in(
    tenant vitals.tenants, metric text, since timestamptz, until timestamptz, width interval, only_server text
) RETURNS TABLE (
    server text, instance text, bucket timestamptz, avg numeric, min numeric, max numeric, count bigint)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    only_id uuid;
    step interval := vitals.check_buckets(since, until, width);
BEGIN
    IF only_server IS NOT NULL THEN
        only_id := vitals.find_server_in(tenant, only_server);
    END IF;
    RETURN QUERY EXECUTE format(
        $sql$WITH wanted AS MATERIALIZED (
             SELECT t.id, t.scale FROM %1$I.metric_types AS t WHERE t.id = $1
         ), part AS MATERIALIZED (
             SELECT n.server_id, m.instance, date_bin($4, n.collected_at, $2) AS bucket, avg(n.vals[m.position]) AS avg,
                    min(n.vals[m.position]) AS min, max(n.vals[m.position]) AS max, count(n.vals[m.position]) AS count
             FROM %1$I.server_snapshots AS n
             JOIN %1$I.set_members AS m USING (set_key)
             WHERE m.metric_type_id = $1 AND n.collected_at >= $2 AND n.collected_at < $3
                 AND ($5 IS NULL OR n.server_id = $5)
                 AND n.collected_at >= (SELECT now() - coalesce(max(s.retention_days), 30) * interval '1 day'
                                        FROM %1$I.settings AS s)
             GROUP BY n.server_id, m.instance, 3
         ), line AS (
             SELECT p.server_id, p.instance FROM part AS p
             UNION
             SELECT l.server_id, l.instance FROM %1$I.server_latest AS l
             WHERE l.metric_type_id = $1 AND ($5 IS NULL OR l.server_id = $5)
         )
         SELECT s.name, line.instance, b.bucket, round(p.avg::numeric, w.scale + 2), p.min::numeric, p.max::numeric,
                coalesce(p.count, 0)
         FROM line
         CROSS JOIN wanted AS w
         JOIN %1$I.servers AS s ON s.id = line.server_id
         CROSS JOIN generate_series($2, $3 - interval '1 microsecond', $4) AS b (bucket)
         LEFT JOIN part AS p ON p.server_id = line.server_id AND p.instance = line.instance AND p.bucket = b.bucket
         ORDER BY s.name, line.instance, b.bucket$sql$, tenant.schema_name)
        USING vitals.find_metric_in(tenant, metric), since, until, step, only_id;
END
$$;
COMMENT ON FUNCTION vitals.metric_buckets_in(vitals.tenants, text, timestamptz, timestamptz, interval, text) IS
'vitals.metric_buckets as the tenant''s role.';

CREATE FUNCTION vitals.metric_buckets(
    metric text, since timestamptz, until timestamptz DEFAULT now(), width interval DEFAULT '1 hour', only_server text DEFAULT NULL
) RETURNS TABLE (
    server text, instance text, bucket timestamptz, avg numeric, min numeric, max numeric, count bigint)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.metric_buckets(text, timestamptz, timestamptz, interval, text) IS
'A metric of all servers, or of one (name or id), in buckets of time that begin at since: average, least, greatest and number of the values of each server, instance and bucket. A bucket without values has count 0 and NULL otherwise, never 0. Errors: 22023 bad range or width (at most 10000 buckets), PT404 server or metric not found.';
