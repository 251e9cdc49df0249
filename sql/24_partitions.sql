-- Partitions of server_snapshots: by month, week or day of UTC. The width may change at any time, so that the truth about
-- what a partition holds is its bounds and never its name.

CREATE FUNCTION vitals.partitions_of(tenant_schema name)
RETURNS TABLE (partition regclass, lower_bound timestamptz, upper_bound timestamptz)
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
SET datestyle TO 'ISO'
SET timezone TO 'UTC'
AS $$
    SELECT p.partition, substring(p.bounds FROM $re$FROM \('([^']+)'\)$re$)::timestamptz,
           substring(p.bounds FROM $re$TO \('([^']+)'\)$re$)::timestamptz
    FROM (SELECT i.inhrelid::regclass AS partition, pg_get_expr(c.relpartbound, c.oid) AS bounds
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
          WHERE i.inhparent = to_regclass(format('%I.server_snapshots', tenant_schema)) AND NOT i.inhdetachpending) AS p
    WHERE p.bounds LIKE 'FOR VALUES FROM%'
    ORDER BY 2
$$;
COMMENT ON FUNCTION vitals.partitions_of(name) IS
'The partitions of tenant_schema.server_snapshots and what they hold: from lower_bound up to, but not, upper_bound; a bound that is no time is NULL.';

CREATE FUNCTION vitals.partition_width_of(tenant_schema name) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    width text;
BEGIN
    EXECUTE format('SELECT s.partition_width FROM %I.settings AS s LIMIT 1', tenant_schema) INTO width;
    RETURN CASE WHEN width IN ('week', 'day') THEN width ELSE 'month' END;
END
$$;
COMMENT ON FUNCTION vitals.partition_width_of(name) IS
'Width of the partitions that are made from now on: month where settings, which the owner may write, say nothing valid.';

