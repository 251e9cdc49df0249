-- What a chart draws: several metrics of one server as columns over one grid of time, made here so that no browser gets a
-- month of samples.

CREATE FUNCTION vitals.chart_step(least_seconds double precision) RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT coalesce(min(step), ceil(least_seconds / 86400)::integer * 86400)
    FROM unnest('{1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400}'::integer[]) AS step
    WHERE step >= least_seconds
$$;
COMMENT ON FUNCTION vitals.chart_step(double precision) IS
'The least number of seconds, no less than given, that people divide time by: 1, 2, 5, 10, 15, 30 seconds or minutes, 1, 2, 3, 6, 12 hours, days.';

CREATE FUNCTION vitals.chart_in(
    tenant vitals.tenants, server text, metrics text[], since timestamptz, until timestamptz, points integer
) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid := vitals.find_server_in(tenant, server);
    ids uuid[];
    interval_seconds integer;
    newest timestamptz;
    step integer;
    origin bigint := 0;
    first_bucket bigint;
    last_bucket bigint;
    times json;
    series json;
BEGIN
    PERFORM vitals.check_time_range(since, until);
    IF points IS NULL OR points NOT BETWEEN 2 AND 5000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'points must be between 2 and 5000',
            DETAIL = format('Got %s.', coalesce(points::text, 'NULL')),
            HINT = 'The default is 300.';
    END IF;
    IF metrics IS NULL OR cardinality(metrics) NOT BETWEEN 1 AND 50 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a chart has between 1 and 50 metrics',
            DETAIL = format('Got %s.', coalesce(cardinality(metrics), 0)),
            HINT = 'For example cpu_percent and memory_percent; metric_types lists them.';
    END IF;
    ids := ARRAY(SELECT DISTINCT vitals.find_metric_in(tenant, m) FROM unnest(metrics) AS m);

    EXECUTE format('SELECT coalesce((SELECT c.interval_seconds FROM %1$I.collection_config AS c WHERE c.server_id = $1), 60),
                           (SELECT max(n.collected_at) FROM %1$I.server_snapshots AS n
                            WHERE n.server_id = $1 AND n.collected_at >= $2 AND n.collected_at < $3)', tenant.schema_name)
        INTO interval_seconds, newest USING found_id, since, until;
    -- Finer than the server is polled, every other bucket would be a gap.
    step := vitals.chart_step(greatest(extract(epoch FROM until - since) / points, interval_seconds));
    -- One sample to a bucket: it has to be in the middle, or a poll that is a moment late would make a gap and a pair.
    IF step < 2 * interval_seconds AND newest IS NOT NULL THEN
        origin := (floor(extract(epoch FROM newest))::bigint - step / 2) % step;
    END IF;
    first_bucket := floor((extract(epoch FROM since) - origin) / step);
    last_bucket := ceil((extract(epoch FROM until) - origin) / step) - 1;

    EXECUTE format(
        $sql$WITH part AS MATERIALIZED (
             SELECT m.metric_type_id, m.instance,
                    floor((extract(epoch FROM n.collected_at) - $5) / $6)::bigint AS bucket, avg(n.vals[m.position]) AS value
             FROM %1$I.server_snapshots AS n
             JOIN %1$I.set_members AS m USING (set_key)
             WHERE n.server_id = $1 AND n.collected_at >= $3 AND n.collected_at < $4 AND m.metric_type_id = ANY ($2)
             GROUP BY 1, 2, 3
         ), line AS (
             -- A metric without a value is a line of gaps, as long as it has no other line.
             SELECT t.id, t.name, t.scale, p.instance
             FROM %1$I.metric_types AS t
             LEFT JOIN (SELECT DISTINCT q.metric_type_id, q.instance FROM part AS q) AS p ON p.metric_type_id = t.id
             WHERE t.id = ANY ($2)
         ), points AS (
             SELECT concat_ws(' ', l.name, nullif(l.instance, '')) AS name,
                    json_agg(round(p.value::numeric, l.scale) ORDER BY g.bucket) AS vals
             FROM line AS l
             CROSS JOIN generate_series($7, $8) AS g (bucket)
             LEFT JOIN part AS p ON p.metric_type_id = l.id AND p.instance = l.instance AND p.bucket = g.bucket
             GROUP BY 1
         )
         SELECT (SELECT json_agg(g.bucket * $6 + $5 ORDER BY g.bucket) FROM generate_series($7, $8) AS g (bucket)),
                (SELECT json_object_agg(p.name, p.vals ORDER BY p.name) FROM points AS p)$sql$, tenant.schema_name)
        INTO times, series
        USING found_id, ids, greatest(since, now() - vitals.retention_of(tenant.schema_name) * interval '1 day'), until,
            origin, step, first_bucket, last_bucket;
    RETURN json_build_object('step', step, 't', times, 'series', series);
END
$$;
COMMENT ON FUNCTION vitals.chart_in(vitals.tenants, text, text[], timestamptz, timestamptz, integer) IS
'vitals.chart as the tenant''s role.';

CREATE FUNCTION vitals.chart(server text, metrics text[], since timestamptz, until timestamptz, points integer) RETURNS json
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.chart(text, text[], timestamptz, timestamptz, integer) IS
'Metrics of a server (name or id) in about so many buckets: what vitals_api.chart_data returns. Errors: 22023 bad range, metrics or points, PT404 server or metric not found.';
