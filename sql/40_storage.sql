-- Storing what was polled. The collector calls vitals.store_polls once per tenant and turn, as the tenant's owner; a
-- collection becomes one row of server_snapshots.

CREATE FUNCTION vitals.store_rows(tenant_schema name, polls jsonb) RETURNS integer
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_series constant bigint := 100000;
    month timestamptz;
    stored integer;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', (p ->> 'collected_at')::timestamptz(3), 'UTC')
        FROM jsonb_array_elements(polls) AS p
    LOOP
        PERFORM vitals.ensure_partition(tenant_schema, month);
    END LOOP;

    -- Only what has a metric type counts: a prober cannot make new ones. Instances it can make up, hence the limit; what
    -- is beyond it is left out.
    EXECUTE format(
        $sql$WITH new_series AS MATERIALIZED (
             SELECT DISTINCT t.metric_key, coalesce(v ->> 2, '') AS instance
             FROM jsonb_array_elements($1) AS p, jsonb_array_elements(p -> 'values') AS v
             JOIN %1$I.metric_types AS t ON t.name = v ->> 0
             WHERE jsonb_typeof(v) = 'array'
                 AND NOT EXISTS (SELECT FROM %1$I.series AS s
                                 WHERE s.metric_key = t.metric_key AND s.instance = coalesce(v ->> 2, ''))
         )
         INSERT INTO %1$I.series (metric_key, instance)
         SELECT metric_key, instance FROM new_series
         LIMIT CASE WHEN EXISTS (SELECT FROM new_series)
                    THEN greatest($2 - (SELECT count(*) FROM %1$I.series), 0) ELSE 0 END
         ON CONFLICT DO NOTHING$sql$, tenant_schema) USING polls, most_series;

    EXECUTE format(
        $sql$WITH poll AS MATERIALIZED (
             SELECT nr, p, (p ->> 'server_key')::integer AS server_key,
                    (p ->> 'collected_at')::timestamptz(3) AS collected_at
             FROM jsonb_array_elements($1) WITH ORDINALITY AS elements (p, nr)
             WHERE EXISTS (SELECT FROM %1$I.servers AS s WHERE s.server_key = (p ->> 'server_key')::integer)
         ), reading AS MATERIALIZED (
             SELECT DISTINCT ON (poll.nr, s.series_key) poll.nr, s.series_key, t.name, s.instance,
                    -- From jsonb and not from text: no "NaN", no "Infinity".
                    round(nullif(v -> 1, 'null')::numeric, t.scale)::double precision AS value
             FROM poll, jsonb_array_elements(p -> 'values') WITH ORDINALITY AS v (v, position)
             JOIN %1$I.metric_types AS t ON t.name = v ->> 0
             JOIN %1$I.series AS s ON s.metric_key = t.metric_key AND s.instance = coalesce(v ->> 2, '')
             WHERE jsonb_typeof(v) = 'array'
             ORDER BY poll.nr, s.series_key, v.position DESC
         ), vector AS MATERIALIZED (
             SELECT nr, array_agg(series_key ORDER BY series_key) AS series_keys,
                    array_agg(value ORDER BY series_key) AS vals,
                    max(value) FILTER (WHERE name = 'cpu_percent' AND instance = '') AS cpu_percent,
                    max(value) FILTER (WHERE name = 'memory_percent' AND instance = '') AS memory_percent,
                    max(value) FILTER (WHERE name = 'connection_count' AND instance = '') AS connection_count
             FROM reading GROUP BY nr
         ), new_set AS (
             INSERT INTO %1$I.series_sets (series_keys, hash)
             SELECT DISTINCT ON (series_keys) series_keys, md5(series_keys::text)::uuid FROM vector
             WHERE NOT EXISTS (SELECT FROM %1$I.series_sets AS k WHERE k.hash = md5(vector.series_keys::text)::uuid)
             RETURNING set_key, hash
         ), known_set AS (
             SELECT set_key, hash FROM new_set
             UNION ALL
             SELECT k.set_key, k.hash FROM %1$I.series_sets AS k
             WHERE k.hash IN (SELECT md5(series_keys::text)::uuid FROM vector)
         ), latest AS (
             INSERT INTO %1$I.server_latest AS l (server_key, series_key, collected_at, value)
             SELECT DISTINCT ON (poll.server_key, reading.series_key)
                    poll.server_key, reading.series_key, poll.collected_at, reading.value
             FROM reading JOIN poll USING (nr)
             ORDER BY poll.server_key, reading.series_key, poll.collected_at DESC
             ON CONFLICT (server_key, series_key) DO UPDATE
             SET collected_at = excluded.collected_at, value = excluded.value
             WHERE excluded.collected_at >= l.collected_at
         ), event AS (
             INSERT INTO %1$I.server_events
                 (server_key, happened_at, old_status, new_status, error_class, error_number, message)
             SELECT server_key, collected_at, p ->> 'old_status', p ->> 'status', p #>> '{error,class}',
                    (p #>> '{error,number}')::integer, p #>> '{error,message}'
             FROM poll WHERE p ->> 'old_status' <> p ->> 'status'
             ORDER BY nr
         ), state AS (
             INSERT INTO %1$I.collection_state AS st
                 (server_key, status, status_since, last_started_at, last_collected_at, next_due_at, lag_ms, duration_ms,
                  consecutive_failures, last_error_class, last_error_number, last_error, last_error_at, facts)
             SELECT DISTINCT ON (server_key)
                    server_key, p ->> 'status', collected_at, (p ->> 'started_at')::timestamptz,
                    CASE WHEN (p ->> 'collected')::boolean THEN collected_at END,
                    (p ->> 'next_due_at')::timestamptz, (p ->> 'lag_ms')::double precision,
                    (p ->> 'duration_ms')::double precision, (p ->> 'consecutive_failures')::integer,
                    p #>> '{error,class}', (p #>> '{error,number}')::integer, p #>> '{error,message}',
                    CASE WHEN p ? 'error' THEN collected_at END, p -> 'facts'
             FROM poll ORDER BY server_key, nr DESC
             ON CONFLICT (server_key) DO UPDATE
             SET status = excluded.status,
                 status_since = CASE WHEN st.status = excluded.status THEN st.status_since ELSE excluded.status_since END,
                 last_started_at = excluded.last_started_at,
                 last_collected_at = coalesce(excluded.last_collected_at, st.last_collected_at),
                 next_due_at = excluded.next_due_at, lag_ms = excluded.lag_ms, duration_ms = excluded.duration_ms,
                 consecutive_failures = excluded.consecutive_failures,
                 last_error_class = excluded.last_error_class, last_error_number = excluded.last_error_number,
                 last_error = excluded.last_error, last_error_at = coalesce(excluded.last_error_at, st.last_error_at),
                 facts = coalesce(excluded.facts, st.facts)
         )
         INSERT INTO %1$I.server_snapshots
             (collected_at, server_key, set_key, interval_ms, duration_ms, connection_count, cpu_percent, memory_percent,
              status, vals)
         SELECT poll.collected_at, poll.server_key, known_set.set_key, round((p ->> 'interval_ms')::numeric)::integer,
                round((p ->> 'duration_ms')::numeric)::integer, vector.connection_count, vector.cpu_percent,
                vector.memory_percent, p ->> 'status', vector.vals
         FROM poll
         LEFT JOIN vector USING (nr)
         LEFT JOIN known_set ON known_set.hash = md5(vector.series_keys::text)::uuid$sql$, tenant_schema) USING polls;
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION vitals.store_rows(name, jsonb) IS
'Stores polls (a JSON array, see core/poll_record.h) of one tenant; returns how many rows of server_snapshots were written. Polls of servers that are gone are left out.';

CREATE FUNCTION vitals.store_polls(
    tenant_schema name, polls jsonb, OUT stored integer, OUT rejected integer, OUT reason text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    poll jsonb;
BEGIN
    rejected := 0;
    BEGIN
        stored := vitals.store_rows(tenant_schema, polls);
        RETURN;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        stored := 0;
    END;
    -- One of them is poison; find it, so that it costs the others nothing.
    FOR poll IN SELECT jsonb_array_elements(polls) LOOP
        BEGIN
            stored := stored + vitals.store_rows(tenant_schema, jsonb_build_array(poll));
        EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
            rejected := rejected + 1;
            reason := SQLERRM;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.store_polls(name, jsonb) IS
'Stores polls of one tenant like vitals.store_rows, but sets those aside that cannot be stored: stored and rejected count rows, reason is the last rejection''s message.';

CREATE FUNCTION vitals.maintain_tenant(tenant_schema name) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    written_by_collector name;
BEGIN
    FOR month IN 0..2 LOOP
        PERFORM vitals.ensure_partition(tenant_schema, now() + month * interval '1 month');
    END LOOP;
    EXECUTE format(
        $sql$DELETE FROM %1$I.server_events AS e
         USING (SELECT event_key, row_number() OVER (PARTITION BY server_key ORDER BY event_key DESC) AS age
                FROM %1$I.server_events) AS aged
         WHERE aged.event_key = e.event_key AND aged.age > 1000$sql$, tenant_schema);
    FOREACH written_by_collector IN ARRAY ARRAY['collection_state', 'server_latest', 'server_events'] LOOP
        EXECUTE format($sql$DELETE FROM %1$I.%2$I AS w
                        WHERE NOT EXISTS (SELECT FROM %1$I.servers AS s WHERE s.server_key = w.server_key)$sql$,
                       tenant_schema, written_by_collector);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.maintain_tenant(name) IS
'Keeps a tenant in order: partitions for this and the next two months (UTC), the newest 1000 events of each server, nothing of servers that are gone but their history. Called by the collector every hour.';
