-- What the names of a batch are: the series, parts and sets of series that are new are made, once for all polls that have
-- them. The collector tells the names of those parts alone that vitals.known_parts does not have; see core/poll_record.h.
-- All of it runs with the planner's settings of vitals.store_rows, which says why.

-- One part of a set: its key, its series in order, how many values the batch has for it, and which of these are where in it.
CREATE TYPE vitals.part_layout AS (
    ref uuid, part_key integer, series_keys integer[], names integer, positions integer[], scales smallint[], cpu integer,
    memory integer, connections integer, is_whole boolean);
COMMENT ON TYPE vitals.part_layout IS 'What a part of the names of a batch is. Used while polls are stored.';

CREATE TYPE vitals.set_layout AS (
    set_nr integer, set_key integer, positions integer[], scales smallint[], cpu integer, memory integer, connections integer);
COMMENT ON TYPE vitals.set_layout IS
'Which set of series a set of names of a batch (counted from 0) is, and which of a poll''s values are where in it. Used while polls are stored.';

-- Only what has a metric type counts: a prober cannot make new ones. Instances it can make up, hence the limit; what is
-- beyond it is left out.
CREATE FUNCTION vitals.make_series(tenant_schema name, metric_type_ids uuid[], instances text[]) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_series constant bigint := 250000;
BEGIN
    EXECUTE format(
        $sql$WITH new_series AS MATERIALIZED (
             SELECT t.id AS metric_type_id, n.instance
             FROM unnest($1, $2) AS n (metric_type_id, instance)
             JOIN %1$I.metric_types AS t ON t.id = n.metric_type_id
             -- The limit makes it a look-up, whatever the planner knows of the tables.
             WHERE (SELECT s.series_key FROM %1$I.series AS s
                    WHERE s.metric_type_id = n.metric_type_id AND s.instance = n.instance LIMIT 1) IS NULL
         )
         INSERT INTO %1$I.series (metric_type_id, instance)
         SELECT metric_type_id, instance FROM new_series
         LIMIT CASE WHEN EXISTS (SELECT FROM new_series)
                    THEN greatest($3 - (SELECT count(*) FROM %1$I.series), 0) ELSE 0 END
         ON CONFLICT DO NOTHING$sql$, tenant_schema) USING metric_type_ids, instances, most_series;
END
$$;
COMMENT ON FUNCTION vitals.make_series(name, uuid[], text[]) IS
'Makes those series of metrics (by the ids of their types) and instances that are not there. Waits for whoever has the row of such a metric type locked or makes the same series. What is beyond 250000 series is left out. Called by vitals.add_series and vitals.insert_metric.';

