-- The groups of connector mssql. The build puts mssql_groups.json in place of the line @include: it is the only source of
-- the definitions, for tests of the prober and the procedures for targets as well.

CREATE FUNCTION vitals.text_array(elements jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(e.element ORDER BY e.nr), '{}')
    FROM jsonb_array_elements_text(elements) WITH ORDINALITY AS e (element, nr)
$$;
COMMENT ON FUNCTION vitals.text_array(jsonb) IS 'The elements of a JSON array as texts; none of NULL.';

WITH definition AS MATERIALIZED (
    SELECT e.nr, e.g FROM jsonb_array_elements(
$json$
@include mssql_groups.json
$json$
    ) WITH ORDINALITY AS e (g, nr)
), new_group AS (
    INSERT INTO vitals.metric_group_catalogue
        (name, connector, description, cost, permission, every, timeout_ms, row_limit, layout, labels, key_columns, new_rows, variants)
    SELECT d.g ->> 'name', 'mssql', d.g ->> 'description', d.g ->> 'cost', d.g ->> 'permission',
        coalesce((d.g ->> 'every')::integer, 1), (d.g ->> 'timeout_ms')::integer, coalesce((d.g ->> 'row_limit')::integer, 1000),
        coalesce(d.g ->> 'layout', 'columns'), vitals.text_array(d.g -> 'labels'), vitals.text_array(d.g -> 'key'),
        coalesce(d.g ->> 'new_rows', 'own_life'),
        -- In the file a statement is an array of lines.
        (SELECT jsonb_agg(v.variant || jsonb_build_object('sql', array_to_string(vitals.text_array(v.variant -> 'sql'), E'\n'))
                          ORDER BY v.nr)
         FROM jsonb_array_elements(d.g -> 'variants') WITH ORDINALITY AS v (variant, nr))
    FROM definition AS d
)
INSERT INTO vitals.metric_catalogue AS c
    (name, unit, kind, scale, connectors, description, metric_group, source, base, factor, over_rows, instance, skip_ignored, nr)
SELECT e.m ->> 'name', e.m ->> 'unit', e.m ->> 'kind', (e.m ->> 'scale')::smallint, '{mssql}', e.m ->> 'description',
    d.g ->> 'name', e.m ->> 'source', e.m ->> 'base', coalesce((e.m ->> 'factor')::double precision, 1),
    coalesce(e.m ->> 'over', 'row'), coalesce(e.m ->> 'instance', ''), coalesce((e.m ->> 'skip_ignored')::boolean, false), e.nr
FROM definition AS d, jsonb_array_elements(d.g -> 'metrics') WITH ORDINALITY AS e (m, nr)
ORDER BY d.nr, e.nr
-- What more than one connector measures has one name.
ON CONFLICT (name) DO UPDATE
SET connectors = excluded.connectors || c.connectors, description = excluded.description,
    metric_group = excluded.metric_group, source = excluded.source, base = excluded.base, factor = excluded.factor,
    over_rows = excluded.over_rows, instance = excluded.instance, skip_ignored = excluded.skip_ignored, nr = excluded.nr;