-- The bounds pass through text: in a style that names a zone by its abbreviation, IST would be another time when read.
CREATE FUNCTION vitals.ensure_partition(tenant_schema name, at timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET datestyle TO 'ISO'
SET timezone TO 'UTC'
AS $$
DECLARE
    width text;
    first_time timestamptz;
    end_time timestamptz;
    partition_name name;
BEGIN
    IF at IS NULL OR at NOT BETWEEN '2000-01-01 UTC' AND '9999-12-01 UTC' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datetime_field_overflow',
            MESSAGE = 'time is out of range for a partition',
            DETAIL = format('Got %s.', coalesce(at::text, 'NULL'));
    END IF;
    IF EXISTS (SELECT FROM vitals.partitions_of(tenant_schema) AS p
               WHERE at >= coalesce(p.lower_bound, '-infinity') AND at < coalesce(p.upper_bound, 'infinity')) THEN
        RETURN false;
    END IF;
    PERFORM vitals.refuse_in_extension_script();
    -- Whoever else is about to make it has this lock; the one that comes second finds it made.
    EXECUTE format('LOCK TABLE ONLY %I.server_snapshots IN SHARE UPDATE EXCLUSIVE MODE', tenant_schema);
    IF EXISTS (SELECT FROM vitals.partitions_of(tenant_schema) AS p
               WHERE at >= coalesce(p.lower_bound, '-infinity') AND at < coalesce(p.upper_bound, 'infinity')) THEN
        RETURN false;
    END IF;

    -- Between neighbours of another width there is less room than a whole one.
    width := vitals.partition_width_of(tenant_schema);
    first_time := date_trunc(width, at, 'UTC');
    end_time := (date_trunc(width, at AT TIME ZONE 'UTC') + ('1 ' || width)::interval) AT TIME ZONE 'UTC';
    SELECT greatest(first_time, max(p.upper_bound) FILTER (WHERE p.upper_bound <= at)),
           least(end_time, min(p.lower_bound) FILTER (WHERE p.lower_bound > at))
    INTO first_time, end_time
    FROM vitals.partitions_of(tenant_schema) AS p;
    partition_name := 'server_snapshots_p' || to_char(first_time AT TIME ZONE 'UTC', 'YYYYMMDD');

    -- Built aside and then attached: ATTACH locks the parent only against other changes of its shape, so that neither
    -- readers nor writers of the other partitions wait.
    EXECUTE format('CREATE TABLE %I.%I (LIKE %1$I.server_snapshots INCLUDING DEFAULTS INCLUDING STORAGE)',
                   tenant_schema, partition_name);
    -- A value may be inserted by any member of the tenant's role, and by a superuser.
    EXECUTE format('ALTER TABLE %I.%I OWNER TO %s', tenant_schema, partition_name,
                   (SELECT c.relowner::regrole FROM pg_class AS c
                    WHERE c.oid = to_regclass(format('%I.server_snapshots', tenant_schema))));
    EXECUTE format('ALTER TABLE %I.server_snapshots ATTACH PARTITION %1$I.%I FOR VALUES FROM (%L) TO (%L)',
                   tenant_schema, partition_name, first_time, end_time);
    RETURN true;
END
$$;
COMMENT ON FUNCTION vitals.ensure_partition(name, timestamptz) IS
'Makes the partition of tenant_schema.server_snapshots that holds the given time, if it is missing; returns whether it was.';

CREATE FUNCTION vitals.ensure_partitions_ahead(tenant_schema name, most integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    at timestamptz := now();
    made integer := 0;
BEGIN
    FOR ahead IN 0..2 LOOP
        made := made + vitals.ensure_partition(tenant_schema, at)::integer;
        EXIT WHEN made >= most;
        SELECT p.upper_bound INTO at FROM vitals.partitions_of(tenant_schema) AS p
        WHERE at >= coalesce(p.lower_bound, '-infinity') AND at < coalesce(p.upper_bound, 'infinity');
        EXIT WHEN at IS NULL;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION vitals.ensure_partitions_ahead(name, integer) IS
'Makes the partition for now and the two that follow, where they are missing, but no more than most of them; returns how many it made.';

CREATE FUNCTION vitals.retention_of(tenant_schema name) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    days integer;
BEGIN
    EXECUTE format('SELECT max(s.retention_days) FROM %I.settings AS s', tenant_schema) INTO days;
    RETURN CASE WHEN days IS NULL THEN 30 WHEN days < 1 THEN 1 WHEN days > 3650 THEN 3650 ELSE days END;
END
$$;
COMMENT ON FUNCTION vitals.retention_of(name) IS
'How many days a tenant keeps: within 1..3650, and 30 where settings, which the owner may write, have no row.';

CREATE FUNCTION vitals.partition_step(tenant_schema name) RETURNS text
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '500ms'
AS $$
DECLARE
    expired_at constant timestamptz := now() - vitals.retention_of(tenant_schema) * interval '1 day';
    width constant interval := ('1 ' || vitals.partition_width_of(tenant_schema))::interval;
    part record;
    is_empty boolean;
    -- Before it is dropped: then it has no name.
    done text;
BEGIN
    FOR part IN SELECT * FROM vitals.partitions_of(tenant_schema) AS p WHERE p.upper_bound <= expired_at LIMIT 1 LOOP
        done := format('dropped %s', part.partition);
        EXECUTE format('DROP TABLE %s', part.partition);
        RETURN done;
    END LOOP;
    -- Made ahead for a width that is no longer wanted. What it would hold, narrower ones will.
    FOR part IN
        SELECT * FROM vitals.partitions_of(tenant_schema) AS p
        WHERE p.lower_bound > now()
            AND p.upper_bound AT TIME ZONE 'UTC' > p.lower_bound AT TIME ZONE 'UTC' + width
    LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part.partition);
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', part.partition) INTO is_empty;
        IF is_empty THEN
            done := format('dropped %s', part.partition);
            EXECUTE format('DROP TABLE %s', part.partition);
            RETURN done;
        END IF;
    END LOOP;
    IF vitals.ensure_partitions_ahead(tenant_schema, 1) > 0 THEN
        RETURN 'made a partition';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION vitals.partition_step(name) IS
'Does one thing that a tenant''s partitions need, and says what; NULL if there is nothing. The collector calls it until then, each time in a transaction of its own, so that no lock is held for longer than one change. Waits for a lock at most half a second.';

CREATE FUNCTION vitals.retention_preview_in(tenant vitals.tenants, retention_days integer)
RETURNS TABLE (partition text, since timestamptz, until timestamptz, collections bigint, bytes bigint, outcome text)
LANGUAGE plpgsql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    expired_at timestamptz;
BEGIN
    PERFORM vitals.check_tenant_settings(retention_days, 'month');
    expired_at := now() - retention_days * interval '1 day';
    FOR partition, since, until IN
        SELECT p.partition::text, p.lower_bound, p.upper_bound FROM vitals.partitions_of(tenant.schema_name) AS p
        WHERE coalesce(p.lower_bound, '-infinity') < expired_at ORDER BY p.lower_bound NULLS FIRST
    LOOP
        EXECUTE format('SELECT count(*) FROM %s AS s WHERE s.collected_at < $1', partition) INTO collections USING expired_at;
        bytes := pg_total_relation_size(partition::regclass);
        outcome := CASE WHEN until <= expired_at THEN 'dropped' ELSE 'hidden' END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.retention_preview_in(vitals.tenants, integer) IS
'vitals.retention_preview as the tenant''s role.';

CREATE FUNCTION vitals.retention_preview(retention_days integer)
RETURNS TABLE (partition text, since timestamptz, until timestamptz, collections bigint, bytes bigint, outcome text)
LANGUAGE c STABLE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_as_tenant';
COMMENT ON FUNCTION vitals.retention_preview(integer) IS
'What a retention of so many days (1..3650) would take from the caller''s tenant: partitions, how many collections in them are older, and whether the whole partition would be dropped or those collections only hidden until it is. Changes nothing. Error: 22023 out of range.';
