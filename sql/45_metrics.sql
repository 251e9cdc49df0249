-- Values from elsewhere: what inserting into a tenant's view metrics does. Called by the view's trigger with the rights of
-- whoever inserts.

CREATE FUNCTION vitals.insert_metric(
    tenant_schema name, server_id uuid, metric_type_id uuid, INOUT value numeric, INOUT collected_at timestamptz,
    instance text, OUT id uuid)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    metric record;
    name_now text;
    series_key integer;
    snapshots uuid[];
BEGIN
    IF value IS NULL OR value IN ('NaN', 'Infinity', '-Infinity') OR abs(value) >= 1e308 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'value must be a finite number',
            DETAIL = format('Got %s.', coalesce(left(value::text, 50), 'NULL'));
    END IF;
    instance := coalesce(instance, '');
    -- Whoever is renaming the metric is waited for, so that its name is read after that.
    PERFORM vitals.make_series(tenant_schema, ARRAY[metric_type_id], ARRAY[instance]);
    EXECUTE format('SELECT t.name, t.scale FROM %I.metric_types AS t WHERE t.id = $1', tenant_schema)
        INTO metric USING metric_type_id;
    IF metric.name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = 'unknown metric type',
            DETAIL = format('No row of %I.metric_types has the id %s.', tenant_schema, coalesce(metric_type_id::text, 'NULL'));
    END IF;
    value := round(value, metric.scale);
    collected_at := date_trunc('milliseconds', coalesce(collected_at, now()));
    -- It would be the newest value until that day comes.
    IF collected_at > clock_timestamp() + interval '1 day' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'collected_at must not be in the future',
            DETAIL = format('Got %s.', collected_at),
            HINT = 'Up to one day is taken for a clock that is wrong.';
    END IF;
    snapshots := vitals.store_rows(
        tenant_schema,
        jsonb_build_object(
            'sets', jsonb_build_array(jsonb_build_array(jsonb_build_array(metric.name, instance))),
            'polls', jsonb_build_array(jsonb_build_object(
                'server_id', server_id, 'collected_at', collected_at, 'status', 'unknown', 'set', 0,
                'vals', ARRAY[value]::text))),
        false);
    IF snapshots IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = 'unknown server',
            DETAIL = format('No row of %I.servers has the id %s.', tenant_schema, coalesce(server_id::text, 'NULL'));
    END IF;
    -- In the very set that was stored: what has the name now may be another metric.
    EXECUTE format(
        $sql$SELECT s.series_key
             FROM %1$I.series AS s, %1$I.server_snapshots AS n
             CROSS JOIN LATERAL (SELECT k.series_keys FROM %1$I.series_sets AS k WHERE k.set_key = n.set_key LIMIT 1) AS k
             WHERE s.metric_type_id = $1 AND s.instance = $2 AND n.server_id = $3 AND n.collected_at = $4 AND n.id = $5
                 AND s.series_key = ANY (k.series_keys)$sql$, tenant_schema)
        INTO series_key USING metric_type_id, instance, server_id, collected_at, snapshots[1];
    IF series_key IS NULL THEN
        EXECUTE format('SELECT t.name FROM %I.metric_types AS t WHERE t.id = $1', tenant_schema) INTO name_now USING metric_type_id;
        -- Not tried again here: a subtransaction for each value would cost those most who insert many.
        IF name_now IS DISTINCT FROM metric.name THEN
            RAISE EXCEPTION USING
                ERRCODE = 'serialization_failure',
                MESSAGE = 'metric was renamed meanwhile',
                DETAIL = format('"%s" is called "%s" now.', metric.name, name_now),
                HINT = 'Repeat the transaction.';
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = 'tenant has too many series',
            DETAIL = format('%I takes no more instances of metrics.', tenant_schema);
    END IF;
    id := encode(overlay(uuid_send(snapshots[1]) placing int4send(series_key) from 13), 'hex')::uuid;
END
$$;
COMMENT ON FUNCTION vitals.insert_metric(name, uuid, uuid, numeric, timestamptz, text) IS
'Stores a value that was not collected: rounded, and with the newest values brought up to date. Returns what the row of metrics is: its id, rounded value and time. Errors: 22023 no finite number, or more than a day in the future, 23503 unknown server or metric type, 54000 too many series, 40001 the metric was renamed while its value was stored: repeat.';
