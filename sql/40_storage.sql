-- Storing what was polled. The collector calls vitals.store_polls once per tenant and turn, as the tenant's owner; a
-- collection becomes one row of server_snapshots. core/poll_record.h describes the batch.

-- In C++: as a query it took longer than storing the collections.
CREATE FUNCTION vitals.older_values(
    old_series integer[], old_vals double precision[], old_at timestamptz, older_series integer[], older_vals double precision[],
    older_times timestamptz[], newer integer[], OUT series integer[], OUT vals double precision[], OUT times timestamptz[])
LANGUAGE c IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_older_values';
COMMENT ON FUNCTION vitals.older_values(integer[], double precision[], timestamptz, integer[], double precision[], timestamptz[], integer[]) IS
'What stays the newest of a server whose newest collection has other series (newer) than the one before: of that one (old_series, old_vals, at old_at) and of what was older then. NULL where nothing does.';

-- The usual case of vitals.merge_latest: one collection more, with other series. Slow groups make two of them in every few cycles.
CREATE FUNCTION vitals.switch_latest(
    tenant_schema name, server_ids uuid[], snapshot_ids uuid[], sets vitals.set_layout[], since timestamptz, until timestamptz)
RETURNS uuid[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    switched record;
BEGIN
    switched := vitals.execute_row(format(
        $sql$WITH new AS MATERIALIZED (
             SELECT n.server_id, n.collected_at, n.id, n.set_key, n.connection_count, n.cpu_percent, n.memory_percent,
                    count(*) OVER (PARTITION BY n.server_id) AS of_server
             FROM %1$I.server_snapshots AS n
             WHERE n.server_id = ANY ($1) AND n.collected_at BETWEEN $4 AND $5 AND n.id = ANY ($2) AND n.set_key IS NOT NULL
         ), pair AS MATERIALIZED (
             SELECT n.*, l.collected_at AS old_at, o.vals AS old_vals, k.series_keys AS old_series, h.series_keys AS new_series,
                    l.older_series, l.older_vals, l.older_times
             FROM new AS n JOIN %1$I.latest_collections AS l USING (server_id)
             -- The limits make them look-ups, whatever the planner knows of the tables.
             LEFT JOIN LATERAL (SELECT s.vals FROM %1$I.server_snapshots AS s
                                WHERE s.server_id = l.server_id AND s.collected_at = l.collected_at AND s.id = l.snapshot_id
                                LIMIT 1) AS o ON true
             LEFT JOIN LATERAL (SELECT s.series_keys FROM %1$I.series_sets AS s WHERE s.set_key = l.set_key LIMIT 1) AS k ON true
             LEFT JOIN LATERAL (SELECT s.series_keys FROM %1$I.series_sets AS s WHERE s.set_key = n.set_key LIMIT 1) AS h ON true
             WHERE n.of_server = 1 AND l.collected_at < n.collected_at AND l.set_key <> n.set_key
         ), switched AS (
             UPDATE %1$I.latest_collections AS l
             SET collected_at = p.collected_at, snapshot_id = p.id, set_key = p.set_key,
                 connection_count = CASE WHEN t.connections IS NULL THEN l.connection_count ELSE p.connection_count END,
                 cpu_percent = CASE WHEN t.cpu IS NULL THEN l.cpu_percent ELSE p.cpu_percent END,
                 memory_percent = CASE WHEN t.memory IS NULL THEN l.memory_percent ELSE p.memory_percent END,
                 (older_series, older_vals, older_times) = (
                     SELECT o.series, o.vals, o.times
                     FROM vitals.older_values(p.old_series, p.old_vals, p.old_at, p.older_series, p.older_vals, p.older_times,
                                              p.new_series) AS o)
             FROM pair AS p JOIN unnest($3) AS t USING (set_key)
             WHERE l.server_id = p.server_id
             RETURNING l.server_id
         )
         SELECT array_agg(server_id) AS server_ids FROM switched$sql$, tenant_schema), server_ids, snapshot_ids, sets, since, until);
    RETURN coalesce(switched.server_ids, '{}');
END
$$;
COMMENT ON FUNCTION vitals.switch_latest(name, uuid[], uuid[], vitals.set_layout[], timestamptz, timestamptz) IS
'vitals.merge_latest for servers that have one snapshot more than before, with other series; returns which those were.';

-- Servers whose newest collection has other series than the one before, or that got an older one: their newest values are
-- put together again, series by series.
CREATE FUNCTION vitals.merge_latest(
    tenant_schema name, server_ids uuid[], snapshot_ids uuid[], sets vitals.set_layout[], since timestamptz, until timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    switched constant uuid[] := vitals.switch_latest(tenant_schema, server_ids, snapshot_ids, sets, since, until);
    rest constant uuid[] := ARRAY(SELECT m.id FROM unnest(server_ids) AS m (id) WHERE m.id <> ALL (switched));
BEGIN
    IF rest = '{}' THEN
        RETURN;
    END IF;
    PERFORM vitals.execute_row(format(
        $sql$WITH candidate AS MATERIALIZED (
             SELECT n.server_id, n.collected_at, n.id AS snapshot_id, n.set_key, n.vals, true AS is_new
             FROM %1$I.server_snapshots AS n
             WHERE n.server_id = ANY ($1) AND n.collected_at BETWEEN $3 AND $4 AND n.id = ANY ($2) AND n.set_key IS NOT NULL
             UNION ALL
             SELECT l.server_id, l.collected_at, l.snapshot_id, l.set_key, s.vals, false
             FROM %1$I.latest_collections AS l
             CROSS JOIN LATERAL (SELECT s.vals FROM %1$I.server_snapshots AS s
                                 WHERE s.server_id = l.server_id AND s.collected_at = l.collected_at AND s.id = l.snapshot_id
                                 LIMIT 1) AS s
             WHERE l.server_id = ANY ($1)
         ), newest AS MATERIALIZED (
             SELECT DISTINCT ON (c.server_id) c.*, k.series_keys
             FROM candidate AS c JOIN %1$I.series_sets AS k USING (set_key)
             ORDER BY c.server_id, c.collected_at DESC, c.is_new DESC
         ), reading AS (
             SELECT c.server_id, v.series_key, c.collected_at::timestamptz, v.value, c.is_new
             FROM candidate AS c JOIN %1$I.series_sets AS k USING (set_key)
             CROSS JOIN unnest(k.series_keys, c.vals) AS v (series_key, value)
             UNION ALL
             SELECT l.server_id, o.series_key, o.collected_at, o.value, false
             FROM %1$I.latest_collections AS l
             CROSS JOIN unnest(l.older_series, l.older_vals, l.older_times) AS o (series_key, value, collected_at)
             WHERE l.server_id = ANY ($1)
         ), latest AS MATERIALIZED (
             SELECT DISTINCT ON (server_id, series_key) * FROM reading
             ORDER BY server_id, series_key, collected_at DESC, is_new DESC
         ), older AS (
             SELECT r.server_id, array_agg(r.series_key) AS series, array_agg(r.value) AS vals,
                    array_agg(r.collected_at) AS times
             FROM latest AS r
             WHERE NOT EXISTS (SELECT FROM newest AS n CROSS JOIN unnest(n.series_keys) AS k (series_key)
                               WHERE n.server_id = r.server_id AND k.series_key = r.series_key)
             GROUP BY r.server_id
         ), shown AS (
             SELECT r.server_id, max(r.value) FILTER (WHERE t.name = 'connection_count') AS connection_count,
                    max(r.value) FILTER (WHERE t.name = 'cpu_percent') AS cpu_percent,
                    max(r.value) FILTER (WHERE t.name = 'memory_percent') AS memory_percent
             FROM latest AS r JOIN %1$I.series AS s USING (series_key) JOIN %1$I.metric_types AS t ON t.id = s.metric_type_id
             WHERE s.instance = ''
             GROUP BY r.server_id
         )
         INSERT INTO %1$I.latest_collections AS l
             (server_id, collected_at, snapshot_id, set_key, connection_count, cpu_percent, memory_percent, older_series,
              older_vals, older_times)
         SELECT n.server_id, n.collected_at, n.snapshot_id, n.set_key, s.connection_count, s.cpu_percent, s.memory_percent,
                o.series, o.vals, o.times
         FROM newest AS n LEFT JOIN shown AS s USING (server_id) LEFT JOIN older AS o USING (server_id)
         ON CONFLICT (server_id) DO UPDATE
         SET collected_at = excluded.collected_at, snapshot_id = excluded.snapshot_id, set_key = excluded.set_key,
             connection_count = excluded.connection_count, cpu_percent = excluded.cpu_percent,
             memory_percent = excluded.memory_percent, older_series = excluded.older_series, older_vals = excluded.older_vals, older_times = excluded.older_times$sql$,
        tenant_schema), rest, snapshot_ids, since, until);
END
$$;
COMMENT ON FUNCTION vitals.merge_latest(name, uuid[], uuid[], vitals.set_layout[], timestamptz, timestamptz) IS
'Brings latest_collections up to date with the snapshots given, for servers whose collections differ in their series or come out of order. Called by vitals.store_snapshots.';

-- Who inserts the first values of a server and has not committed keeps others from beginning its row.
CREATE FUNCTION vitals.begin_latest(
    tenant_schema name, server_ids uuid[], to_merge uuid[], snapshot_ids uuid[], sets vitals.set_layout[], since timestamptz,
    until timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '50ms'
AS $$
BEGIN
    IF server_ids IS NOT NULL THEN
        EXECUTE format(
            $sql$INSERT INTO %1$I.latest_collections
                 (server_id, collected_at, snapshot_id, set_key, connection_count, cpu_percent, memory_percent)
             SELECT DISTINCT ON (n.server_id) n.server_id, n.collected_at, n.id, n.set_key, n.connection_count, n.cpu_percent,
                    n.memory_percent
             FROM %1$I.server_snapshots AS n
             WHERE n.server_id = ANY ($1) AND n.collected_at BETWEEN $3 AND $4 AND n.id = ANY ($2) AND n.set_key IS NOT NULL
             ORDER BY n.server_id, n.collected_at DESC
             ON CONFLICT DO NOTHING$sql$, tenant_schema) USING server_ids, snapshot_ids, since, until;
    END IF;
    IF to_merge IS NOT NULL THEN
        PERFORM vitals.merge_latest(tenant_schema, to_merge, snapshot_ids, sets, since, until);
    END IF;
EXCEPTION WHEN lock_not_available THEN
    RETURN;
END
$$;
COMMENT ON FUNCTION vitals.begin_latest(name, uuid[], uuid[], uuid[], vitals.set_layout[], timestamptz, timestamptz) IS
'Makes the rows of latest_collections of servers that have none, from the snapshots given; to_merge: of those whose snapshots differ in their series. Does not wait for whoever makes one of them: then all follow with a later poll. Called by vitals.store_snapshots.';

CREATE FUNCTION vitals.is_table(tenant_schema name, relation name) RETURNS boolean
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.%I', tenant_schema, relation)) AND c.relkind = 'r')
$$;
COMMENT ON FUNCTION vitals.is_table(name, name) IS
'Whether a relation of a tenant is the table that it was made as, and not gone or a view of its owner''s.';

-- health: also what says how the servers are, and not only the values.
CREATE FUNCTION vitals.store_snapshots(tenant_schema name, batch jsonb, sets vitals.set_layout[], health boolean) RETURNS uuid[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    stored record;
    to_merge record;
    -- The collector waits for nobody: what it cannot show now it will with a later poll. Who inserts values can wait for it.
    if_locked constant text := CASE WHEN health THEN 'SKIP LOCKED' ELSE '' END;
    latest_sql constant text := $sql$, latest_of_new AS (
             INSERT INTO %1$I.latest_collections AS l
                 (server_id, collected_at, snapshot_id, set_key, connection_count, cpu_percent, memory_percent)
             SELECT server_id, collected_at, id, set_key, connection_count, cpu_percent, memory_percent
             FROM latest WHERE server_id NOT IN (SELECT l.server_id FROM %1$I.latest_collections AS l)
             ON CONFLICT (server_id) DO UPDATE
             SET collected_at = excluded.collected_at, snapshot_id = excluded.snapshot_id, set_key = excluded.set_key,
                 connection_count = excluded.connection_count, cpu_percent = excluded.cpu_percent,
                 memory_percent = excluded.memory_percent
         )$sql$;
    health_sql constant text := $sql$, event AS (
             INSERT INTO %1$I.server_events
                 (server_id, happened_at, old_status, new_status, error_class, error_number, message)
             SELECT server_id, collected_at, old_status, p ->> 'status', p #>> '{error,class}',
                    (p #>> '{error,number}')::integer, p #>> '{error,message}'
             -- From what is stored: the collector forgets a server that is switched off, and may read it again before it has stored how it was.
             FROM (SELECT poll.*, coalesce(lag(p ->> 'status') OVER (PARTITION BY server_id ORDER BY nr), st.status, 'unknown') AS old_status
                   FROM poll LEFT JOIN LATERAL (SELECT st.status FROM %1$I.collection_state AS st
                                                WHERE st.server_id = poll.server_id LIMIT 1) AS st ON true) AS e
             WHERE old_status <> p ->> 'status'
             ORDER BY nr
         ), newest AS MATERIALIZED (
             SELECT DISTINCT ON (server_id) server_id, collected_at, p
             FROM poll ORDER BY server_id, nr DESC
         ), new_state AS MATERIALIZED (
             SELECT server_id, p ->> 'status' AS status, collected_at AS status_since,
                    (p ->> 'started_at')::timestamptz AS last_started_at,
                    CASE WHEN (p ->> 'collected')::boolean THEN collected_at END AS last_collected_at,
                    (p ->> 'next_due_at')::timestamptz AS next_due_at, (p ->> 'next_probe_at')::timestamptz AS next_probe_at,
                    (p ->> 'lag_ms')::double precision AS lag_ms, (p ->> 'duration_ms')::double precision AS duration_ms,
                    (p ->> 'consecutive_failures')::integer AS consecutive_failures,
                    p #>> '{error,class}' AS last_error_class, (p #>> '{error,number}')::integer AS last_error_number,
                    p #>> '{error,message}' AS last_error, CASE WHEN p ? 'error' THEN collected_at END AS last_error_at,
                    p -> 'facts' AS facts, (p ->> 'login_ms')::double precision AS login_ms,
                    (p ->> 'query_ms')::double precision AS query_ms, (p ->> 'bytes')::bigint AS bytes,
                    (p ->> 'rows')::bigint AS rows, (p ->> 'round_trips')::integer AS round_trips
             FROM newest
         ), state_of_known AS (
             UPDATE %1$I.collection_state AS st
             SET status = e.status,
                 status_since = CASE WHEN st.status = e.status THEN st.status_since ELSE e.status_since END,
                 last_started_at = coalesce(e.last_started_at, st.last_started_at),
                 last_collected_at = coalesce(e.last_collected_at, st.last_collected_at),
                 next_due_at = e.next_due_at, next_probe_at = e.next_probe_at, lag_ms = coalesce(e.lag_ms, st.lag_ms),
                 duration_ms = coalesce(e.duration_ms, st.duration_ms),
                 consecutive_failures = e.consecutive_failures,
                 last_error_class = e.last_error_class, last_error_number = e.last_error_number,
                 last_error = e.last_error, last_error_at = coalesce(e.last_error_at, st.last_error_at),
                 facts = coalesce(e.facts, st.facts), login_ms = coalesce(e.login_ms, st.login_ms),
                 query_ms = coalesce(e.query_ms, st.query_ms), bytes = coalesce(e.bytes, st.bytes),
                 rows = coalesce(e.rows, st.rows), round_trips = coalesce(e.round_trips, st.round_trips)
             FROM new_state AS e WHERE st.server_id = e.server_id
             RETURNING st.server_id
         ), state_of_new AS (
             INSERT INTO %1$I.collection_state
                 (server_id, status, status_since, last_started_at, last_collected_at, next_due_at, lag_ms, duration_ms,
                  consecutive_failures, last_error_class, last_error_number, last_error, last_error_at, facts, login_ms,
                  query_ms, bytes, rows, round_trips, next_probe_at)
             SELECT server_id, status, status_since, coalesce(last_started_at, status_since), last_collected_at, next_due_at,
                    coalesce(lag_ms, 0), coalesce(duration_ms, 0), consecutive_failures, last_error_class,
                    last_error_number, last_error, last_error_at, facts, login_ms, query_ms, bytes, rows, round_trips,
                    next_probe_at
             FROM new_state WHERE server_id NOT IN (SELECT server_id FROM state_of_known)
             ON CONFLICT DO NOTHING
         ), group_state AS (
             INSERT INTO %1$I.collection_groups AS g (server_id, groups)
             SELECT DISTINCT ON (server_id) server_id, p -> 'groups' FROM poll WHERE p ? 'groups' ORDER BY server_id, nr DESC
             -- A collector does not know what its predecessor saw.
             ON CONFLICT (server_id) DO UPDATE
             SET groups = (SELECT jsonb_object_agg(e.key, jsonb_build_object('ok_at', g.groups #> ARRAY[e.key, 'ok_at']) || e.value)
                           FROM jsonb_each(excluded.groups) AS e)
         )$sql$;
    server_sql constant text := $sql$, free_server AS (
             SELECT s.id FROM %1$I.servers AS s WHERE s.id IN (SELECT server_id FROM newest)
             FOR NO KEY UPDATE SKIP LOCKED
         ), server AS (
             UPDATE %1$I.servers AS s
             SET status = n.p ->> 'status', last_error = n.p #>> '{error,message}',
                 last_seen_at = CASE WHEN (n.p ->> 'collected')::boolean THEN n.collected_at ELSE s.last_seen_at END
             FROM newest AS n, free_server AS f
             WHERE s.id = n.server_id AND f.id = n.server_id
         )$sql$;
    config_sql constant text := $sql$, free_config AS (
             SELECT c.server_id FROM %1$I.collection_config AS c
             WHERE c.server_id IN (SELECT server_id FROM newest WHERE (p ->> 'collected')::boolean)
             FOR NO KEY UPDATE SKIP LOCKED
         ), config AS (
             UPDATE %1$I.collection_config AS c SET last_collected_at = n.collected_at
             FROM newest AS n, free_config AS f
             WHERE c.server_id = n.server_id AND f.server_id = n.server_id
         )$sql$;
BEGIN
    stored := vitals.execute_row(format(
        $sql$WITH vector AS MATERIALIZED (
             -- Without the text of the values, which everything below would have copied and sorted several times.
             SELECT e.nr, e.p - 'vals' AS p, s.id AS server_id, (e.p ->> 'collected_at')::timestamptz(3) AS collected_at,
                    t.set_key, t.cpu, t.memory, t.connections,
                    vitals.pick_values((e.p ->> 'vals')::double precision[], t.positions, t.scales) AS vals
             FROM jsonb_array_elements($1 -> 'polls') WITH ORDINALITY AS e (p, nr)
             CROSS JOIN LATERAL (SELECT s.id FROM %1$I.servers AS s WHERE s.id = (e.p ->> 'server_id')::uuid LIMIT 1) AS s
             LEFT JOIN unnest($2) AS t ON t.set_nr = (e.p ->> 'set')::integer
         ), poll AS MATERIALIZED (
             SELECT v.nr, v.p, v.server_id, v.collected_at FROM vector AS v
         ), stored AS (
             INSERT INTO %1$I.server_snapshots
                 (server_id, collected_at, set_key, interval_ms, duration_ms, connection_count, status, cpu_percent,
                  memory_percent, vals)
             SELECT server_id, collected_at, set_key, round((p ->> 'interval_ms')::numeric)::integer,
                    round((p ->> 'duration_ms')::numeric)::integer, vals[connections]::integer, p ->> 'status',
                    vals[cpu]::numeric, vals[memory]::numeric, vals
             FROM vector ORDER BY nr
             RETURNING id, server_id, collected_at, set_key, connection_count, cpu_percent, memory_percent
         ), to_merge AS MATERIALIZED (
             SELECT n.server_id
             FROM stored AS n
             LEFT JOIN LATERAL (SELECT l.set_key, l.collected_at FROM %1$I.latest_collections AS l
                                WHERE l.server_id = n.server_id LIMIT 1) AS l ON true
             WHERE n.set_key IS NOT NULL
             GROUP BY n.server_id
             HAVING count(DISTINCT n.set_key) > 1 OR bool_or(l.set_key <> n.set_key OR l.collected_at > n.collected_at)
         ), latest AS MATERIALIZED (
             SELECT DISTINCT ON (n.server_id) n.*
             FROM stored AS n
             WHERE n.set_key IS NOT NULL AND n.server_id NOT IN (SELECT server_id FROM to_merge)
             ORDER BY n.server_id, n.collected_at DESC
         ), free_latest AS (
             SELECT l.server_id FROM %1$I.latest_collections AS l WHERE l.server_id IN (SELECT server_id FROM latest)
             FOR NO KEY UPDATE %2$s
         ), latest_of_known AS (
             UPDATE %1$I.latest_collections AS l
             SET collected_at = n.collected_at, snapshot_id = n.id, set_key = n.set_key,
                 connection_count = n.connection_count, cpu_percent = n.cpu_percent, memory_percent = n.memory_percent
             FROM latest AS n, free_latest AS f WHERE l.server_id = n.server_id AND f.server_id = n.server_id
         )$sql$
            || CASE WHEN health THEN health_sql ELSE latest_sql END
            || CASE WHEN health AND vitals.is_table(tenant_schema, 'servers') THEN server_sql ELSE '' END
            || CASE WHEN health AND vitals.is_table(tenant_schema, 'collection_config') THEN config_sql ELSE '' END || $sql$
         SELECT array_agg(id) AS ids, min(collected_at) AS first_time, max(collected_at) AS last_time,
                (SELECT array_agg(server_id) FROM to_merge) AS to_merge,
                (SELECT array_agg(n.server_id) FROM latest AS n
                 WHERE (SELECT l.server_id FROM %1$I.latest_collections AS l WHERE l.server_id = n.server_id LIMIT 1) IS NULL) AS to_begin
         FROM stored$sql$, tenant_schema, if_locked), batch, sets);
    SELECT stored.to_merge AS known, NULL::uuid[] AS to_begin INTO to_merge;
    IF stored.to_merge IS NOT NULL AND health THEN
        to_merge := vitals.execute_row(format(
            $sql$WITH free AS MATERIALIZED (
                 SELECT l.server_id FROM %1$I.latest_collections AS l WHERE l.server_id = ANY ($1)
                 FOR NO KEY UPDATE SKIP LOCKED
             )
             SELECT array_agg(m.id) FILTER (WHERE m.id IN (SELECT server_id FROM free)) AS known,
                    array_agg(m.id) FILTER (WHERE (SELECT l.server_id FROM %1$I.latest_collections AS l
                                                   WHERE l.server_id = m.id LIMIT 1) IS NULL) AS to_begin
             FROM unnest($1) AS m (id)$sql$, tenant_schema), stored.to_merge);
    END IF;
    IF health AND (stored.to_begin IS NOT NULL OR to_merge.to_begin IS NOT NULL) THEN
        PERFORM vitals.begin_latest(tenant_schema, stored.to_begin, to_merge.to_begin, stored.ids, sets, stored.first_time, stored.last_time);
    END IF;
    IF to_merge.known IS NOT NULL THEN
        PERFORM vitals.merge_latest(tenant_schema, to_merge.known, stored.ids, sets, stored.first_time, stored.last_time);
    END IF;
    RETURN stored.ids;
END
$$;
COMMENT ON FUNCTION vitals.store_snapshots(name, jsonb, vitals.set_layout[], boolean) IS
'Writes the rows of a batch whose partitions are there; returns their ids. sets: what vitals.add_sets found its sets to be. health: also states, events and what servers and collection_config show of them. Called by vitals.store_rows.';

-- A batch has a few of the servers, and none of its joins is to read the tables of all, however small they are or were when the
-- statement was planned: these settings, and limits in the statements, make the planner look rows up. The settings make what has to read a
-- whole table seem expensive enough to be compiled, hence no JIT.
CREATE FUNCTION vitals.store_rows(tenant_schema name, batch jsonb, health boolean DEFAULT true) RETURNS uuid[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET enable_hashjoin TO off
SET enable_seqscan TO off
SET random_page_cost TO 0.1
SET jit TO off
AS $$
DECLARE
    sets constant vitals.set_layout[] := vitals.add_sets(tenant_schema, batch);
    at timestamptz;
BEGIN
    BEGIN
        RETURN vitals.store_snapshots(tenant_schema, batch, sets, health);
    EXCEPTION WHEN check_violation THEN
        -- Looking for the partitions beforehand would cost every batch what one in a month needs.
        FOR at IN
            SELECT DISTINCT (p ->> 'collected_at')::timestamptz(3) FROM jsonb_array_elements(batch -> 'polls') AS p
        LOOP
            PERFORM vitals.ensure_partition(tenant_schema, at);
        END LOOP;
    END;
    RETURN vitals.store_snapshots(tenant_schema, batch, sets, health);
END
$$;
COMMENT ON FUNCTION vitals.store_rows(name, jsonb, boolean) IS
'Stores a batch of polls (core/poll_record.h) of one tenant, makes the partitions it lacks, and returns the ids of the new rows of server_snapshots. Polls of servers that are gone are left out.';

CREATE FUNCTION vitals.notify_wanted(tenant_schema name) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    wanted boolean;
BEGIN
    EXECUTE format('SELECT s.notify FROM %I.settings AS s LIMIT 1', tenant_schema) INTO wanted;
    RETURN coalesce(wanted, current_setting('vitals.notify')::boolean);
EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION vitals.notify_wanted(name) IS
'Whether each collection of a tenant is announced: its settings.notify, else the setting vitals.notify.';

CREATE FUNCTION vitals.notify_listeners(tenant_schema name, batch jsonb, ids uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    -- A notification has less than 8000 bytes.
    most_bytes constant integer := 7999;
    channel constant text := 'vitals_' || substr(tenant_schema, length('tenant_') + 1);
    snapshot record;
    payload text;
BEGIN
    -- A full queue would fail the commit. It is full when a session listens and never looks.
    IF pg_notification_queue_usage() > 0.5 THEN
        RETURN;
    END IF;
    FOR snapshot IN EXECUTE format(
        $sql$SELECT n.id, n.server_id, left(s.name, 200) AS name, n.collected_at, n.status, p -> 'error' AS error, m.metrics
         FROM jsonb_array_elements($1 -> 'polls') AS p
         JOIN %1$I.server_snapshots AS n ON n.server_id = (p ->> 'server_id')::uuid
             AND n.collected_at = (p ->> 'collected_at')::timestamptz(3) AND n.id = ANY ($2)
         JOIN %1$I.servers AS s ON s.id = n.server_id
         LEFT JOIN %1$I.metric_snapshots AS m
             ON m.server_id = n.server_id AND m.collected_at = n.collected_at AND m.id = n.id$sql$, tenant_schema)
        USING batch, ids
    LOOP
        payload := json_build_object(
            'id', snapshot.id, 'server_id', snapshot.server_id, 'server', snapshot.name, 'collected_at', snapshot.collected_at,
            'status', snapshot.status, 'error', snapshot.error, 'metrics', snapshot.metrics);
        IF octet_length(payload) > most_bytes THEN
            payload := json_build_object(
                'id', snapshot.id, 'server_id', snapshot.server_id, 'server', snapshot.name,
                'collected_at', snapshot.collected_at, 'status', snapshot.status, 'error', snapshot.error, 'cut', true,
                'metrics', (SELECT json_object_agg(m.key, m.value) FROM json_each(snapshot.metrics) AS m
                            WHERE json_typeof(m.value) <> 'object'));
        END IF;
        IF octet_length(payload) > most_bytes THEN
            payload := json_build_object(
                'id', snapshot.id, 'server_id', snapshot.server_id, 'collected_at', snapshot.collected_at,
                'status', snapshot.status, 'cut', true);
        END IF;
        PERFORM pg_notify(channel, payload);
    END LOOP;
-- Whatever the tenant made of its relations: what was stored stays stored.
EXCEPTION WHEN OTHERS THEN
    RETURN;
END
$$;
COMMENT ON FUNCTION vitals.notify_listeners(name, jsonb, uuid[]) IS
'Announces stored collections on the channel vitals_<tenant>: id, server_id, server, collected_at, status, error and metrics as one JSON object each. One that is too long for a notification has "cut": true, and of its metrics only those without instances, or none; metric_snapshots has all under its id. Nothing is sent while the server''s notification queue is more than half full. Never fails.';

CREATE FUNCTION vitals.store_each(
    tenant_schema name, batch jsonb, OUT ids uuid[], OUT rejected integer, OUT reason text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    poll jsonb;
BEGIN
    rejected := 0;
    BEGIN
        ids := vitals.store_rows(tenant_schema, batch);
    -- raise_exception: what a trigger of the tenant says without a code of its own.
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
        -- One of them is poison; find it, so that it costs the others nothing.
        FOR poll IN SELECT jsonb_array_elements(batch -> 'polls') LOOP
            BEGIN
                ids := ids || vitals.store_rows(tenant_schema, batch || jsonb_build_object('polls', jsonb_build_array(poll)));
            EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
                rejected := rejected + 1;
                reason := SQLERRM;
            END;
        END LOOP;
    END;
END
$$;
COMMENT ON FUNCTION vitals.store_each(name, jsonb) IS
'Stores a batch of polls of one tenant like vitals.store_rows, but sets those aside that cannot be stored: rejected counts them, reason is the last one''s message. Called by vitals.store_polls.';

CREATE FUNCTION vitals.store_polls(
    tenant_schema name, batch jsonb, notify boolean DEFAULT false, OUT stored integer, OUT rejected integer, OUT reason text,
    OUT known text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[];
BEGIN
    BEGIN
        SELECT e.ids, e.rejected, e.reason INTO ids, rejected, reason FROM vitals.store_each(tenant_schema, batch) AS e;
    EXCEPTION WHEN SQLSTATE 'VT001' THEN
        RETURN;
    END;
    stored := coalesce(cardinality(ids), 0);
    known := vitals.known_hashes(tenant_schema, batch);
    IF notify AND stored > 0 THEN
        PERFORM vitals.notify_listeners(tenant_schema, batch, ids);
    END IF;
END
$$;
COMMENT ON FUNCTION vitals.store_polls(name, jsonb, boolean) IS
'Stores a batch of polls of one tenant, but sets those aside that cannot be stored: stored and rejected count rows, reason is the last rejection''s message, known has the hashes of those of its sets that need no names from now on, with commas between them. Nothing is stored and all are NULL if the batch has hashes of sets that known_sets does not have: then it is wanted again with all names. notify: tells who listens, see vitals.notify_listeners.';
