-- The relations of a tenant's own schema. They are made at run time, are owned by the tenant's role and are never members
-- of the extension, so that pg_dump carries them; nothing of them depends on the extension, so that they outlive it.

CREATE FUNCTION vitals.create_tenant_tables(tenant_schema name) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        $sql$CREATE TABLE %1$I.settings (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            retention_days integer NOT NULL DEFAULT 30 CHECK (retention_days BETWEEN 1 AND 3650),
            partition_width text NOT NULL DEFAULT 'month' CHECK (partition_width IN ('month', 'week', 'day')),
            notify boolean)$sql$,
        $sql$COMMENT ON TABLE %1$I.settings IS 'How long and in which partitions collections are kept: one row.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.settings.retention_days IS
            'What is older is invisible at once, and gone when the whole partition that holds it is older.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.settings.partition_width IS
            'Width of the partitions of server_snapshots (UTC) that are made from now on.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.settings.notify IS
            'Whether each collection is announced on the channel vitals_<tenant>; NULL: as the setting vitals.notify says.'$sql$,
        $sql$CREATE TABLE %1$I.credentials (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            username text NOT NULL CHECK (length(username) BETWEEN 1 AND 256),
            sealed_password bytea)$sql$,
        $sql$COMMENT ON COLUMN %1$I.credentials.sealed_password IS
            'Encrypted with the cluster''s public key, for this tenant and this row; only the collector can open it.'$sql$,
        $sql$CREATE TABLE %1$I.servers (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
            connector text NOT NULL,
            host text CHECK (length(host) BETWEEN 1 AND 255),
            port integer CHECK (port BETWEEN 1 AND 65535),
            options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
            credential_id uuid REFERENCES %1$I.credentials,
            status text NOT NULL DEFAULT 'unknown' CHECK (status IN ('unknown', 'online', 'degraded', 'offline')),
            last_seen_at timestamptz(3),
            last_error text,
            created_at timestamptz(3) NOT NULL DEFAULT now()) WITH (fillfactor = 50)$sql$,
        $sql$COMMENT ON COLUMN %1$I.servers.status IS
            'As of the newest poll. The collector never waits for a row that somebody has locked: then this, last_seen_at and last_error follow with a later poll, and vitals.collection_status has them at once.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.servers.last_seen_at IS 'When something was read last.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.servers.last_error IS 'Message of the newest poll''s error; NULL after a good one.'$sql$,
        $sql$CREATE TABLE %1$I.collection_config (
            server_id uuid PRIMARY KEY REFERENCES %1$I.servers ON DELETE CASCADE,
            interval_seconds integer NOT NULL DEFAULT 60 CHECK (interval_seconds BETWEEN 30 AND 3600),
            enabled boolean NOT NULL DEFAULT false,
            metrics_enabled jsonb NOT NULL DEFAULT '["cpu_percent", "memory_percent", "connection_count"]'
                CHECK (jsonb_typeof(metrics_enabled) = 'array'),
            last_collected_at timestamptz(3)) WITH (fillfactor = 50)$sql$,
        $sql$COMMENT ON COLUMN %1$I.collection_config.last_collected_at IS
            'When something was read last. The collector never waits for a row that somebody has locked: then it follows with a later poll.'$sql$,
        -- Written by the collector alone, beside the configuration and without foreign keys to it, so that a user's open
        -- transaction on servers or their configuration never keeps the collector waiting. vitals.maintain_tenant
        -- removes what belonged to servers that are gone.
        $sql$CREATE TABLE %1$I.collection_state (
            server_id uuid PRIMARY KEY,
            status text NOT NULL CHECK (status IN ('unknown', 'online', 'degraded', 'offline')),
            status_since timestamptz NOT NULL,
            last_started_at timestamptz NOT NULL,
            last_collected_at timestamptz,
            next_due_at timestamptz NOT NULL,
            next_probe_at timestamptz,
            lag_ms double precision NOT NULL,
            duration_ms double precision NOT NULL,
            consecutive_failures integer NOT NULL,
            last_error_class text,
            last_error_number integer,
            last_error text,
            last_error_at timestamptz,
            facts jsonb,
            login_ms double precision,
            query_ms double precision,
            bytes bigint,
            rows bigint,
            round_trips integer) WITH (fillfactor = 50)$sql$,
        $sql$COMMENT ON TABLE %1$I.collection_state IS 'What the collector knows of each server: vitals.collection_status shows it.'$sql$,
        $sql$CREATE TABLE %1$I.collection_groups (
            server_id uuid PRIMARY KEY,
            groups jsonb NOT NULL) WITH (fillfactor = 50)$sql$,
        $sql$COMMENT ON TABLE %1$I.collection_groups IS
            'How the metric groups of each server are going: vitals.group_status shows it. Written when a state changes, and every few minutes.'$sql$,
        $sql$CREATE TABLE %1$I.metric_types (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,99}$'),
            unit text NOT NULL,
            description text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('gauge', 'rate', 'delta', 'ratio', 'average')),
            scale smallint NOT NULL DEFAULT 2 CHECK (scale BETWEEN 0 AND 9))$sql$,
        $sql$COMMENT ON COLUMN %1$I.metric_types.scale IS 'Digits after the decimal point to which values are rounded when they are collected.'$sql$,
        $sql$CREATE TABLE %1$I.metric_groups (
            name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
            connector text NOT NULL DEFAULT 'mssql',
            definition jsonb NOT NULL CHECK (jsonb_typeof(definition) = 'object'),
            description text NOT NULL DEFAULT '')$sql$,
        $sql$COMMENT ON TABLE %1$I.metric_groups IS
            'What vitals.add_metric_group made: statements of this tenant that its servers run.'$sql$,
        $sql$CREATE TABLE %1$I.series (
            series_key integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            metric_type_id uuid NOT NULL REFERENCES %1$I.metric_types,
            instance text NOT NULL CHECK (length(instance) <= 512),
            UNIQUE (metric_type_id, instance))$sql$,
        -- Which series the positions of server_snapshots.vals are. An array is too long for an index, hence the hash.
        $sql$CREATE TABLE %1$I.series_sets (
            set_key integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            series_keys integer[] NOT NULL,
            hash uuid NOT NULL UNIQUE,
            used_on date NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')::date) WITH (fillfactor = 80)$sql$,
        $sql$COMMENT ON COLUMN %1$I.series_sets.used_on IS
            'When a collection of this set was stored last (UTC), or up to four days before. What no partition can hold a collection of goes.'$sql$,
        -- A set is described by its parts, most of which other sets have as well: those of the same server in other cycles,
        -- and those of servers of the same version. No foreign keys here: the check of each row would be a fifth of what a
        -- new part costs; the trigger forget_gone takes those rows away whose set is deleted.
        $sql$CREATE TABLE %1$I.series_parts (
            part_key integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            series_keys integer[] NOT NULL,
            hash uuid NOT NULL UNIQUE,
            names_unsure boolean NOT NULL DEFAULT false)$sql$,
        $sql$COMMENT ON COLUMN %1$I.series_parts.names_unsure IS
            'Made while somebody may have been renaming metrics: part_members has to be looked at again.'$sql$,
        $sql$CREATE INDEX ix_series_parts_names_unsure ON %1$I.series_parts (part_key) WHERE names_unsure$sql$,
        $sql$CREATE TABLE %1$I.set_parts (
            set_key integer NOT NULL,
            start integer NOT NULL,
            part_key integer NOT NULL,
            PRIMARY KEY (set_key, start))$sql$,
        $sql$COMMENT ON COLUMN %1$I.set_parts.start IS 'How many values of the set come before those of the part.'$sql$,
        $sql$CREATE INDEX ix_set_parts_part ON %1$I.set_parts (part_key)$sql$,
        -- series_parts for joins, with what a filter needs beside it.
        $sql$CREATE TABLE %1$I.part_members (
            part_key integer NOT NULL,
            position integer NOT NULL,
            series_key integer NOT NULL,
            metric_type_id uuid NOT NULL,
            instance text NOT NULL,
            json_before text NOT NULL DEFAULT '',
            json_after text NOT NULL DEFAULT '',
            PRIMARY KEY (part_key, position))$sql$,
        $sql$COMMENT ON COLUMN %1$I.part_members.json_before IS 'What metric_snapshots has before the value; json_after: behind it.'$sql$,
        $sql$CREATE INDEX ix_part_members_series ON %1$I.part_members (metric_type_id, series_key)$sql$,
        -- What names of a batch were found to be: four fifths of the work of storing, and nearly always the same as before.
        -- No foreign key: its checks would wait for whoever deletes sets, and the trigger forget_gone does its work.
        $sql$CREATE TABLE %1$I.known_sets (
            names_hash uuid PRIMARY KEY,
            set_key integer,
            positions integer[],
            scales smallint[],
            cpu integer,
            memory integer,
            connections integer)$sql$,
        $sql$COMMENT ON TABLE %1$I.known_sets IS
            'Which set the names of a batch are, by their hash, and which of its values are where in it. Emptied when metric types change; learned anew.'$sql$,
        $sql$CREATE TABLE %1$I.known_parts (
            names_hash uuid PRIMARY KEY,
            part_key integer,
            names integer NOT NULL,
            positions integer[],
            scales smallint[],
            cpu integer,
            memory integer,
            connections integer)$sql$,
        $sql$COMMENT ON TABLE %1$I.known_parts IS
            'The same of parts of sets: what a set is made of that is not known itself.'$sql$,
        -- In this order no byte is lost to alignment.
        $sql$CREATE TABLE %1$I.server_snapshots (
            id uuid NOT NULL DEFAULT gen_random_uuid(),
            server_id uuid NOT NULL,
            collected_at timestamptz(3) NOT NULL,
            set_key integer,
            interval_ms integer,
            duration_ms integer,
            connection_count integer,
            status text NOT NULL,
            cpu_percent numeric,
            memory_percent numeric,
            vals double precision[]) PARTITION BY RANGE (collected_at)$sql$,
        $sql$CREATE INDEX ix_server_snapshots_server_time ON %1$I.server_snapshots (server_id, collected_at)$sql$,
        $sql$COMMENT ON TABLE %1$I.server_snapshots IS
            'One row per collection, also of those that failed. metrics and metric_snapshots show its values.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.server_snapshots.vals IS 'Values of the series that series_sets lists under set_key.'$sql$,
        -- Which collection of each server is the newest, and the newest values of series that were not in it. Its other
        -- values are in server_snapshots: to repeat them here would be a third of all that is written.
        $sql$CREATE TABLE %1$I.latest_collections (
            server_id uuid PRIMARY KEY,
            collected_at timestamptz(3) NOT NULL,
            snapshot_id uuid NOT NULL,
            set_key integer NOT NULL,
            connection_count integer,
            cpu_percent numeric,
            memory_percent numeric,
            older_series integer[],
            older_vals double precision[],
            older_times timestamptz[]) WITH (fillfactor = 50)$sql$,
        $sql$COMMENT ON TABLE %1$I.latest_collections IS 'What server_latest shows.'$sql$,
        $sql$CREATE TABLE %1$I.server_events (
            event_key bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            server_id uuid NOT NULL,
            happened_at timestamptz(3) NOT NULL,
            old_status text NOT NULL,
            new_status text NOT NULL,
            error_class text,
            error_number integer,
            message text)$sql$,
        $sql$CREATE INDEX ix_server_events_server_time ON %1$I.server_events (server_id, happened_at)$sql$]
    LOOP
        EXECUTE format(statement, tenant_schema);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant_tables(name) IS 'Makes the tables of a tenant. Called by vitals.create_tenant_relations.';

