-- A tenant's own metric groups: SQL of its users that its servers run. What is checked here guards against accidents; what
-- protects a target is the rights of the login, and what protects the collector are the limits that it applies itself.

CREATE FUNCTION vitals.check_group_sql(statement text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    trimmed text := rtrim(btrim(statement, E' \t\r\n'), E'; \t\r\n');
    -- Without texts, quoted names and comments.
    bare text := regexp_replace(
        trimmed, $re$'(?:[^']|'')*'|"(?:[^"]|"")*"|\[(?:[^\]]|\]\])*\]|--[^\r\n]*|/\*(?:[^*]|\*+[^*/])*\*+/$re$, ' ', 'g');
    forbidden text := (regexp_match(
        bare,
        '\m(insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|deny|exec|execute|declare|set|begin|commit|rollback|save|'
        'backup|restore|kill|shutdown|reconfigure|waitfor|dbcc|into|print|raiserror|throw|goto|while|openrowset|opendatasource|'
        'openquery|writetext|updatetext|readtext|use(?!\s+(?:hint|plan)))\M', 'i'))[1];
    rule text;
BEGIN
    rule := CASE
        WHEN trimmed IS NULL OR trimmed = '' THEN 'There is none.'
        WHEN octet_length(trimmed) > 32768 THEN format('It has %s bytes, and 32768 are the limit.', octet_length(trimmed))
        WHEN bare !~* '^\s*(select|with)\M' THEN 'It does not begin with SELECT or WITH.'
        WHEN bare ~ ';' THEN 'It has a semicolon within.'
        WHEN forbidden IS NOT NULL THEN format('It has the word %s.', upper(forbidden))
        WHEN (length(trimmed) - length(replace(trimmed, '{{sources}}', ''))) / length('{{sources}}') > 8 THEN
            'It has {{sources}} more than 8 times.'
        WHEN trimmed ~ '[\x01-\x08\x0b\x0c\x0e-\x1f]' THEN 'It has control characters.'
    END;
    IF rule IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid statement of a metric group',
            DETAIL = rule,
            HINT = 'Give one SELECT, or WITH … SELECT, that changes nothing.';
    END IF;
    RETURN trimmed;
END
$$;
COMMENT ON FUNCTION vitals.check_group_sql(text) IS
'The statement without what surrounds it, if it is one SELECT that changes nothing, as far as can be seen. A guard against accidents. Error: 22023 it is not.';

