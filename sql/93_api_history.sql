-- The functions of vitals_api that read what was collected. Each takes a server's id, so that it reads no other's history.

CREATE FUNCTION vitals_api.server_metrics(server_id uuid) RETURNS SETOF vitals_api.latest_metrics
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT l.server_id, l.server, l.metric, l.instance, l.value, l.unit, l.collected_at
                 FROM vitals.latest_metrics_rows(coalesce(server_metrics.server_id::text, '')) AS l;
END
$$;
COMMENT ON FUNCTION vitals_api.server_metrics(uuid) IS
'Newest values of a server
Rows of latest_metrics, by metric and instance.

server_id: id of the server. Error: 404 no such server.';

CREATE FUNCTION vitals_api.metric_values(
    server_id uuid, metric text, since timestamptz DEFAULT now() - interval '1 hour', until timestamptz DEFAULT now()
) RETURNS TABLE (collected_at timestamptz, instance text, value numeric)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT r.collected_at, r.instance, r.value FROM vitals.metric_range(server_id::text, metric, since, until) AS r;
END
$$;
COMMENT ON FUNCTION vitals_api.metric_values(uuid, text, timestamptz, timestamptz) IS
'Values of a metric as they were collected
One object per value, by time and instance.

server_id: id of the server. metric: name of the metric. since, until: the range, without until itself; the last hour by default. Errors: 400 bad range, 404 no such server or metric.';

CREATE FUNCTION vitals_api.metric_history(
    server_id uuid,
    metric text,
    since timestamptz DEFAULT now() - interval '1 hour',
    until timestamptz DEFAULT now(),
    bucket interval DEFAULT '1 minute'
) RETURNS TABLE (collected_at timestamptz, instance text, avg numeric, min numeric, max numeric, count bigint)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    step interval := vitals.check_buckets(since, until, bucket);
BEGIN
    RETURN QUERY SELECT b.bucket, b.instance, b.avg, b.min, b.max, b.count
                 FROM vitals.metric_buckets(metric, date_bin(step, since, '2000-01-03 00:00:00+00'), until, step,
                                            coalesce(server_id::text, '')) AS b;
END
$$;
COMMENT ON FUNCTION vitals_api.metric_history(uuid, text, timestamptz, timestamptz, interval) IS
'A metric in buckets of time
One object per bucket and instance: collected_at (the bucket''s beginning), instance, avg, min, max, count. A bucket without values has count 0 and null otherwise, never 0. Buckets begin at multiples of their width in UTC, a week''s on Monday; the last one may still be running.

server_id: id of the server. metric: name of the metric. since, until: the range; the last hour by default. bucket: width, for example 5 minutes or 1 day; 1 minute by default, at most 10000 of them. Errors: 400 bad range or width, 404 no such server or metric.';

CREATE FUNCTION vitals_api.chart_data(
    server_id uuid,
    metrics text[],
    since timestamptz DEFAULT now() - interval '1 hour',
    until timestamptz DEFAULT now(),
    points integer DEFAULT 300
) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN vitals.chart(server_id::text, metrics, since, until, points);
END
$$;
COMMENT ON FUNCTION vitals_api.chart_data(uuid, text[], timestamptz, timestamptz, integer) IS
'Metrics in columns, for charts
One object: step (seconds of a bucket), t (the beginnings of the buckets, Unix seconds) and series, an array of averages of the length of t by metric; null is a gap. A metric with instances has one array per instance, under its name, a space and the instance. The step is one that people divide time by (1, 2, 5, 10, 15, 30 seconds or minutes, 1, 2, 3, 6, 12 hours, days) and never less than the interval of the server; up to twice that, the buckets are laid so that a sample is in the middle of one. The last bucket may still be running.

server_id: id of the server. metrics: 1 to 50 names, in a query string as {cpu_percent,memory_percent}. since, until: the range; the last hour by default. points: about how many buckets are wanted, 2 to 5000, 300 by default; there may be fewer, and one more. Errors: 400 bad range, metrics or points, 404 no such server or metric.';

CREATE FUNCTION vitals_api.snapshot_history(
    server_id uuid, since timestamptz DEFAULT now() - interval '1 hour', until timestamptz DEFAULT now()
) RETURNS SETOF vitals_api.server_snapshots
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT n.* FROM vitals.snapshot_rows(coalesce(server_id::text, ''), since, until, NULL) AS n;
END
$$;
COMMENT ON FUNCTION vitals_api.snapshot_history(uuid, timestamptz, timestamptz) IS
'Collections of a server
Rows of server_snapshots, the newest first, also of those that failed.

server_id: id of the server. since, until: the range, without until itself; the last hour by default. Errors: 400 bad range, 404 no such server.';

CREATE FUNCTION vitals_api.event_history(
    server_id uuid, since timestamptz DEFAULT now() - interval '7 days', until timestamptz DEFAULT now()
) RETURNS SETOF vitals_api.server_events
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT e.* FROM vitals.event_rows(coalesce(server_id::text, ''), since, until, NULL) AS e;
END
$$;
COMMENT ON FUNCTION vitals_api.event_history(uuid, timestamptz, timestamptz) IS
'Changes of a server''s status
Rows of server_events, the newest first. The newest 1000 of each server are kept.

server_id: id of the server. since, until: the range, without until itself; the last 7 days by default. Errors: 400 bad range, 404 no such server.';

-- PostgREST serves what is of this type whatever the client accepts, and Prometheus asks for types with parameters, which
-- no name of a domain can match.
CREATE DOMAIN vitals_api."*/*" AS text;
COMMENT ON DOMAIN vitals_api."*/*" IS 'A body that PostgREST hands on as it is.';

CREATE FUNCTION vitals_api.prometheus_metrics() RETURNS vitals_api."*/*"
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('response.headers', '[{"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}]', true);
    RETURN vitals.exposition();
END
$$;
COMMENT ON FUNCTION vitals_api.prometheus_metrics() IS
'Newest values for Prometheus
In the text exposition format 0.0.4, all metrics as gauges in base units (percent as a ratio, milliseconds as seconds), with the labels tenant, server, server_id and, where a metric has instances, item. Of servers whose collection is on, values of the last two and a half cycles that they are due in: what is older is left out, so that Prometheus shows a gap. Beside them for every server vitals_server_up, vitals_collection_age_seconds, vitals_collection_enabled, vitals_collection_interval_seconds, vitals_collection_duration_seconds and vitals_collection_consecutive_failures.';