-- A new series has to keep its metric type from going, and to wait for whoever makes the same: no longer than vitals.make_sets has it.
CREATE FUNCTION vitals.add_series(tenant_schema name, parts jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    metric_type_ids uuid[];
    instances text[];
    free_types uuid[];
BEGIN
    EXECUTE format(
        $sql$SELECT array_agg(n.metric_type_id), array_agg(n.instance)
         FROM (SELECT DISTINCT t.id AS metric_type_id, coalesce(v ->> 1, '') AS instance
               FROM jsonb_array_elements($1) AS p, jsonb_array_elements(p -> 'names') AS v
               JOIN %1$I.metric_types AS t ON t.name = v ->> 0
               WHERE jsonb_typeof(v) = 'array'
                   -- The limit makes it a look-up, whatever the planner knows of the tables.
                   AND (SELECT s.series_key FROM %1$I.series AS s
                        WHERE s.metric_type_id = t.id AND s.instance = coalesce(v ->> 1, '') LIMIT 1) IS NULL) AS n$sql$,
        tenant_schema) INTO metric_type_ids, instances USING parts;
    IF metric_type_ids IS NULL THEN
        RETURN true;
    END IF;
    EXECUTE format(
        $sql$SELECT array_agg(f.id)
         FROM (SELECT t.id FROM %I.metric_types AS t WHERE t.id = ANY ($1) FOR KEY SHARE SKIP LOCKED) AS f$sql$, tenant_schema)
        INTO free_types USING metric_type_ids;
    BEGIN
        PERFORM vitals.make_series(tenant_schema, array_agg(n.metric_type_id), array_agg(n.instance))
        FROM unnest(metric_type_ids, instances) AS n (metric_type_id, instance)
        WHERE n.metric_type_id = ANY (free_types);
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    RETURN metric_type_ids <@ coalesce(free_types, '{}');
END
$$;
COMMENT ON FUNCTION vitals.add_series(name, jsonb) IS
'Makes the series of names that are new. Leaves out those of metrics whose types somebody has locked, and all if another transaction is making one of them; returns false then. Called by vitals.add_parts.';

CREATE FUNCTION vitals.add_parts(tenant_schema name, parts jsonb, remember boolean, salt text) RETURNS vitals.part_layout[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    has_room constant boolean := vitals.has_room_for_sets(tenant_schema);
    is_whole constant boolean := vitals.add_series(tenant_schema, parts);
    made record;
    -- Not the same statement with a condition: one that could write to known_parts waits for whoever changes metric types.
    remember_sql constant text := $sql$, remembered AS (
             INSERT INTO %1$I.known_parts (names_hash, part_key, names, positions, scales, cpu, memory, connections)
             SELECT l.ref, l.part_key, l.names, l.positions, l.scales, l.cpu, l.memory, l.connections
             FROM layout AS l
             WHERE l.has_hash AND l.is_whole
             ON CONFLICT DO NOTHING
         )$sql$;
BEGIN
    made := vitals.execute_row(format(
        $sql$WITH part AS MATERIALIZED (
             SELECT e.nr, (p ->> 'ref')::uuid AS ref, p ? 'hash' AS has_hash, p -> 'names' AS names
             FROM jsonb_array_elements($1) WITH ORDINALITY AS e (p, nr)
         ), wanted AS (
             -- A series that is named twice counts once, the last time.
             SELECT DISTINCT ON (e.nr, s.series_key) e.nr, v.position::integer, s.series_key, s.instance, t.name, t.scale
             FROM part AS e, jsonb_array_elements(e.names) WITH ORDINALITY AS v (v, position)
             JOIN %1$I.metric_types AS t ON t.name = v ->> 0
             CROSS JOIN LATERAL (SELECT s.series_key, s.instance FROM %1$I.series AS s
                                 WHERE s.metric_type_id = t.id AND s.instance = coalesce(v ->> 1, '') LIMIT 1) AS s
             WHERE jsonb_typeof(v) = 'array'
             ORDER BY e.nr, s.series_key, v.position DESC
         ), in_order AS MATERIALIZED (
             SELECT w.*, row_number() OVER (PARTITION BY w.nr ORDER BY w.name COLLATE "C", w.instance COLLATE "C") AS place
             FROM wanted AS w
         ), content AS MATERIALIZED (
             SELECT o.nr, v.cut, array_agg(o.series_key ORDER BY o.place) AS series_keys,
                    array_agg(o.position ORDER BY o.place) AS positions, array_agg(o.scale ORDER BY o.place) AS scales,
                    array_agg(CASE WHEN o.instance = '' THEN o.name ELSE '' END ORDER BY o.place) AS plain_names
             -- Once there are too many combinations of instances, new ones lose their instances.
             FROM in_order AS o JOIN (VALUES (false), (true)) AS v (cut) ON NOT v.cut OR NOT $2 AND o.instance = ''
             GROUP BY o.nr, v.cut
         ), hashed AS MATERIALIZED (
             SELECT c.*, h.hash, k.part_key
             -- OFFSET keeps it from being worked out again for each part that it is compared with.
             FROM content AS c CROSS JOIN LATERAL (SELECT md5(c.series_keys::text || $5)::uuid AS hash OFFSET 0) AS h
             LEFT JOIN LATERAL (SELECT k.part_key FROM %1$I.series_parts AS k WHERE k.hash = h.hash LIMIT 1) AS k ON true
         ), chosen AS MATERIALIZED (
             SELECT DISTINCT ON (h.nr) h.*
             FROM hashed AS h WHERE $2 OR h.cut OR h.part_key IS NOT NULL
             ORDER BY h.nr, h.cut
         ), new_part AS (
             INSERT INTO %1$I.series_parts (series_keys, hash, names_unsure)
             SELECT DISTINCT ON (c.hash) c.series_keys, c.hash, NOT $3 FROM chosen AS c WHERE c.part_key IS NULL
             RETURNING part_key, series_keys, hash
         ), new_member AS ($sql$ || vitals.new_members_sql('new_part') || $sql$
         ), layout AS MATERIALIZED (
             SELECT p.ref, p.has_hash, coalesce(c.part_key, n.part_key) AS part_key, c.series_keys, jsonb_array_length(p.names) AS names,
                    c.positions, c.scales, array_position(c.plain_names, 'cpu_percent') AS cpu,
                    array_position(c.plain_names, 'memory_percent') AS memory,
                    array_position(c.plain_names, 'connection_count') AS connections,
                    -- What was left out for want of room, or since somebody is at it, is looked at again.
                    $4 AND ($2 OR c.cut IS FALSE) AS is_whole
             FROM part AS p LEFT JOIN chosen AS c USING (nr) LEFT JOIN new_part AS n ON n.hash = c.hash
         )$sql$ || CASE WHEN remember THEN remember_sql ELSE '' END || $sql$
         SELECT array_agg((l.ref, l.part_key, l.series_keys, l.names, l.positions, l.scales, l.cpu, l.memory, l.connections,
                           l.is_whole)::vitals.part_layout) AS layouts
         FROM layout AS l$sql$, tenant_schema), parts, has_room, remember, is_whole, salt);
    RETURN made.layouts;
END
$$;
COMMENT ON FUNCTION vitals.add_parts(name, jsonb, boolean, text) IS
'What parts with these names are, which are made if they are new. parts: objects with ref, names and, where they may be remembered, hash. remember: writes to known_parts what they are. salt: see vitals.make_sets. Called by vitals.parts_of_sets.';

CREATE FUNCTION vitals.parts_of_sets(tenant_schema name, sets jsonb, told jsonb, remember boolean, salt text)
RETURNS vitals.part_layout[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    found := vitals.query_row(format(
        $sql$WITH part AS MATERIALIZED (
             SELECT DISTINCT ON (p ->> 'ref') (p ->> 'ref')::uuid AS ref, p ->> 'hash' AS hash, p -> 'names' AS names
             FROM jsonb_array_elements($1) AS s, jsonb_array_elements(s -> 'parts') AS p
             ORDER BY p ->> 'ref', p ? 'names' DESC
         )
         SELECT array_agg((p.ref, k.part_key, k.series_keys, k.names, k.positions, k.scales, k.cpu, k.memory, k.connections,
                           true)::vitals.part_layout) FILTER (WHERE k.names_hash IS NOT NULL) AS known,
                jsonb_agg(jsonb_strip_nulls(jsonb_build_object('ref', p.ref, 'hash', p.hash)) || jsonb_build_object('names', coalesce(
                    p.names,
                    -- Names stand once in a batch, perhaps in a set that is not looked at now.
                    (SELECT q -> 'names' FROM jsonb_array_elements($2) AS s, jsonb_array_elements(s -> 'parts') AS q
                     WHERE q ->> 'hash' = p.hash AND q ? 'names' LIMIT 1),
                    vitals.want_names()))) FILTER (WHERE k.names_hash IS NULL) AS new_parts
         FROM part AS p
         LEFT JOIN LATERAL (SELECT k.*, r.series_keys
                            FROM %1$I.known_parts AS k LEFT JOIN %1$I.series_parts AS r USING (part_key)
                            WHERE k.names_hash = p.hash::uuid LIMIT 1) AS k ON true$sql$, tenant_schema), sets, told);
    IF found.new_parts IS NOT NULL THEN
        RETURN found.known || vitals.add_parts(tenant_schema, found.new_parts, remember, salt);
    END IF;
    RETURN found.known;
END
$$;
COMMENT ON FUNCTION vitals.parts_of_sets(name, jsonb, jsonb, boolean, text) IS
'What the parts of sets of a batch are. told: all sets of the batch, where the names of a part may stand. salt: see vitals.make_sets. Error: VT001 where names are needed that the batch does not have. Called by vitals.make_sets.';

CREATE FUNCTION vitals.compose_sets(tenant_schema name, sets jsonb, parts vitals.part_layout[], remember boolean, salt text)
RETURNS vitals.set_layout[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_sets constant bigint := vitals.most_sets(tenant_schema);
    has_room constant boolean := vitals.has_room_for_sets(tenant_schema);
    made record;
    remember_sql constant text := $sql$, remembered AS (
             INSERT INTO %1$I.known_sets (names_hash, set_key, positions, scales, cpu, memory, connections)
             SELECT l.names_hash, l.set_key, l.positions, l.scales, l.cpu, l.memory, l.connections
             FROM layout AS l
             -- Longer ones would be too much in all.
             WHERE l.is_whole AND l.names_hash IS NOT NULL AND coalesce(cardinality(l.positions), 0) <= 5000
             ON CONFLICT DO NOTHING
         )$sql$;
BEGIN
    made := vitals.execute_row(format(
        $sql$WITH used AS MATERIALIZED (
             SELECT (s ->> 'nr')::integer AS set_nr, (s ->> 'hash')::uuid AS names_hash, p.part_nr, l.*,
                    (sum(l.names) OVER parts_before)::integer - l.names AS first_value,
                    (sum(coalesce(cardinality(l.series_keys), 0)) OVER parts_before)::integer - coalesce(cardinality(l.series_keys), 0) AS start
             FROM jsonb_array_elements($1) AS s, jsonb_array_elements(s -> 'parts') WITH ORDINALITY AS p (part, part_nr)
             JOIN unnest($2) AS l ON l.ref = (p.part ->> 'ref')::uuid
             WINDOW parts_before AS (PARTITION BY (s ->> 'nr')::integer ORDER BY p.part_nr)
         ), member AS (
             SELECT u.set_nr, u.start + m.place AS place, m.series_key, u.first_value + m.position AS position, m.scale
             FROM used AS u
             CROSS JOIN LATERAL unnest(u.series_keys, u.positions, u.scales) WITH ORDINALITY AS m (series_key, position, scale, place)
         ), content AS (
             -- Put in order once, and not for each of the three.
             SELECT m.set_nr, array_agg(m.series_key) AS series_keys, array_agg(m.position) AS positions, array_agg(m.scale) AS scales
             FROM (SELECT * FROM member ORDER BY set_nr, place) AS m
             GROUP BY m.set_nr
         ), asked AS MATERIALIZED (
             SELECT u.set_nr, u.names_hash, array_agg(u.part_key ORDER BY u.part_nr) AS part_keys,
                    array_agg(u.start ORDER BY u.part_nr) AS starts, min(u.start + u.cpu) AS cpu, min(u.start + u.memory) AS memory,
                    min(u.start + u.connections) AS connections, bool_and(u.is_whole) AS is_whole
             FROM used AS u GROUP BY u.set_nr, u.names_hash
         ), variant AS MATERIALIZED (
             SELECT c.*, false AS plain, a.part_keys, a.starts, a.cpu, a.memory, a.connections
             FROM content AS c JOIN asked AS a USING (set_nr)
             UNION ALL
             -- Once there are too many combinations of instances, new ones lose their instances.
             SELECT p.set_nr, p.series_keys, p.positions, p.scales, true, NULL, NULL, array_position(p.names, 'cpu_percent'),
                    array_position(p.names, 'memory_percent'), array_position(p.names, 'connection_count')
             FROM (SELECT m.set_nr, array_agg(m.series_key ORDER BY m.place) AS series_keys,
                          array_agg(m.position ORDER BY m.place) AS positions, array_agg(m.scale ORDER BY m.place) AS scales,
                          array_agg(t.name ORDER BY m.place) AS names
                   FROM member AS m JOIN %1$I.series AS s USING (series_key) JOIN %1$I.metric_types AS t ON t.id = s.metric_type_id
                   WHERE NOT $3 AND s.instance = ''
                   GROUP BY m.set_nr) AS p
         ), hashed AS MATERIALIZED (
             SELECT v.*, h.hash, k.set_key
             -- OFFSET keeps it from being worked out again for each set that it is compared with.
             FROM variant AS v CROSS JOIN LATERAL (SELECT md5(v.series_keys::text || $6)::uuid AS hash OFFSET 0) AS h
             -- The limit makes it a look-up, whatever the planner knows of the tables.
             LEFT JOIN LATERAL (SELECT k.set_key FROM %1$I.series_sets AS k
                                -- None that was made of a part while somebody deleted that.
                                WHERE k.hash = h.hash AND NOT EXISTS (
                                    SELECT FROM %1$I.set_parts AS p
                                    WHERE p.set_key = k.set_key
                                        AND (SELECT r.part_key FROM %1$I.series_parts AS r WHERE r.part_key = p.part_key LIMIT 1) IS NULL)
                                LIMIT 1) AS k ON true
         ), chosen AS MATERIALIZED (
             SELECT DISTINCT ON (h.set_nr) h.*
             FROM hashed AS h
             WHERE h.set_key IS NOT NULL OR $3 OR h.plain AND (SELECT count(*) FROM %1$I.series_sets) < 2 * $4
             ORDER BY h.set_nr, h.set_key IS NOT NULL AND NOT h.plain DESC, h.plain DESC
         ), to_make AS MATERIALIZED (
             SELECT DISTINCT ON (c.hash) c.*, k.part_key AS known_part
             FROM chosen AS c LEFT JOIN %1$I.series_parts AS k ON c.plain AND k.hash = c.hash
             WHERE c.set_key IS NULL
         ), new_set AS (
             INSERT INTO %1$I.series_sets (series_keys, hash) SELECT m.series_keys, m.hash FROM to_make AS m
             RETURNING set_key, hash
         ), new_part AS (
             INSERT INTO %1$I.series_parts (series_keys, hash, names_unsure)
             SELECT m.series_keys, m.hash, NOT $5 FROM to_make AS m WHERE m.plain AND m.known_part IS NULL
             RETURNING part_key, series_keys, hash
         ), new_member AS ($sql$ || vitals.new_members_sql('new_part') || $sql$
         ), new_set_part AS (
             INSERT INTO %1$I.set_parts (set_key, start, part_key)
             SELECT n.set_key, p.start, p.part_key
             FROM new_set AS n JOIN to_make AS m USING (hash) LEFT JOIN new_part AS o USING (hash)
             CROSS JOIN LATERAL unnest(coalesce(m.starts, '{0}'),
                                       coalesce(m.part_keys, ARRAY[coalesce(m.known_part, o.part_key)])) AS p (start, part_key)
             WHERE p.part_key IS NOT NULL
         ), layout AS MATERIALIZED (
             SELECT a.set_nr, a.names_hash, coalesce(c.set_key, n.set_key) AS set_key, c.positions, c.scales, c.cpu, c.memory,
                    c.connections, a.is_whole AND ($3 OR NOT coalesce(c.plain, true)) AS is_whole
             FROM asked AS a LEFT JOIN chosen AS c USING (set_nr) LEFT JOIN new_set AS n ON n.hash = c.hash
         )$sql$ || CASE WHEN remember THEN remember_sql ELSE '' END || $sql$
         SELECT array_agg((l.set_nr, l.set_key, l.positions, l.scales, l.cpu, l.memory, l.connections)::vitals.set_layout) AS layouts
         FROM layout AS l$sql$, tenant_schema), sets, parts, has_room, most_sets, remember, salt);
    RETURN made.layouts;
END
$$;
COMMENT ON FUNCTION vitals.compose_sets(name, jsonb, vitals.part_layout[], boolean, text) IS
'What sets of these parts are, which are made if they are new. remember: writes to known_sets what they are. salt: see vitals.make_sets. Called by vitals.make_sets.';

-- vitals.prune_sets goes by used_on. It is behind by no more than four days, so that a set of which somebody holds the row, who
-- may be writing the same, is used all the same; and it is never set back, since a clock may be. By that clock and not by the
-- time of the transaction, which can be open for long.
CREATE FUNCTION vitals.use_sets(tenant_schema name, set_keys integer[]) RETURNS integer[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    today constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    unusable integer[];
BEGIN
    EXECUTE format(
        $sql$WITH free AS MATERIALIZED (
             SELECT k.set_key FROM %1$I.series_sets AS k WHERE k.set_key = ANY ($1) AND k.used_on < $2
             FOR NO KEY UPDATE SKIP LOCKED
         )
         -- An array makes it a look-up, whatever the planner knows of the table.
         UPDATE %1$I.series_sets AS k SET used_on = $2 WHERE k.set_key = ANY (ARRAY(SELECT f.set_key FROM free AS f))$sql$,
        tenant_schema) USING set_keys, today;
    EXECUTE format(
        $sql$SELECT array_agg(u.set_key)
         FROM unnest($1) AS u (set_key)
         WHERE (SELECT k.set_key FROM %I.series_sets AS k WHERE k.set_key = u.set_key AND k.used_on >= $2 - 4 LIMIT 1) IS NULL$sql$,
        tenant_schema) INTO unusable USING set_keys, today;
    RETURN unusable;
END
$$;
COMMENT ON FUNCTION vitals.use_sets(name, integer[]) IS
'Notes that sets of series are used today. Waits for nobody. Returns those that cannot be used, NULL if there are none: they are gone, or long out of use and their row is locked. Called by vitals.add_sets and vitals.make_sets.';

CREATE FUNCTION vitals.hold_sets(tenant_schema name, set_keys integer[]) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT FROM %1$I.series_parts AS k
                    WHERE k.part_key IN (SELECT p.part_key FROM %1$I.set_parts AS p WHERE p.set_key = ANY ($1)) FOR KEY SHARE',
                   tenant_schema) USING set_keys;
    EXECUTE format('SELECT FROM %1$I.series AS s
                    WHERE s.series_key IN (SELECT m.series_key FROM %1$I.set_members AS m WHERE m.set_key = ANY ($1)) FOR KEY SHARE',
                   tenant_schema) USING set_keys;
END
$$;
COMMENT ON FUNCTION vitals.hold_sets(name, integer[]) IS
'Keeps the parts and series of sets until the end of the transaction. Error: 40001 where the transaction''s snapshot shows one that is gone. Called by vitals.make_sets.';

-- Two sessions that make the same part or set at the same moment: once the first has committed, the second sees what it made. It does
-- not wait for that, but makes another one with the same series and a salted hash: a few rows more instead of a tenant that is stored no
-- more while somebody's transaction is open.
CREATE FUNCTION vitals.make_sets(tenant_schema name, new_sets jsonb, told jsonb) RETURNS vitals.set_layout[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '50ms'
AS $$
DECLARE
    most_attempts constant integer := 5;
    salt text := '';
    others boolean := false;
    remember boolean;
    layouts vitals.set_layout[];
    set_keys integer[];
BEGIN
    FOR attempt IN 1 .. most_attempts LOOP
        BEGIN
            -- What others are about to remember would be waited for as well.
            remember := NOT others AND vitals.may_remember_sets(tenant_schema, new_sets, told);
            layouts := vitals.compose_sets(
                tenant_schema, new_sets, vitals.parts_of_sets(tenant_schema, new_sets, told, remember, salt), remember, salt);
            set_keys := ARRAY(SELECT l.set_key FROM unnest(layouts) AS l WHERE l.set_key IS NOT NULL);
            -- An older snapshot shows what vitals.prune_sets has removed since.
            IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
                PERFORM vitals.hold_sets(tenant_schema, set_keys);
            END IF;
            IF vitals.use_sets(tenant_schema, set_keys) IS NOT NULL THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'lock_not_available',
                    MESSAGE = 'a set of series is locked that was long out of use';
            END IF;
            RETURN layouts;
        EXCEPTION
            WHEN unique_violation OR lock_not_available THEN
                IF attempt = most_attempts THEN
                    RAISE;
                END IF;
                -- What another session made meanwhile may be in sight now, and is not in an older snapshot.
                others := others OR SQLSTATE = '55P03';
                IF others OR attempt > 1 THEN
                    salt := ' ' || attempt;
                END IF;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.make_sets(name, jsonb, jsonb) IS
'What those sets of a batch are that known_sets does not have. Makes and remembers those that are new, and does not wait for others who do: salt makes the hashes of new parts and sets others than theirs. told: all sets of the batch. Error: VT001 where names are needed that the batch does not have. Called by vitals.add_sets.';

CREATE FUNCTION vitals.add_sets(tenant_schema name, batch jsonb) RETURNS vitals.set_layout[]
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    today constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    found record;
    unusable integer[] := '{}';
BEGIN
    LOOP
        found := vitals.query_row(format(
            $sql$SELECT array_agg((s.nr, k.set_key, k.positions, k.scales, k.cpu, k.memory, k.connections)::vitals.set_layout)
                        FILTER (WHERE k.names_hash IS NOT NULL) AS known,
                    jsonb_agg(vitals.in_parts(s.nr, s.members)) FILTER (WHERE k.names_hash IS NULL) AS new_sets,
                    array_agg(k.set_key) FILTER (WHERE k.used_on < $2) AS to_use
             FROM (SELECT (e.nr - 1)::integer AS nr, e.members,
                          CASE jsonb_typeof(e.members) WHEN 'object' THEN (e.members ->> 'hash')::uuid END AS hash
                   FROM jsonb_array_elements($1 -> 'sets') WITH ORDINALITY AS e (members, nr)
                   WHERE e.nr - 1 IN (SELECT (p ->> 'set')::integer FROM jsonb_array_elements($1 -> 'polls') AS p)) AS s
             -- The limits make them look-ups, whatever the planner knows of the tables.
             LEFT JOIN LATERAL (SELECT k.*, r.used_on
                                FROM %1$I.known_sets AS k
                                LEFT JOIN LATERAL (SELECT r.used_on FROM %1$I.series_sets AS r WHERE r.set_key = k.set_key LIMIT 1) AS r ON true
                                WHERE k.names_hash = s.hash AND (k.set_key IS NULL OR k.set_key <> ALL ($3))
                                LIMIT 1) AS k ON true$sql$, tenant_schema), batch, today, unusable);
        EXIT WHEN found.to_use IS NULL OR unusable <> '{}';
        -- Once a day for each set.
        unusable := vitals.use_sets(tenant_schema, found.to_use);
        EXIT WHEN unusable IS NULL;
    END LOOP;
    IF found.new_sets IS NOT NULL THEN
        -- Nobody removes parts and series meanwhile, see vitals.prune_sets: of what is found here, one that is gone is made again.
        EXECUTE format('LOCK TABLE ONLY %I.server_snapshots IN ROW EXCLUSIVE MODE', tenant_schema);
        RETURN found.known || vitals.make_sets(tenant_schema, found.new_sets, batch -> 'sets');
    END IF;
    RETURN found.known;
END
$$;
COMMENT ON FUNCTION vitals.add_sets(name, jsonb) IS
'What the sets of a batch are that its polls have; those that are new are made. Error: VT001 where names are needed that the batch does not have. Called by vitals.store_rows.';
