-- The newest values in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/.

CREATE FUNCTION vitals.prometheus_name(metric text, unit text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT 'vitals_' || CASE
        WHEN unit = '%' THEN base.name || '_ratio'
        WHEN unit IN ('s', 'ms') THEN base.name || '_seconds'
        WHEN unit = 'B' THEN base.name || '_bytes'
        WHEN unit = 'B/s' AND base.name LIKE '%bytes%' THEN base.name || '_per_second'
        WHEN unit = 'B/s' THEN base.name || '_bytes_per_second'
        WHEN unit = '1/s' THEN base.name || '_per_second'
        -- Prometheus keeps this ending for histograms.
        WHEN metric LIKE '%\_count' THEN base.name || 's'
        ELSE metric
    END
    FROM (SELECT regexp_replace(metric, '_(percent|ratio|s|ms|sec|seconds|bytes|count)$', '') AS name) AS base
$$;
COMMENT ON FUNCTION vitals.prometheus_name(text, text) IS
'What Prometheus calls a metric: with the prefix vitals_ and its base unit as the ending.';

CREATE FUNCTION vitals.prometheus_label(value text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT '"' || replace(replace(replace(value, '\', '\\'), '"', '\"'), E'\n', '\n') || '"'
$$;
COMMENT ON FUNCTION vitals.prometheus_label(text) IS 'The value of a label, quoted and escaped.';

CREATE FUNCTION vitals.exposition_in(tenant vitals.tenants) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    exposition text;
BEGIN
    EXECUTE format(
        $sql$WITH server AS MATERIALIZED (
             SELECT r.server_id, r.enabled, r.interval_seconds, st.status, st.last_collected_at, st.duration_ms,
                    st.consecutive_failures,
                    format('tenant=%%s,server=%%s,server_id="%%s"', vitals.prometheus_label($1),
                           vitals.prometheus_label(r.name), r.server_id) AS labels
             FROM vitals.server_rows_in($2, NULL) AS r
             LEFT JOIN %1$I.collection_state AS st ON st.server_id = r.server_id
         ), own (name, help, server_id, labels, value) AS (
             SELECT f.name, f.help, s.server_id, s.labels, f.value
             FROM server AS s
             CROSS JOIN LATERAL (VALUES
                 ('vitals_collection_enabled', 'Whether the collection of the server is on.', s.enabled::integer::numeric),
                 ('vitals_collection_interval_seconds', 'How often the server is polled.', s.interval_seconds),
                 ('vitals_server_up', 'Whether the newest poll of the server read something.',
                  CASE WHEN s.enabled AND s.status <> 'unknown' THEN (s.status <> 'offline' AND s.consecutive_failures = 0)::integer END),
                 ('vitals_collection_age_seconds', 'Time since something was read from the server.',
                  round(extract(epoch FROM clock_timestamp() - s.last_collected_at), 3)),
                 ('vitals_collection_duration_seconds', 'How long the newest poll took.',
                  CASE WHEN s.enabled THEN round((s.duration_ms / 1000)::numeric, 6) END),
                 ('vitals_collection_consecutive_failures', 'How many of the newest polls failed in a row.',
                  CASE WHEN s.enabled THEN s.consecutive_failures END)) AS f (name, help, value)
         ), named AS MATERIALIZED (
             SELECT t.*, vitals.prometheus_name(t.name, t.unit) AS short_name FROM %1$I.metric_types AS t
         ), pace (name, every) AS (
             SELECT c.name, g.every FROM vitals.metric_catalogue AS c JOIN vitals.metric_group_catalogue AS g ON g.name = c.metric_group
             UNION ALL
             SELECT d ->> 'name', (g.definition ->> 'every')::integer
             FROM %1$I.metric_groups AS g, jsonb_array_elements(g.definition -> 'metrics') AS d
         ), metric AS MATERIALIZED (
             -- Two metrics of a tenant's own may come to have one name, or that of one of the figures above.
             SELECT n.id, coalesce(nullif(n.description, ''), n.name) AS description,
                    CASE n.unit WHEN '%%' THEN 100 WHEN 'ms' THEN 1000 ELSE 1 END AS divisor,
                    CASE WHEN count(*) OVER (PARTITION BY n.short_name) > 1
                             OR n.short_name IN (SELECT o.name FROM own AS o)
                         THEN 'vitals_metric_' || n.name ELSE n.short_name END AS name,
                    coalesce((SELECT max(p.every) FROM pace AS p WHERE p.name = n.name), 1) AS every
             FROM named AS n
         ), sample AS (
             SELECT o.name, o.help, o.server_id, o.labels, o.value FROM own AS o WHERE o.value IS NOT NULL
             UNION ALL
             -- A value is left out when it was missed twice, in the cycles that it is due in: Prometheus shows a gap then, as it should.
             SELECT m.name, m.description, s.server_id,
                    concat(s.labels, CASE WHEN l.instance <> '' THEN ',item=' || vitals.prometheus_label(l.instance) END),
                    l.value / m.divisor
             FROM %1$I.server_latest AS l
             JOIN server AS s ON s.server_id = l.server_id
             JOIN metric AS m ON m.id = l.metric_type_id
             WHERE s.enabled AND l.value IS NOT NULL
                 AND l.collected_at >= clock_timestamp() - (2.5 * s.interval_seconds * m.every) * interval '1 second'
         ), line AS (
             SELECT DISTINCT ON (s.name, s.labels) s.name, s.help, s.labels, trim_scale(s.value) AS value
             FROM sample AS s ORDER BY s.name, s.labels
         ), family AS (
             SELECT l.name, format(E'# HELP %%s %%s\n# TYPE %%s gauge\n', l.name,
                                   replace(replace(min(l.help), '\', '\\'), E'\n', '\n'), l.name)
                 || string_agg(format(E'%%s{%%s} %%s\n', l.name, l.labels, l.value), '' ORDER BY l.labels) AS lines
             FROM line AS l GROUP BY l.name
         )
         SELECT coalesce(string_agg(f.lines, '' ORDER BY f.name), '') FROM family AS f$sql$, tenant.schema_name)
        INTO exposition USING tenant.name, tenant;
    RETURN exposition;
END
$$;
COMMENT ON FUNCTION vitals.exposition_in(vitals.tenants) IS 'vitals.exposition as the tenant''s role.';

CREATE FUNCTION vitals.exposition() RETURNS text
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.exposition() IS
'The newest values of all servers of the caller''s tenant in Prometheus'' text format: what vitals_api.prometheus_metrics returns.';