CREATE FUNCTION vitals.check_group_variants(sql text, variants jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    checked jsonb := '[]';
    variant jsonb;
    rule text;
BEGIN
    IF (sql IS NULL) = (variants IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'metric group needs a statement',
            HINT = 'Give sql, or variants, and not both.';
    END IF;
    variants := coalesce(variants, jsonb_build_array(jsonb_build_object('sql', sql)));
    IF jsonb_typeof(variants) <> 'array' OR jsonb_array_length(variants) NOT BETWEEN 1 AND 10 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'variants must be a JSON array of one to ten objects';
    END IF;
    FOR variant IN SELECT v FROM jsonb_array_elements(variants) AS v LOOP
        rule := CASE
            WHEN jsonb_typeof(variant) <> 'object' THEN 'A variant is an object.'
            WHEN EXISTS (SELECT FROM jsonb_object_keys(variant) AS k WHERE k NOT IN ('sql', 'min_version', 'editions')) THEN
                'A variant has the fields sql, min_version and editions.'
            WHEN jsonb_typeof(variant -> 'sql') IS DISTINCT FROM 'string' THEN 'The field sql is a text.'
            WHEN variant ? 'min_version' AND (jsonb_typeof(variant -> 'min_version') <> 'number'
                OR variant ->> 'min_version' !~ '^[0-9]{1,3}$') THEN
                'The field min_version is a major version, for example 13 for SQL Server 2016.'
            WHEN variant ? 'editions' AND (jsonb_typeof(variant -> 'editions') <> 'array'
                OR jsonb_array_length(variant -> 'editions') > 10
                OR EXISTS (SELECT FROM jsonb_array_elements(variant -> 'editions') AS e
                           WHERE jsonb_typeof(e) <> 'number' OR e #>> '{}' !~ '^[0-9]{1,3}$')) THEN
                'The field editions is an array of numbers, as SERVERPROPERTY(''EngineEdition'') gives them.'
        END;
        IF rule IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'invalid variant of a metric group',
                DETAIL = format('Got %s.', left(variant::text, 200)),
                HINT = rule;
        END IF;
        checked := checked || jsonb_build_array(
            variant || jsonb_build_object('sql', vitals.check_group_sql(variant ->> 'sql')));
    END LOOP;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION vitals.check_group_variants(text, jsonb) IS
'The variants of a metric group, with their statements checked. Error: 22023 bad statement or field.';

CREATE FUNCTION vitals.check_group_metrics(metrics jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    checked jsonb := '[]';
    metric jsonb;
    rule text;
BEGIN
    IF metrics IS NULL OR jsonb_typeof(metrics) <> 'array' OR jsonb_array_length(metrics) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'metrics must be a JSON array of 1 to 100 metrics',
            HINT = 'For example metrics => ''["queue_length", {"name": "jobs_sec", "source": "jobs", "kind": "rate", "unit": "1/s"}]''.';
    END IF;
    FOR metric IN SELECT m FROM jsonb_array_elements(metrics) AS m LOOP
        IF jsonb_typeof(metric) = 'string' THEN
            metric := jsonb_build_object('name', metric);
        END IF;
        rule := CASE
            WHEN jsonb_typeof(metric) <> 'object' THEN 'A metric is a name or an object.'
            WHEN EXISTS (SELECT FROM jsonb_object_keys(metric) AS k
                         WHERE k NOT IN ('name', 'kind', 'source', 'base', 'factor', 'over', 'unit', 'scale', 'description')) THEN
                'A metric has the fields name, source, kind, base, factor, over, unit, scale and description.'
            WHEN EXISTS (SELECT FROM jsonb_each(metric) AS f
                         WHERE jsonb_typeof(f.value) <> CASE WHEN f.key IN ('factor', 'scale') THEN 'number' ELSE 'string' END) THEN
                'The fields factor and scale are numbers, the others texts.'
            WHEN coalesce(metric ->> 'name', '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
                'A name is a lower-case letter, followed by up to 62 lower-case letters, digits and underscores.'
            WHEN coalesce(metric ->> 'kind', 'gauge') NOT IN ('gauge', 'rate', 'delta', 'ratio', 'average') THEN
                'Kinds are gauge, rate, delta, ratio and average.'
            WHEN (coalesce(metric ->> 'kind', 'gauge') IN ('ratio', 'average')) <> (metric ? 'base') THEN
                'Kinds ratio and average have a base, the others none.'
            WHEN coalesce(metric ->> 'over', 'row') NOT IN ('row', 'sum', 'max', 'min', 'count') THEN
                'The field over is row, sum, max, min or count.'
            WHEN metric ->> 'over' IN ('max', 'min') AND coalesce(metric ->> 'kind', 'gauge') NOT IN ('gauge', 'ratio')
                OR metric ->> 'over' = 'count' AND coalesce(metric ->> 'kind', 'gauge') <> 'gauge' THEN
                'Only a gauge is counted, and max and min are for kinds gauge and ratio.'
            WHEN EXISTS (SELECT FROM jsonb_each_text(metric) AS f
                         WHERE f.key IN ('source', 'base') AND (length(f.value) NOT BETWEEN 1 AND 128 OR f.value ~ '[[:cntrl:]]')) THEN
                'The fields source and base are names of columns.'
            WHEN metric ? 'factor' AND (abs((metric ->> 'factor')::numeric) < 1e-15 OR abs((metric ->> 'factor')::numeric) > 1e15) THEN
                'The field factor is a number other than 0.'
            WHEN metric ? 'scale' AND metric ->> 'scale' !~ '^[0-9]$' THEN 'The field scale is a whole number from 0 to 9.'
            WHEN length(metric ->> 'unit') NOT BETWEEN 1 AND 30 OR length(metric ->> 'description') > 1000 THEN
                'A unit has between 1 and 30 characters, a description up to 1000.'
            WHEN EXISTS (SELECT FROM jsonb_array_elements(checked) AS c WHERE c ->> 'name' = metric ->> 'name') THEN
                'Each metric stands there once.'
        END;
        IF rule IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'invalid metric of a metric group',
                DETAIL = format('Got %s.', left(metric::text, 200)),
                HINT = rule;
        END IF;
        checked := checked || jsonb_build_array(
            jsonb_build_object('kind', 'gauge', 'source', metric -> 'name', 'unit',
                               CASE metric ->> 'kind' WHEN 'ratio' THEN '%' WHEN 'rate' THEN '1/s' ELSE '1' END,
                               'scale', 2, 'description', '') || metric);
    END LOOP;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION vitals.check_group_metrics(jsonb) IS
'The metrics of a group as objects, with the defaults. Error: 22023 bad metric.';

CREATE FUNCTION vitals.check_group_columns(columns text[], what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF columns IS NULL OR cardinality(columns) > 8 OR array_position(columns, NULL) IS NOT NULL
        OR EXISTS (SELECT FROM unnest(columns) AS c WHERE length(c) NOT BETWEEN 1 AND 128 OR c ~ '[[:cntrl:]]') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid columns of a metric group',
            DETAIL = format('Got %s for %s.', coalesce(left(columns::text, 200), 'NULL'), what),
            HINT = 'Up to eight names of columns of the result.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.check_group_columns(text[], text) IS 'Raises 22023 unless these can be columns of a result.';

-- The definition as probers read it, from what the user gave.
CREATE FUNCTION vitals.make_metric_group(
    name text, variants jsonb, metrics jsonb, labels text[], key text[], every integer, timeout interval, row_limit integer,
    permission text
) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    longest constant interval := coalesce(nullif(current_setting('vitals.collection_timeout', true), ''), '5s')::interval;
    definition jsonb;
    rule text;
BEGIN
    rule := CASE
        WHEN name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,62}$' THEN
            'A name is a lower-case letter, followed by up to 62 lower-case letters, digits and underscores.'
        WHEN every IS NULL OR every NOT BETWEEN 1 AND 3600 THEN 'every is between 1 and 3600.'
        WHEN row_limit IS NULL OR row_limit NOT BETWEEN 1 AND 1000 THEN 'row_limit is between 1 and 1000.'
        WHEN timeout < interval '100 milliseconds' OR timeout > longest THEN
            'timeout is between 100 milliseconds and vitals.collection_timeout.'
        WHEN length(permission) NOT BETWEEN 1 AND 200 OR permission ~ '[[:cntrl:]]' THEN
            'permission is a text of 1 to 200 characters.'
    END;
    IF rule IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid metric group',
            DETAIL = format('The group is %s.', coalesce(quote_literal(left(name, 100)), 'NULL')),
            HINT = rule;
    END IF;
    PERFORM vitals.check_group_columns(labels, 'labels');
    PERFORM vitals.check_group_columns(key, 'key');
    definition := jsonb_strip_nulls(jsonb_build_object(
        'name', name, 'permission', permission, 'every', every, 'row_limit', row_limit, 'labels', to_jsonb(labels),
        'key', to_jsonb(key), 'timeout_ms', round(extract(epoch FROM timeout) * 1000), 'variants', variants,
        'metrics', (SELECT jsonb_agg(m.metric - '{unit,scale,description}'::text[] ORDER BY m.nr)
                    FROM jsonb_array_elements(metrics) WITH ORDINALITY AS m (metric, nr))));
    IF octet_length(definition::text) > 120000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'metric group is too large',
            DETAIL = format('Its definition has %s bytes, and 120000 are the limit.', octet_length(definition::text));
    END IF;
    RETURN definition;
END
$$;
COMMENT ON FUNCTION vitals.make_metric_group(text, jsonb, jsonb, text[], text[], integer, interval, integer, text) IS
'The definition of a tenant''s own group. Errors: 22023 bad argument, 54000 too large.';

CREATE FUNCTION vitals.find_metric_group_in(tenant vitals.tenants, name text, OUT definition jsonb, OUT description text, OUT metrics jsonb)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    EXECUTE format(
        $sql$SELECT g.definition, g.description,
                (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('unit', t.unit, 'scale', t.scale, 'description', t.description))
                                  || m.metric ORDER BY m.nr)
                 FROM jsonb_array_elements(g.definition -> 'metrics') WITH ORDINALITY AS m (metric, nr)
                 LEFT JOIN %1$I.metric_types AS t ON t.name = m.metric ->> 'name')
         FROM %1$I.metric_groups AS g WHERE g.name = $1$sql$, tenant.schema_name)
        INTO definition, description, metrics USING name;
    IF definition IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'metric group not found',
            DETAIL = format('Tenant "%s" has no metric group %s of its own.', tenant.name,
                            coalesce(quote_literal(left(name, 100)), 'NULL')),
            HINT = 'vitals.metric_groups lists them, with origin user. The others cannot be changed.';
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.find_metric_group_in(vitals.tenants, text) IS 'vitals.find_metric_group as the tenant''s role.';

CREATE FUNCTION vitals.find_metric_group(name text, OUT definition jsonb, OUT description text, OUT metrics jsonb)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.find_metric_group(text) IS
'A group of the caller''s tenant. metrics: with unit, scale and description. Error: PT404 not found.';

-- replaced: the name that stands there already; NULL for a new group.
CREATE FUNCTION vitals.store_metric_group_in(tenant vitals.tenants, definition jsonb, metrics jsonb, description text, replaced text)
RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    most_groups constant integer := 50;
    names constant text[] := ARRAY(SELECT m ->> 'name' FROM jsonb_array_elements(metrics) AS m);
    others bigint;
    taken text;
BEGIN
    -- One at a time, so that no two count and compare what the other one adds.
    EXECUTE format('LOCK TABLE %I.metric_groups IN SHARE ROW EXCLUSIVE MODE', tenant.schema_name);
    EXECUTE format('SELECT count(*) FROM %I.metric_groups AS g WHERE g.name IS DISTINCT FROM $1', tenant.schema_name)
        INTO others USING replaced;
    IF others >= most_groups THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'tenant has too many metric groups',
            DETAIL = format('Tenant "%s" has %s of its own, the most that it can have.', tenant.name, others);
    END IF;
    -- Names of groups and of metrics are one space: metrics_enabled has both. A metric type that no group reads any more, or
    -- that was made for values from elsewhere, may be used if it means the same.
    EXECUTE format(
        $sql$SELECT n.name FROM unnest($1 || ARRAY[$2 ->> 'name']) AS n (name)
         WHERE (SELECT count(*) FROM unnest($1 || ARRAY[$2 ->> 'name']) AS same (name) WHERE same.name = n.name) > 1
             OR n.name IN ('server', 'sysinfo', 'cpu_history', 'session', 'none')
             OR EXISTS (SELECT FROM vitals.metric_group_catalogue AS g WHERE g.name = n.name)
             OR EXISTS (SELECT FROM vitals.metric_catalogue AS c WHERE c.name = n.name)
             OR EXISTS (SELECT FROM %1$I.metric_groups AS g
                        WHERE g.name IS DISTINCT FROM $3
                            AND (g.name = n.name
                                 OR EXISTS (SELECT FROM jsonb_array_elements(g.definition -> 'metrics') AS m WHERE m ->> 'name' = n.name)))
             OR EXISTS (SELECT FROM %1$I.metric_types AS t
                        LEFT JOIN jsonb_array_elements($4) AS m ON m ->> 'name' = t.name
                        WHERE t.name = n.name AND (m IS NULL OR t.unit <> m ->> 'unit' OR t.kind <> m ->> 'kind'))
         LIMIT 1$sql$, tenant.schema_name)
        INTO taken USING names, definition, replaced, metrics;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = 'name of a metric or metric group exists',
            DETAIL = format('The name "%s" is taken.', taken),
            HINT = 'A metric that exists can be used again if no group has it, with the unit and kind that metric_types says.';
    END IF;
    EXECUTE format(
        $sql$INSERT INTO %I.metric_types AS t (name, unit, description, kind, scale)
         SELECT m ->> 'name', m ->> 'unit', m ->> 'description', m ->> 'kind', (m ->> 'scale')::smallint
         FROM jsonb_array_elements($1) AS m
         ON CONFLICT (name) DO UPDATE SET description = excluded.description, scale = excluded.scale$sql$, tenant.schema_name)
        USING metrics;
    EXECUTE format(
        $sql$INSERT INTO %I.metric_groups AS g (name, connector, definition, description) VALUES ($1 ->> 'name', 'mssql', $1, $2)
         ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, description = excluded.description$sql$,
        tenant.schema_name)
        USING definition, coalesce(description, '');
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.store_metric_group_in(vitals.tenants, jsonb, jsonb, text, text) IS
'vitals.store_metric_group as the tenant''s role.';

CREATE FUNCTION vitals.store_metric_group(definition jsonb, metrics jsonb, description text, replaced text) RETURNS void
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.store_metric_group(jsonb, jsonb, text, text) IS
'Writes a group and the metric types of its metrics. Called by vitals.add_metric_group and vitals.alter_metric_group, which check the arguments.';

CREATE FUNCTION vitals.add_metric_group(
    name text,
    sql text DEFAULT NULL,
    metrics jsonb DEFAULT NULL,
    labels text[] DEFAULT '{}',
    description text DEFAULT '',
    every integer DEFAULT 1,
    timeout interval DEFAULT NULL,
    row_limit integer DEFAULT 1000,
    permission text DEFAULT NULL,
    key text[] DEFAULT '{}',
    variants jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    checked constant jsonb := vitals.check_group_metrics(metrics);
BEGIN
    PERFORM vitals.store_metric_group(
        vitals.make_metric_group(name, vitals.check_group_variants(sql, variants), checked, labels, key, every, timeout, row_limit,
                                 permission),
        checked, left(description, 1000), NULL);
    RETURN name;
END
$$;
COMMENT ON FUNCTION vitals.add_metric_group(text, text, jsonb, text[], text, integer, interval, integer, text, text[], jsonb) IS
'Adds metrics of your own to the caller''s tenant: a SELECT that its SQL Servers run, and which columns of the result are metrics. metrics: array of names, or of objects with name, source (the column; by default the name), kind (gauge, rate, delta, ratio, average), base, factor, over (row, sum, max, min, count), unit, scale, description. labels: columns that tell rows apart, up to 8. every: in each n-th cycle. timeout: at most vitals.collection_timeout. row_limit: up to 1000. variants: in place of sql, an array of sql, min_version and editions. Collected by servers whose metrics name the group or its metrics, or are *. Returns the name. Errors: 22023 bad argument, 42710 name exists, 54000 too many.';

CREATE FUNCTION vitals.alter_metric_group(
    name text,
    sql text DEFAULT NULL,
    metrics jsonb DEFAULT NULL,
    labels text[] DEFAULT NULL,
    description text DEFAULT NULL,
    every integer DEFAULT NULL,
    timeout interval DEFAULT NULL,
    row_limit integer DEFAULT NULL,
    permission text DEFAULT NULL,
    key text[] DEFAULT NULL,
    variants jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    before record := vitals.find_metric_group(name);
    checked constant jsonb := vitals.check_group_metrics(coalesce(metrics, before.metrics));
BEGIN
    IF sql IS NULL THEN
        variants := coalesce(variants, before.definition -> 'variants');
    END IF;
    PERFORM vitals.store_metric_group(
        vitals.make_metric_group(
            name, vitals.check_group_variants(sql, variants), checked,
            coalesce(labels, vitals.text_array(before.definition -> 'labels')),
            coalesce(key, vitals.text_array(before.definition -> 'key')),
            coalesce(every, (before.definition ->> 'every')::integer),
            coalesce(timeout, (before.definition ->> 'timeout_ms')::double precision * interval '1 millisecond'),
            coalesce(row_limit, (before.definition ->> 'row_limit')::integer),
            coalesce(permission, before.definition ->> 'permission')),
        checked, left(coalesce(description, before.description), 1000), name);
    RETURN name;
END
$$;
COMMENT ON FUNCTION vitals.alter_metric_group(text, text, jsonb, text[], text, integer, interval, integer, text, text[], jsonb) IS
'Changes what is given (not NULL) of one of the tenant''s own metric groups, by the rules of vitals.add_metric_group; returns its name. metrics replaces all metrics. What is collected under names that are left out stays. Errors: 22023 bad argument, 42710 name exists, 54000 too many, PT404 not found.';

CREATE FUNCTION vitals.remove_metric_group_in(tenant vitals.tenants, name text) RETURNS text
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    used_by text;
BEGIN
    PERFORM vitals.find_metric_group_in(tenant, name);
    EXECUTE format(
        'SELECT min(s.name) FROM %1$I.collection_config AS c JOIN %1$I.servers AS s ON s.id = c.server_id
         WHERE c.metrics_enabled ? $1', tenant.schema_name)
        INTO used_by USING name;
    IF used_by IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = 'metric group is collected',
            DETAIL = format('The metrics of server "%s" name it.', used_by),
            HINT = 'Take it out first with vitals.collection_config_put(server, metrics_enabled => …).';
    END IF;
    EXECUTE format('DELETE FROM %I.metric_groups AS g WHERE g.name = $1', tenant.schema_name) USING name;
    PERFORM vitals.notify_collector();
    RETURN name;
END
$$;
COMMENT ON FUNCTION vitals.remove_metric_group_in(vitals.tenants, text) IS 'vitals.remove_metric_group as the tenant''s role.';

CREATE FUNCTION vitals.remove_metric_group(name text) RETURNS text
LANGUAGE c
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.remove_metric_group(text) IS
'Removes one of the tenant''s own metric groups, and returns its name. Its metric types and what was collected stay. Errors: 55006 the metrics of a server name it, PT404 not found.';
