-- Which series the arrays of values are of: sets of series, and what names of a batch are known to be. core/poll_record.h
-- describes the batch.

CREATE FUNCTION vitals.pick_values(vals double precision[], positions integer[], scales smallint[]) RETURNS double precision[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_pick_values';
COMMENT ON FUNCTION vitals.pick_values(double precision[], integer[], smallint[]) IS
'The values at the positions (from 1), each rounded to as many digits after the decimal point as its scale says, halves away from zero. Errors: 2202E no such position, or the arrays do not match; 22003 not a finite number.';

-- In a part the instances of a metric are neighbours, and no other part of a set has any, so that the JSON of a collection is
-- its values with fixed texts between them: a tenth of the work of building objects.
CREATE FUNCTION vitals.labelled_members_sql(members text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
RETURN $sql$SELECT m.part_key, m.position, m.series_key, m.metric_type_id, m.instance,
                    concat(', ', CASE WHEN m.nr = 1 THEN to_json(t.name) || ': ' END,
                           CASE WHEN m.nested AND m.nr = 1 THEN '{' END,
                           CASE WHEN m.nested THEN to_json(m.instance) || ': ' END) AS json_before,
                    CASE WHEN m.nested AND m.nr = m.instances THEN '}' ELSE '' END AS json_after
             FROM (SELECT m.*, bool_or(m.instance <> '') OVER metric AS nested, count(*) OVER metric AS instances,
                          row_number() OVER (PARTITION BY m.part_key, m.metric_type_id ORDER BY m.position) AS nr
                   FROM ($sql$ || members || $sql$) AS m
                   WINDOW metric AS (PARTITION BY m.part_key, m.metric_type_id)) AS m
             JOIN %1$I.metric_types AS t ON t.id = m.metric_type_id$sql$;
COMMENT ON FUNCTION vitals.labelled_members_sql(text) IS
'A query, for format() with the tenant''s schema, that adds to rows of part_members what metric_snapshots has before and behind their values. members: the query for part_key, position, series_key, metric_type_id and instance.';

CREATE FUNCTION vitals.new_members_sql(parts text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
RETURN $sql$
             INSERT INTO %1$I.part_members (part_key, position, series_key, metric_type_id, instance, json_before, json_after)
             $sql$ || vitals.labelled_members_sql(
                 $sql$SELECT k.part_key, m.position, s.series_key, s.metric_type_id, s.instance
                      FROM $sql$ || parts || $sql$ AS k CROSS JOIN unnest(k.series_keys) WITH ORDINALITY AS m (series_key, position)
                      CROSS JOIN LATERAL (SELECT s.* FROM %1$I.series AS s WHERE s.series_key = m.series_key LIMIT 1) AS s$sql$);
COMMENT ON FUNCTION vitals.new_members_sql(text) IS
'A statement, for format() with the tenant''s schema, that writes the rows of part_members of new parts. parts: a relation with part_key and series_keys.';

CREATE FUNCTION vitals.label_parts(tenant_schema name, only_parts integer[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %1$I.part_members AS m SET json_before = l.json_before, json_after = l.json_after FROM ('
            || vitals.labelled_members_sql(
                'SELECT m.part_key, m.position, m.series_key, m.metric_type_id, m.instance FROM %1$I.part_members AS m
                 WHERE $1 IS NULL OR m.part_key = ANY ($1)')
            || ') AS l
         WHERE ($1 IS NULL OR m.part_key = ANY ($1)) AND m.part_key = l.part_key AND m.position = l.position
             AND (m.json_before, m.json_after) IS DISTINCT FROM (l.json_before, l.json_after)', tenant_schema) USING only_parts;
END
$$;
COMMENT ON FUNCTION vitals.label_parts(name, integer[]) IS
'Writes the texts between the values of parts of sets of series anew, of all or of those given by their keys. Called when metrics are renamed.';

CREATE FUNCTION vitals.hold_names(tenant_schema name) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('LOCK TABLE %I.known_sets IN ROW EXCLUSIVE MODE NOWAIT', tenant_schema);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION vitals.hold_names(name) IS
'Keeps the metric types of a tenant as they are until the end of the transaction, and returns true; false if a transaction that changes them is open, for which it does not wait.';

-- Who makes a part while metrics are being renamed sees their old names, and who renames them does not see the part.
CREATE FUNCTION vitals.settle_names(tenant_schema name) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    unsure integer[];
BEGIN
    IF NOT vitals.hold_names(tenant_schema) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT array_agg(k.part_key) FROM %I.series_parts AS k WHERE k.names_unsure', tenant_schema) INTO unsure;
    IF unsure IS NOT NULL THEN
        PERFORM vitals.label_parts(tenant_schema, unsure);
        EXECUTE format('UPDATE %I.series_parts AS k SET names_unsure = false WHERE k.part_key = ANY ($1)', tenant_schema) USING unsure;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION vitals.settle_names(name) IS
'Does what vitals.hold_names does, and then gives parts of sets that were made while somebody may have been renaming metrics the names that they have now. Called by vitals.may_remember_sets and vitals.maintain_tenant.';

CREATE FUNCTION vitals.want_names() RETURNS jsonb
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'VT001',
        MESSAGE = 'a set of series is not known by its hash';
END
$$;
COMMENT ON FUNCTION vitals.want_names() IS
'Ends storing a batch that has the hash of a set or part alone which known_sets or known_parts does not have. vitals.store_polls answers it. Error: VT001, always.';

CREATE FUNCTION vitals.in_parts(nr integer, members jsonb) RETURNS jsonb
LANGUAGE sql
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'nr', nr, 'hash', CASE jsonb_typeof(members) WHEN 'object' THEN members -> 'hash' END,
        'parts', (SELECT jsonb_agg(p || jsonb_build_object('ref', coalesce(p ->> 'hash', md5(p ->> 'names'))) ORDER BY n)
                  FROM jsonb_array_elements(
                      CASE WHEN jsonb_typeof(members) <> 'object' THEN jsonb_build_array(jsonb_build_object('names', members))
                           WHEN members ? 'names' THEN jsonb_build_array(members)
                           ELSE coalesce(members -> 'parts', vitals.want_names()) END) WITH ORDINALITY AS e (p, n)))
$$;
COMMENT ON FUNCTION vitals.in_parts(integer, jsonb) IS
'A set of a batch, however it is written (core/poll_record.h), as an object with its number, its hash or null, and its parts, each with a ref that is its own. Error: VT001 for a hash alone. Called by vitals.add_sets.';

CREATE FUNCTION vitals.may_remember_sets(tenant_schema name, new_sets jsonb, all_sets jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_sets constant integer := 50000;
    most_parts constant integer := 100000;
    new_hashes constant uuid[] := ARRAY(SELECT (s ->> 'hash')::uuid FROM jsonb_array_elements(new_sets) AS s WHERE s ->> 'hash' IS NOT NULL);
    parts uuid[];
    too_many_sets boolean;
    too_many_parts boolean;
BEGIN
    IF new_hashes = '{}' THEN
        RETURN false;
    END IF;
    -- What somebody is changing is not to be remembered.
    IF NOT vitals.settle_names(tenant_schema) THEN
        RETURN false;
    END IF;
    parts := ARRAY(SELECT (p ->> 'hash')::uuid FROM jsonb_array_elements(new_sets) AS s, jsonb_array_elements(s -> 'parts') AS p
                   WHERE p ? 'hash');
    EXECUTE format('SELECT (SELECT count(*) FROM %1$I.known_sets) + cardinality($1) > $2,
                           (SELECT count(*) FROM %1$I.known_parts) + cardinality($3) > $4', tenant_schema)
        INTO too_many_sets, too_many_parts USING new_hashes, most_sets, parts, most_parts;
    -- Those that this batch does without are learned again by those who need them.
    IF too_many_sets THEN
        EXECUTE format(
            $sql$DELETE FROM %I.known_sets AS k
                 WHERE k.names_hash NOT IN (SELECT (s ->> 'hash')::uuid FROM jsonb_array_elements($1) AS s
                                            WHERE jsonb_typeof(s) = 'object')$sql$, tenant_schema) USING all_sets;
    END IF;
    IF too_many_parts THEN
        EXECUTE format('DELETE FROM %I.known_parts AS k WHERE k.names_hash <> ALL ($1)', tenant_schema) USING parts;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION vitals.may_remember_sets(name, jsonb, jsonb) IS
'Whether what the new sets of a batch are, and their parts, is to be written to known_sets and known_parts, for which it makes room and holds the names of metrics. all_sets: those of the batch, which keep their place. Called by vitals.make_sets.';

CREATE FUNCTION vitals.known_hashes(tenant_schema name, batch jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    known := vitals.query_row(format(
        $sql$WITH told AS MATERIALIZED (
             SELECT e ->> 'hash' AS hash, e -> 'parts' AS parts FROM jsonb_array_elements($1 -> 'sets') AS e
             WHERE e ? 'names' OR e ? 'parts'
         )
         SELECT string_agg(k.hash, ',') AS hashes
         FROM (SELECT t.hash FROM told AS t WHERE EXISTS (SELECT FROM %1$I.known_sets AS k WHERE k.names_hash = t.hash::uuid)
               UNION
               SELECT p ->> 'hash' FROM told AS t, jsonb_array_elements(t.parts) AS p
               WHERE p ? 'names' AND EXISTS (SELECT FROM %1$I.known_parts AS k WHERE k.names_hash = (p ->> 'hash')::uuid)) AS k$sql$,
        tenant_schema), batch);
    RETURN known.hashes;
END
$$;
COMMENT ON FUNCTION vitals.known_hashes(name, jsonb) IS
'The hashes of those sets and parts that a batch has with their names and that need none from now on, with commas between them; NULL if there are none. Called by vitals.store_polls.';

-- A server has four at a time, as its slow groups take turns, and four more when one of its databases comes or goes.
CREATE FUNCTION vitals.most_sets(tenant_schema name) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    servers bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %I.servers', tenant_schema) INTO servers;
    RETURN 40000 + 20 * servers;
END
$$;
COMMENT ON FUNCTION vitals.most_sets(name) IS
'How many sets of series a tenant may have: 40000, and 20 more for each of its servers. Called by vitals.has_room_for_sets and vitals.compose_sets.';

CREATE FUNCTION vitals.has_room_for_sets(tenant_schema name) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_rows constant integer := 40000000;
    most_sets constant bigint := vitals.most_sets(tenant_schema);
    newest bigint;
    has_room boolean;
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c
               WHERE c.oid IN (to_regclass(format('%I.part_members', tenant_schema)), to_regclass(format('%I.set_parts', tenant_schema)))
                   AND c.reltuples > most_rows) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT max(k.set_key) FROM %I.series_sets AS k', tenant_schema) INTO newest;
    IF newest IS NULL OR newest < most_sets THEN
        RETURN true;
    END IF;
    -- Counted only if need be, since batches that failed have used up keys.
    EXECUTE format('SELECT count(*) < $1 FROM %I.series_sets', tenant_schema) INTO has_room USING most_sets;
    RETURN has_room;
END
$$;
COMMENT ON FUNCTION vitals.has_room_for_sets(name) IS
'Whether a tenant has fewer sets of series than vitals.most_sets says, and part_members and set_parts fewer than 40 million rows each, by the last count of vacuum. Called by vitals.add_parts and vitals.compose_sets.';
