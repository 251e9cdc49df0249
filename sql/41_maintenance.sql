-- What the collector does every hour to keep the rows of a tenant in order.

-- A collection lies in the partition of its time, and was stored on used_on of its set, or at most four days after. Its time is
-- not ahead of that by more than a day: vitals.insert_metric refuses it, and the collector has the same clock. So a set that was not
-- used since a week before the oldest partition begins has no collection, however late one came: that of an old time has
-- its partition, which is the oldest then. A restored dump has the days that it was dumped with, and the partitions; a
-- clock that was ahead left days that keep a set for longer. Nobody looks into server_snapshots for it: it has no index on set_key,
-- and may have billions of rows.
CREATE FUNCTION vitals.used_before(tenant_schema name) RETURNS date
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT (least(min(p.lower_bound), clock_timestamp()) AT TIME ZONE 'UTC')::date - 7
    FROM vitals.partitions_of(tenant_schema) AS p
    -- One without a lower bound, or that is detached just now, may have any.
    HAVING bool_and(p.lower_bound IS NOT NULL)
        AND count(*) = (SELECT count(*) FROM pg_inherits AS i
                        WHERE i.inhparent = to_regclass(format('%I.server_snapshots', tenant_schema)))
$$;
COMMENT ON FUNCTION vitals.used_before(name) IS
'The day (UTC) since which a set of series was used if a partition of tenant_schema.server_snapshots can have a collection of it; NULL where that is not known. Called by vitals.prune_sets.';

