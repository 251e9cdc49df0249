-- Metric groups as the collector and users see them: those of the extension, and a tenant's own.

CREATE FUNCTION vitals.metric_group_definitions(OUT connector text, OUT name text, OUT definition jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT g.connector, g.name,
        jsonb_strip_nulls(jsonb_build_object(
            'name', g.name, 'builtin', true, 'permission', g.permission, 'every', g.every, 'timeout_ms', g.timeout_ms,
            'row_limit', g.row_limit, 'layout', g.layout, 'labels', to_jsonb(g.labels), 'key', to_jsonb(g.key_columns),
            'new_rows', g.new_rows, 'variants', g.variants,
            'categories',
            CASE WHEN EXISTS (SELECT FROM vitals.metric_catalogue AS m
                              WHERE m.metric_group = g.name AND (m.skip_ignored OR m.over_rows = 'category'))
                 THEN (SELECT jsonb_object_agg(w.wait_type, CASE WHEN w.ignored THEN 'ignored' ELSE w.category END)
                       FROM vitals.wait_types AS w WHERE w.ignored OR w.category <> 'Other') END,
            'metrics',
            (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                        'name', m.name, 'kind', m.kind, 'source', m.source, 'base', m.base,
                        'factor', nullif(m.factor, 1), 'over', nullif(m.over_rows, 'row'),
                        'instance', nullif(m.instance, ''), 'skip_ignored', nullif(m.skip_ignored, false))) ORDER BY m.nr)
             FROM vitals.metric_catalogue AS m WHERE m.metric_group = g.name)))
    FROM vitals.metric_group_catalogue AS g
    ORDER BY g.connector, g.name
$$;
COMMENT ON FUNCTION vitals.metric_group_definitions() IS
'The definitions of the groups that come with the extension, as the collector hands them to probers, with the categories of vitals.wait_types.';

CREATE FUNCTION vitals.classify_wait(wait_type text, category text DEFAULT NULL, ignored boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF wait_type IS NULL OR wait_type !~ '^[A-Z0-9_]{1,60}$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid wait type',
            DETAIL = format('Got %s.', coalesce(quote_literal(left(wait_type, 100)), 'NULL')),
            HINT = 'A wait type is written as in sys.dm_os_wait_stats: capital letters, digits and underscores.';
    END IF;
    IF length(category) NOT BETWEEN 1 AND 60 OR octet_length(category) > 128 OR category ~ '[[:cntrl:]/]' OR lower(category) = 'ignored' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid wait category',
            DETAIL = format('Got %s.', quote_literal(left(category, 100))),
            HINT = 'A category is a text of 1 to 60 characters, and at most 128 bytes, without slash. To leave a wait type out: ignored => true.';
    END IF;
    DELETE FROM vitals.wait_type_choices AS w WHERE w.wait_type = classify_wait.wait_type;
    IF category IS NOT NULL OR ignored IS NOT NULL THEN
        INSERT INTO vitals.wait_type_choices (wait_type, category, ignored) VALUES (wait_type, category, ignored);
    END IF;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.classify_wait(text, text, boolean) IS
'Says for all tenants to which category a wait type belongs, and whether it is ignored; what is NULL is as the extension has it, so that without both the choice is taken back. Survives updates and dumps. Error: 22023 bad name or category. Needs a superuser.';

CREATE FUNCTION vitals.metric_group_rows_in(tenant vitals.tenants)
RETURNS TABLE (
    name text, connector text, origin text, description text, cost text, permission text, every integer, timeout_ms integer,
    row_limit integer, labels text[], metrics text[], variants jsonb)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT g.name, g.connector, 'builtin', g.description, g.cost, g.permission, g.every, g.timeout_ms, g.row_limit, g.labels,
        ARRAY(SELECT m.name FROM vitals.metric_catalogue AS m WHERE m.metric_group = g.name ORDER BY m.nr), g.variants
    FROM vitals.metric_group_catalogue AS g
    ORDER BY g.name;
    RETURN QUERY EXECUTE format(
        $sql$SELECT g.name, g.connector, 'user', g.description, NULL, g.definition ->> 'permission',
                coalesce((g.definition ->> 'every')::integer, 1), (g.definition ->> 'timeout_ms')::integer,
                coalesce((g.definition ->> 'row_limit')::integer, 1000), vitals.text_array(g.definition -> 'labels'),
                ARRAY(SELECT m.metric ->> 'name' FROM jsonb_array_elements(g.definition -> 'metrics')
                      WITH ORDINALITY AS m (metric, nr) ORDER BY m.nr), g.definition -> 'variants'
         FROM %I.metric_groups AS g
         ORDER BY g.name$sql$, tenant.schema_name);
END
$$;
COMMENT ON FUNCTION vitals.metric_group_rows_in(vitals.tenants) IS 'vitals.metric_group_rows as the tenant''s role.';

CREATE FUNCTION vitals.metric_group_rows()
RETURNS TABLE (
    name text, connector text, origin text, description text, cost text, permission text, every integer, timeout_ms integer,
    row_limit integer, labels text[], metrics text[], variants jsonb)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.metric_group_rows() IS 'Rows of the view vitals.metric_groups.';

CREATE VIEW vitals.metric_groups AS
SELECT g.name, g.connector, g.origin, g.description, g.cost, g.permission, g.every, g.timeout_ms, g.row_limit, g.labels, g.metrics,
    g.variants
FROM vitals.metric_group_rows() AS g;
COMMENT ON VIEW vitals.metric_groups IS
'What can be collected: groups of metrics that one statement reads. Those of the extension, and your tenant''s own.';
COMMENT ON COLUMN vitals.metric_groups.name IS 'Name of the group: metrics_enabled of a server may have it in place of its metrics.';
COMMENT ON COLUMN vitals.metric_groups.connector IS 'What kind of target it is for.';
COMMENT ON COLUMN vitals.metric_groups.origin IS 'builtin: comes with the extension; user: made with vitals.add_metric_group.';
COMMENT ON COLUMN vitals.metric_groups.description IS 'What it is about.';
COMMENT ON COLUMN vitals.metric_groups.cost IS
'What it costs the target. cheap: structures in memory; medium: grows with sessions or databases; expensive: reads disks or history; NULL: not known.';
COMMENT ON COLUMN vitals.metric_groups.permission IS 'What the login needs for it; NULL: nothing but the login, or not known.';
COMMENT ON COLUMN vitals.metric_groups.every IS 'It runs in every n-th cycle of a server.';
COMMENT ON COLUMN vitals.metric_groups.timeout_ms IS 'Of the statement; NULL: the deadline of the poll.';
COMMENT ON COLUMN vitals.metric_groups.row_limit IS 'Rows beyond it are not used.';
COMMENT ON COLUMN vitals.metric_groups.labels IS 'Columns whose texts, joined with /, are the instance of its metrics.';
COMMENT ON COLUMN vitals.metric_groups.metrics IS 'Names of its metrics.';
COMMENT ON COLUMN vitals.metric_groups.variants IS
'The statements, with the versions and editions that each is for: the first one that fits the target is run.';
