-- Which series the arrays of values are of: sets of series, and what names of a batch are known to be. core/poll_record.h
-- describes the batch.

CREATE FUNCTION vitals.pick_values(vals double precision[], positions integer[], scales smallint[]) RETURNS double precision[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_pick_values';
COMMENT ON FUNCTION vitals.pick_values(double precision[], integer[], smallint[]) IS
'The values at the positions (from 1), each rounded to as many digits after the decimal point as its scale says, halves away from zero. Errors: 2202E no such position, or the arrays do not match; 22003 not a finite number.';

-- Only what has a metric type counts: a prober cannot make new ones. Instances it can make up, hence the limit; what is
-- beyond it is left out.
CREATE FUNCTION vitals.add_series(tenant_schema name, sets jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_series constant bigint := 250000;
BEGIN
    EXECUTE format(
        $sql$WITH new_series AS MATERIALIZED (
             SELECT DISTINCT t.id AS metric_type_id, coalesce(v ->> 1, '') AS instance
             FROM jsonb_array_elements($1) AS s, jsonb_array_elements(CASE jsonb_typeof(s) WHEN 'object' THEN s -> 'names' ELSE s END) AS v
             JOIN %1$I.metric_types AS t ON t.name = v ->> 0
             WHERE jsonb_typeof(v) = 'array'
                 -- The limit makes it a look-up, whatever the planner knows of the tables.
                 AND (SELECT s.series_key FROM %1$I.series AS s
                      WHERE s.metric_type_id = t.id AND s.instance = coalesce(v ->> 1, '') LIMIT 1) IS NULL
         )
         INSERT INTO %1$I.series (metric_type_id, instance)
         SELECT metric_type_id, instance FROM new_series
         LIMIT CASE WHEN EXISTS (SELECT FROM new_series)
                    THEN greatest($2 - (SELECT count(*) FROM %1$I.series), 0) ELSE 0 END
         ON CONFLICT DO NOTHING$sql$, tenant_schema) USING sets, most_series;
END
$$;
COMMENT ON FUNCTION vitals.add_series(name, jsonb) IS 'Makes the series of a batch that are new. Called by vitals.store_rows.';

-- In a set the instances of a metric are neighbours, so that the JSON of a collection is its values with fixed texts between
-- them: a tenth of the work of building objects.
CREATE FUNCTION vitals.labelled_members_sql(members text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
RETURN $sql$SELECT m.set_key, m.position, m.series_key, m.metric_type_id, m.instance,
                    concat(CASE WHEN m.position > 1 THEN ', ' END,
                           CASE WHEN m.nr = 1 THEN to_json(t.name) || ': ' END,
                           CASE WHEN m.nested AND m.nr = 1 THEN '{' END,
                           CASE WHEN m.nested THEN to_json(m.instance) || ': ' END) AS json_before,
                    CASE WHEN m.nested AND m.nr = m.instances THEN '}' ELSE '' END AS json_after
             FROM (SELECT m.*, bool_or(m.instance <> '') OVER metric AS nested, count(*) OVER metric AS instances,
                          row_number() OVER (PARTITION BY m.set_key, m.metric_type_id ORDER BY m.position) AS nr
                   FROM ($sql$ || members || $sql$) AS m
                   WINDOW metric AS (PARTITION BY m.set_key, m.metric_type_id)) AS m
             JOIN %1$I.metric_types AS t ON t.id = m.metric_type_id$sql$;
COMMENT ON FUNCTION vitals.labelled_members_sql(text) IS
'A query, for format() with the tenant''s schema, that adds to rows of set_members what metric_snapshots has before and behind their values. members: the query for set_key, position, series_key, metric_type_id and instance.';

CREATE FUNCTION vitals.label_sets(tenant_schema name, only_sets integer[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %1$I.set_members AS m SET json_before = l.json_before, json_after = l.json_after FROM ('
            || vitals.labelled_members_sql(
                'SELECT m.set_key, m.position, m.series_key, m.metric_type_id, m.instance FROM %1$I.set_members AS m
                 WHERE $1 IS NULL OR m.set_key = ANY ($1)')
            || ') AS l
         WHERE ($1 IS NULL OR m.set_key = ANY ($1)) AND m.set_key = l.set_key AND m.position = l.position
             AND (m.json_before, m.json_after) IS DISTINCT FROM (l.json_before, l.json_after)', tenant_schema) USING only_sets;
END
$$;
COMMENT ON FUNCTION vitals.label_sets(name, integer[]) IS
'Writes the texts between the values of sets of series anew, of all sets or of those given by their keys. Called when metrics are renamed.';

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

-- Who makes a set while metrics are being renamed sees their old names, and who renames them does not see the set.
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
    EXECUTE format('SELECT array_agg(k.set_key) FROM %I.series_sets AS k WHERE k.names_unsure', tenant_schema) INTO unsure;
    IF unsure IS NOT NULL THEN
        PERFORM vitals.label_sets(tenant_schema, unsure);
        EXECUTE format('UPDATE %I.series_sets AS k SET names_unsure = false WHERE k.set_key = ANY ($1)', tenant_schema) USING unsure;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION vitals.settle_names(name) IS
'Does what vitals.hold_names does, and then gives sets of series that were made while somebody may have been renaming metrics the names that they have now. Called by vitals.may_remember_sets and vitals.maintain_tenant.';

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
'Ends storing a batch that has the hash of a set alone which known_sets does not have. vitals.store_polls answers it. Error: VT001, always.';

CREATE FUNCTION vitals.may_remember_sets(tenant_schema name, batch jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    most_known constant integer := 50000;
    new_sets integer;
    known integer;
BEGIN
    EXECUTE format(
        $sql$SELECT count(*) FROM jsonb_array_elements($1 -> 'sets') AS e
             WHERE jsonb_typeof(e) = 'object'
                 AND NOT EXISTS (SELECT FROM %1$I.known_sets AS k WHERE k.names_hash = (e ->> 'hash')::uuid)$sql$, tenant_schema)
        INTO new_sets USING batch;
    IF new_sets = 0 THEN
        RETURN false;
    END IF;
    -- What somebody is changing is not to be remembered.
    IF NOT vitals.settle_names(tenant_schema) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT count(*) FROM %I.known_sets', tenant_schema) INTO known;
    -- Those that this batch does without are learned again by those who need them.
    IF known + new_sets > most_known THEN
        EXECUTE format(
            $sql$DELETE FROM %I.known_sets AS k
                 WHERE k.names_hash NOT IN (SELECT (e ->> 'hash')::uuid FROM jsonb_array_elements($1 -> 'sets') AS e
                                            WHERE jsonb_typeof(e) = 'object')$sql$, tenant_schema) USING batch;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION vitals.may_remember_sets(name, jsonb) IS
'Whether what the new sets of a batch are is to be written to known_sets, for which it makes room and holds the names of metrics. Called by vitals.store_snapshots.';

CREATE FUNCTION vitals.known_hashes(tenant_schema name, batch jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    known text;
BEGIN
    EXECUTE format(
        $sql$SELECT string_agg(DISTINCT e ->> 'hash', ',') FROM jsonb_array_elements($1 -> 'sets') AS e
             WHERE e ? 'names' AND EXISTS (SELECT FROM %1$I.known_sets AS k WHERE k.names_hash = (e ->> 'hash')::uuid)$sql$,
        tenant_schema) INTO known USING batch;
    RETURN known;
END
$$;
COMMENT ON FUNCTION vitals.known_hashes(name, jsonb) IS
'The hashes of those sets that a batch has with their names and that need none from now on, with commas between them; NULL if there are none. Called by vitals.store_polls.';

CREATE FUNCTION vitals.has_room_for_sets(tenant_schema name) RETURNS boolean
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM pg_class AS c
                       WHERE c.oid = to_regclass(format('%I.set_members', tenant_schema)) AND c.reltuples > 40000000)
$$;
COMMENT ON FUNCTION vitals.has_room_for_sets(name) IS
'Whether set_members has fewer rows, by the last count of vacuum, than a tenant may have there: 40 million.';