CREATE FUNCTION vitals.useless_sets(tenant_schema name, most integer) RETURNS integer[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    set_keys integer[];
BEGIN
    EXECUTE format(
        $sql$SELECT array_agg(u.set_key)
         FROM (SELECT k.set_key FROM %1$I.series_sets AS k
               WHERE k.used_on < $1 AND k.set_key NOT IN (SELECT l.set_key FROM %1$I.latest_collections AS l)
               LIMIT $2) AS u$sql$, tenant_schema)
        INTO set_keys USING vitals.used_before(tenant_schema), most;
    RETURN set_keys;
END
$$;
COMMENT ON FUNCTION vitals.useless_sets(name, integer) IS
'Sets of series that no stored collection can have, no more than most; NULL if there are none. Called by vitals.prune_sets.';

-- Those that something was removed of are looked at at once. All of a large tenant would take seconds.
CREATE FUNCTION vitals.some_keys(tenant_schema name, relation name, key name, most integer) RETURNS integer[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    keys integer[];
BEGIN
    EXECUTE format(
        $sql$WITH place AS MATERIALIZED (SELECT floor(random() * max(r.%3$I))::integer AS key FROM %1$I.%2$I AS r)
         SELECT array_agg(k.key)
         FROM ((SELECT r.%3$I AS key FROM %1$I.%2$I AS r WHERE r.%3$I >= (SELECT p.key FROM place AS p) ORDER BY 1 LIMIT $1)
               UNION ALL
               (SELECT r.%3$I AS key FROM %1$I.%2$I AS r WHERE r.%3$I < (SELECT p.key FROM place AS p) ORDER BY 1 LIMIT $1)
               LIMIT $1) AS k$sql$, tenant_schema, relation, key)
        INTO keys USING most;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION vitals.some_keys(name, name, name, integer) IS
'Keys of a relation of a tenant, all or as many as most from a place that differs each time; NULL if it is empty. Called by vitals.prune_sets.';

CREATE FUNCTION vitals.useless_parts(tenant_schema name, part_keys integer[]) RETURNS integer[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_members constant bigint := 50000;
    useless integer[];
BEGIN
    EXECUTE format(
        $sql$SELECT array_agg(u.part_key)
         FROM (SELECT k.part_key, sum(cardinality(k.series_keys)) OVER (ORDER BY k.part_key) - cardinality(k.series_keys) AS members_before
               FROM %1$I.series_parts AS k
               WHERE k.part_key = ANY ($1)
                   -- The limit makes it a look-up, whatever the planner knows of the tables.
                   AND (SELECT p.set_key FROM %1$I.set_parts AS p WHERE p.part_key = k.part_key LIMIT 1) IS NULL) AS u
         WHERE u.members_before < $2$sql$, tenant_schema)
        INTO useless USING part_keys, most_members;
    RETURN useless;
END
$$;
COMMENT ON FUNCTION vitals.useless_parts(name, integer[]) IS
'Those of the parts given that no set of series has, up to the one with which they have 50000 members; NULL if there are none. Called by vitals.prune_sets.';

CREATE FUNCTION vitals.useless_series(tenant_schema name, series_keys integer[]) RETURNS integer[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    useless integer[];
BEGIN
    EXECUTE format(
        $sql$SELECT array_agg(s.series_key)
         FROM %1$I.series AS s
         WHERE s.series_key = ANY ($1)
             -- The limit makes it a look-up, whatever the planner knows of the tables.
             AND (SELECT m.part_key FROM %1$I.part_members AS m
                  WHERE m.metric_type_id = s.metric_type_id AND m.series_key = s.series_key LIMIT 1) IS NULL
             AND s.series_key NOT IN (SELECT o.series_key FROM %1$I.latest_collections AS l, unnest(l.older_series) AS o (series_key)
                                      WHERE o.series_key IS NOT NULL)$sql$, tenant_schema)
        INTO useless USING series_keys;
    RETURN useless;
END
$$;
COMMENT ON FUNCTION vitals.useless_series(name, integer[]) IS
'Those of the series given that neither a part of a set nor latest_collections has; NULL if there are none. Called by vitals.prune_sets.';

CREATE FUNCTION vitals.remove_sets(tenant_schema name, set_keys integer[], part_keys integer[], series_keys integer[])
RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_series constant integer := 5000;
    sets bigint;
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT p.part_key) || $1 FROM %I.set_parts AS p WHERE p.set_key = ANY ($2)', tenant_schema)
        INTO part_keys USING part_keys, set_keys;
    EXECUTE format(
        $sql$WITH free AS MATERIALIZED (
             SELECT k.set_key FROM %1$I.series_sets AS k WHERE k.set_key = ANY ($1) AND k.used_on < $2 FOR UPDATE SKIP LOCKED
         )
         DELETE FROM %1$I.series_sets AS k WHERE k.set_key = ANY (ARRAY(SELECT f.set_key FROM free AS f))$sql$, tenant_schema)
        USING set_keys, vitals.used_before(tenant_schema);
    GET DIAGNOSTICS sets = ROW_COUNT;
    part_keys := vitals.useless_parts(tenant_schema, part_keys);
    EXECUTE format('SELECT array_agg(m.series_key) || $1
                    FROM (SELECT DISTINCT m.series_key FROM %I.part_members AS m WHERE m.part_key = ANY ($2) LIMIT $3) AS m', tenant_schema)
        INTO series_keys USING series_keys, part_keys, most_series;
    EXECUTE format('DELETE FROM %I.series_parts AS k WHERE k.part_key = ANY ($1)', tenant_schema) USING part_keys;
    series_keys := vitals.useless_series(tenant_schema, series_keys);
    EXECUTE format('DELETE FROM %I.series AS s WHERE s.series_key = ANY ($1)', tenant_schema) USING series_keys;
    RETURN sets > 0 OR part_keys IS NOT NULL OR series_keys IS NOT NULL;
END
$$;
COMMENT ON FUNCTION vitals.remove_sets(name, integer[], integer[], integer[]) IS
'Removes those of the sets given that are still out of use, the parts given and of these sets that no set has, and the series given and of these parts that nothing has. Returns whether there were any. Called by vitals.prune_sets, which keeps others away.';

-- Who stores something new holds server_snapshots to the end of the transaction (vitals.add_sets), and so does who has stored
-- anything: while it is locked nobody is about to use a part or series that nobody has. A set may be about to be used, but
-- then its row is locked, or used_on is of these days. Whoever holds what is needed here will be gone in an hour.
CREATE FUNCTION vitals.prune_sets(tenant_schema name) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '100ms'
AS $$
DECLARE
    -- Those who insert values wait meanwhile.
    most_sets constant integer := 1000;
    most_others constant integer := 5000;
    set_keys integer[];
    part_keys integer[];
    series_keys integer[];
BEGIN
    -- An older snapshot does not show what is in use by now.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN false;
    END IF;
    set_keys := vitals.useless_sets(tenant_schema, most_sets);
    part_keys := vitals.useless_parts(tenant_schema, vitals.some_keys(tenant_schema, 'series_parts', 'part_key', most_others));
    series_keys := vitals.useless_series(tenant_schema, vitals.some_keys(tenant_schema, 'series', 'series_key', most_others));
    IF set_keys IS NULL AND part_keys IS NULL AND series_keys IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE ONLY %1$I.server_snapshots, %1$I.known_sets IN SHARE ROW EXCLUSIVE MODE', tenant_schema);
    RETURN vitals.remove_sets(tenant_schema, set_keys, part_keys, series_keys);
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION vitals.prune_sets(name) IS
'Removes up to 1000 sets of series that no stored collection can have, and what they leave: parts that no set has, and series that neither a part nor latest_collections has. Returns whether there were any. What known_sets and known_parts have of others stays. Does nothing while somebody holds what it needs. The collector calls it a few times after vitals.maintain_tenant, each time in a transaction of its own, so that who inserts values does not wait for long.';

CREATE FUNCTION vitals.maintain_tenant(tenant_schema name) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '500ms'
AS $$
DECLARE
    expired_at constant timestamptz := now() - vitals.retention_of(tenant_schema) * interval '1 day';
    written_by_collector name;
BEGIN
    EXECUTE format(
        $sql$DELETE FROM %1$I.server_events AS e
         USING (SELECT event_key, row_number() OVER (PARTITION BY server_id ORDER BY event_key DESC) AS age
                FROM %1$I.server_events) AS aged
         WHERE aged.event_key = e.event_key AND aged.age > 1000$sql$, tenant_schema);
    FOREACH written_by_collector IN ARRAY ARRAY['collection_state', 'collection_groups', 'latest_collections', 'server_events'] LOOP
        EXECUTE format($sql$DELETE FROM %1$I.%2$I AS w
                        WHERE NOT EXISTS (SELECT FROM %1$I.servers AS s WHERE s.id = w.server_id)$sql$,
                       tenant_schema, written_by_collector);
    END LOOP;
    PERFORM vitals.settle_names(tenant_schema);
    EXECUTE format('DELETE FROM %I.latest_collections AS l WHERE l.collected_at < $1', tenant_schema) USING expired_at;
    EXECUTE format(
        $sql$WITH gone AS MATERIALIZED (
             SELECT l.server_id, bool_or((r.instance, t.name) = ('', 'cpu_percent')) AS cpu,
                    bool_or((r.instance, t.name) = ('', 'memory_percent')) AS memory,
                    bool_or((r.instance, t.name) = ('', 'connection_count')) AS connections
             FROM %1$I.latest_collections AS l
             CROSS JOIN unnest(l.older_series, l.older_times) AS o (series_key, collected_at)
             LEFT JOIN %1$I.series AS r USING (series_key)
             LEFT JOIN %1$I.metric_types AS t ON t.id = r.metric_type_id
             WHERE o.collected_at < $1
             GROUP BY l.server_id
         )
         UPDATE %1$I.latest_collections AS l
         SET cpu_percent = CASE WHEN g.cpu IS NOT TRUE THEN l.cpu_percent END,
             memory_percent = CASE WHEN g.memory IS NOT TRUE THEN l.memory_percent END,
             connection_count = CASE WHEN g.connections IS NOT TRUE THEN l.connection_count END,
             (older_series, older_vals, older_times) = (
                 SELECT array_agg(o.series_key), array_agg(o.value), array_agg(o.collected_at)
                 FROM unnest(l.older_series, l.older_vals, l.older_times) AS o (series_key, value, collected_at)
                 WHERE o.collected_at >= $1)
         FROM gone AS g WHERE l.server_id = g.server_id$sql$, tenant_schema) USING expired_at;
END
$$;
COMMENT ON FUNCTION vitals.maintain_tenant(name) IS
'Keeps the rows of a tenant in order: the newest 1000 events of each server, nothing of servers that are gone but their history, no newest values past retention. Called by the collector every hour, after vitals.partition_step.';