CREATE FUNCTION vitals.create_tenant_views(tenant_schema name) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        $sql$CREATE OR REPLACE VIEW %1$I.set_members AS
         SELECT p.set_key, p.start + m.position AS position, m.series_key, m.metric_type_id, m.instance, m.json_before, m.json_after
         FROM %1$I.set_parts AS p JOIN %1$I.part_members AS m USING (part_key)$sql$,
        $sql$COMMENT ON VIEW %1$I.set_members IS 'Which series the values of a set are, by their position in server_snapshots.vals.'$sql$,
        -- To numeric by way of text gives the same number in a third of the time.
        $sql$CREATE OR REPLACE VIEW %1$I.metrics AS
         SELECT encode(overlay(uuid_send(n.id) placing int4send(m.series_key) from 13), 'hex')::uuid AS id, n.server_id, m.metric_type_id,
                n.vals[m.position]::text::numeric AS value, n.collected_at, m.instance
         FROM %1$I.server_snapshots AS n
         JOIN %1$I.set_members AS m USING (set_key)
         WHERE n.vals[m.position] IS NOT NULL
             AND n.collected_at >= (SELECT now() - coalesce(max(s.retention_days), 30) * interval '1 day'
                                    FROM %1$I.settings AS s)$sql$,
        $sql$COMMENT ON VIEW %1$I.metrics IS
            'Every value that was collected and is not older than settings.retention_days. What is inserted is rounded and stored like what is collected.'$sql$,
        $sql$COMMENT ON COLUMN %1$I.metrics.instance IS
            'What of the server was measured, for example a disk; empty for the server as a whole.'$sql$,
        $sql$CREATE OR REPLACE VIEW %1$I.metric_snapshots AS
         SELECT n.id, n.server_id, n.collected_at,
                -- Each begins with a comma and a blank.
                (SELECT concat('{', substr(string_agg(concat(m.json_before, coalesce(n.vals[m.position]::text, 'null'), m.json_after),
                                                      '' ORDER BY m.position), 3), '}')::json
                 FROM %1$I.set_members AS m WHERE m.set_key = n.set_key) AS metrics
         FROM %1$I.server_snapshots AS n
         WHERE n.set_key IS NOT NULL
             AND n.collected_at >= (SELECT now() - coalesce(max(s.retention_days), 30) * interval '1 day'
                                    FROM %1$I.settings AS s)$sql$,
        $sql$COMMENT ON VIEW %1$I.metric_snapshots IS
            'All values of a collection as one JSON object: a number, null where it was not known, or an object with one of these per instance.'$sql$,
        $sql$CREATE OR REPLACE VIEW %1$I.server_latest AS
         SELECT l.server_id, m.metric_type_id, m.instance, n.vals[m.position]::text::numeric AS value, l.collected_at::timestamptz
         FROM %1$I.latest_collections AS l
         -- The limit makes it a look-up per server, whatever the planner knows of the tables.
         CROSS JOIN LATERAL (SELECT s.vals FROM %1$I.server_snapshots AS s
                             WHERE s.server_id = l.server_id AND s.collected_at = l.collected_at AND s.id = l.snapshot_id
                             LIMIT 1) AS n
         JOIN %1$I.set_members AS m USING (set_key)
         WHERE l.collected_at >= (SELECT now() - coalesce(max(s.retention_days), 30) * interval '1 day'
                                  FROM %1$I.settings AS s)
         UNION ALL
         SELECT l.server_id, r.metric_type_id, r.instance, o.value::numeric, o.collected_at
         FROM %1$I.latest_collections AS l
         CROSS JOIN unnest(l.older_series, l.older_vals, l.older_times) AS o (series_key, value, collected_at)
         JOIN %1$I.series AS r USING (series_key)
         WHERE l.older_series IS NOT NULL
             AND o.collected_at >= (SELECT now() - coalesce(max(s.retention_days), 30) * interval '1 day'
                                    FROM %1$I.settings AS s)$sql$,
        $sql$COMMENT ON VIEW %1$I.server_latest IS
            'The newest value of every series of every server; NULL where it was not known. None that is older than settings.retention_days.'$sql$,
        $sql$CREATE OR REPLACE FUNCTION %1$I.insert_metric() RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO pg_catalog, pg_temp
         AS 'BEGIN
             NEW.instance := coalesce(NEW.instance, '''');
             SELECT i.value, i.collected_at, i.id INTO NEW.value, NEW.collected_at, NEW.id
             FROM vitals.insert_metric(tg_table_schema, NEW.server_id, NEW.metric_type_id, NEW.value, NEW.collected_at,
                                       NEW.instance) AS i;
             RETURN NEW;
         END'$sql$,
        $sql$CREATE OR REPLACE TRIGGER store INSTEAD OF INSERT ON %1$I.metrics
         FOR EACH ROW EXECUTE FUNCTION %1$I.insert_metric()$sql$,
        $sql$REVOKE ALL ON FUNCTION %1$I.insert_metric() FROM PUBLIC$sql$,
        $sql$CREATE OR REPLACE FUNCTION %1$I.rename_metric() RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO pg_catalog, pg_temp
         AS 'BEGIN
             PERFORM vitals.label_parts(tg_table_schema);
             RETURN NULL;
         END'$sql$,
        $sql$CREATE OR REPLACE TRIGGER rename AFTER UPDATE OF name ON %1$I.metric_types
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.rename_metric()$sql$,
        $sql$REVOKE ALL ON FUNCTION %1$I.rename_metric() FROM PUBLIC$sql$,
        -- With an older snapshot the parts are not in sight that were made since, nor would anybody look at them again.
        $sql$CREATE OR REPLACE FUNCTION %1$I.refuse_rename() RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO pg_catalog, pg_temp
         AS 'BEGIN
             RAISE EXCEPTION USING
                 ERRCODE = ''feature_not_supported'',
                 MESSAGE = ''renaming metrics needs READ COMMITTED'',
                 DETAIL = format(''The transaction is %%s.'', upper(current_setting(''transaction_isolation''))),
                 HINT = ''Use BEGIN ISOLATION LEVEL READ COMMITTED.'';
         END'$sql$,
        $sql$CREATE OR REPLACE TRIGGER refuse_rename BEFORE UPDATE OF name ON %1$I.metric_types
         FOR EACH ROW WHEN (NEW.name <> OLD.name AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable'))
         EXECUTE FUNCTION %1$I.refuse_rename()$sql$,
        $sql$REVOKE ALL ON FUNCTION %1$I.refuse_rename() FROM PUBLIC$sql$,
        -- The lock waits for what is being stored, which may remember what was so before. An older snapshot does not show a
        -- DELETE what that was; but TRUNCATE keeps the collector waiting until the end of the transaction.
        $sql$CREATE OR REPLACE FUNCTION %1$I.forget_sets() RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO pg_catalog, pg_temp
         AS 'BEGIN
             IF current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') THEN
                 TRUNCATE %1$I.known_sets, %1$I.known_parts;
             ELSE
                 LOCK TABLE %1$I.known_sets IN SHARE ROW EXCLUSIVE MODE;
                 DELETE FROM %1$I.known_sets;
                 DELETE FROM %1$I.known_parts;
             END IF;
             IF tg_table_name = ''series_sets'' AND tg_op = ''TRUNCATE'' THEN
                 TRUNCATE %1$I.set_parts;
             ELSIF tg_table_name = ''series_sets'' THEN
                 DELETE FROM %1$I.set_parts AS p
                 WHERE NOT EXISTS (SELECT FROM %1$I.series_sets AS k WHERE k.set_key = p.set_key);
             ELSIF tg_table_name = ''series_parts'' AND tg_op = ''TRUNCATE'' THEN
                 TRUNCATE %1$I.part_members;
             ELSIF tg_table_name = ''series_parts'' THEN
                 DELETE FROM %1$I.part_members AS m
                 WHERE NOT EXISTS (SELECT FROM %1$I.series_parts AS k WHERE k.part_key = m.part_key);
             END IF;
             -- A set that lacks a part shows the values of its others, and is not used for new ones.
             IF tg_table_name = ''series_parts'' THEN
                 UPDATE %1$I.series_sets AS k SET hash = gen_random_uuid()
                 WHERE EXISTS (SELECT FROM %1$I.set_parts AS p
                               WHERE p.set_key = k.set_key
                                   AND NOT EXISTS (SELECT FROM %1$I.series_parts AS r WHERE r.part_key = p.part_key));
             END IF;
             RETURN NULL;
         END'$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$I.metric_types
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_sets()$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget AFTER UPDATE OR TRUNCATE ON %1$I.series
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_sets()$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget AFTER UPDATE OF set_key, series_keys, hash OR TRUNCATE ON %1$I.series_sets
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_sets()$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget AFTER UPDATE OF part_key, series_keys, hash OR TRUNCATE ON %1$I.series_parts
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_sets()$sql$,
        $sql$REVOKE ALL ON FUNCTION %1$I.forget_sets() FROM PUBLIC$sql$,
        -- Only what is gone: else a fleet would be learned anew each time that vitals.prune_sets removes a set.
        $sql$CREATE OR REPLACE FUNCTION %1$I.forget_gone() RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO pg_catalog, pg_temp
         AS 'BEGIN
             IF current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') THEN
                 TRUNCATE %1$I.known_sets, %1$I.known_parts;
             ELSE
                 LOCK TABLE %1$I.known_sets IN SHARE ROW EXCLUSIVE MODE;
             END IF;
             IF tg_table_name = ''series_sets'' THEN
                 DELETE FROM %1$I.known_sets AS k WHERE k.set_key IN (SELECT g.set_key FROM gone AS g);
                 -- An array makes it a look-up, whatever the planner knows of the tables.
                 DELETE FROM %1$I.set_parts AS p WHERE p.set_key = ANY (ARRAY(SELECT g.set_key FROM gone AS g));
             ELSIF tg_table_name = ''series_parts'' THEN
                 DELETE FROM %1$I.known_parts AS k WHERE k.part_key IN (SELECT g.part_key FROM gone AS g);
                 DELETE FROM %1$I.part_members AS m WHERE m.part_key = ANY (ARRAY(SELECT g.part_key FROM gone AS g));
                 -- See forget_sets. Not if there are none: an update makes all forgotten.
                 IF EXISTS (SELECT FROM %1$I.set_parts AS p WHERE p.part_key = ANY (ARRAY(SELECT g.part_key FROM gone AS g))) THEN
                     UPDATE %1$I.series_sets AS k SET hash = gen_random_uuid()
                     WHERE k.set_key IN (SELECT p.set_key FROM %1$I.set_parts AS p JOIN gone AS g USING (part_key));
                 END IF;
             ELSIF EXISTS (SELECT FROM gone AS g
                           WHERE (SELECT m.part_key FROM %1$I.part_members AS m
                                  WHERE m.metric_type_id = g.metric_type_id AND m.series_key = g.series_key LIMIT 1) IS NOT NULL) THEN
                 DELETE FROM %1$I.known_sets;
                 DELETE FROM %1$I.known_parts;
             END IF;
             RETURN NULL;
         END'$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget_gone AFTER DELETE ON %1$I.series REFERENCING OLD TABLE AS gone
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_gone()$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget_gone AFTER DELETE ON %1$I.series_sets REFERENCING OLD TABLE AS gone
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_gone()$sql$,
        $sql$CREATE OR REPLACE TRIGGER forget_gone AFTER DELETE ON %1$I.series_parts REFERENCING OLD TABLE AS gone
         FOR EACH STATEMENT EXECUTE FUNCTION %1$I.forget_gone()$sql$,
        $sql$REVOKE ALL ON FUNCTION %1$I.forget_gone() FROM PUBLIC$sql$]
    LOOP
        EXECUTE format(statement, tenant_schema);
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant_views(name) IS
'Makes the views of a tenant, or makes them anew. Called by vitals.create_tenant_relations.';

CREATE FUNCTION vitals.new_metric_types_sql(tenant_schema name) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO %1$I.metric_types (name, unit, description, kind, scale)
                   SELECT m.name, m.unit, m.description, m.kind, m.scale
                   FROM vitals.metric_catalogue AS m
                   WHERE NOT EXISTS (SELECT FROM %1$I.metric_types AS t WHERE t.name = m.name)
                   ORDER BY m.name', tenant_schema)
$$;
COMMENT ON FUNCTION vitals.new_metric_types_sql(name) IS
'The statement that gives a tenant the metric types of the catalogue that it does not have. For a tenant that is made or upgraded.';

CREATE FUNCTION vitals.create_tenant_relations(
    tenant_schema name, owner regrole, retention_days integer, partition_width text
) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    PERFORM vitals.refuse_in_extension_script();
    PERFORM vitals.create_tenant_tables(tenant_schema);
    EXECUTE format('INSERT INTO %I.settings (retention_days, partition_width) VALUES ($1, $2)', tenant_schema)
        USING retention_days, partition_width;
    EXECUTE vitals.new_metric_types_sql(tenant_schema);
    PERFORM vitals.ensure_partitions_ahead(tenant_schema);
    PERFORM vitals.create_tenant_views(tenant_schema);
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO %s', c.oid::regclass, owner)
        FROM pg_class AS c
        WHERE c.relnamespace = quote_ident(tenant_schema)::regnamespace AND c.relkind IN ('r', 'p', 'v')
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO %s', p.oid::regprocedure, owner)
        FROM pg_proc AS p WHERE p.pronamespace = quote_ident(tenant_schema)::regnamespace
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION vitals.create_tenant_relations(name, regrole, integer, text) IS
'Makes the relations of a tenant in its schema and gives them to the owner. Called by vitals.create_tenant.';
