-- Which database this installation of the extension belongs to. A copy made with CREATE DATABASE … TEMPLATE and a restored
-- dump must not begin to poll the servers that the original polls: they are recognised here and wait for vitals.enable().
--
-- The row is in no dump, so that CREATE EXTENSION gives a restored database an id of its own, and the tenants that the dump
-- brings along carry the old one. A copy has the same id in a database of another oid. pg_upgrade (to 15 and newer), RENAME
-- and a standby's promotion keep both.
CREATE TABLE vitals.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL,
    database_oid oid NOT NULL
);
COMMENT ON TABLE vitals.installation IS
'One row: the database that this installation collects for. Not in dumps. Changed by vitals.enable() and vitals.disable().';
COMMENT ON COLUMN vitals.installation.database_oid IS 'The database that it was made or enabled for; 0 after vitals.disable().';

INSERT INTO vitals.installation (id, database_oid)
SELECT gen_random_uuid(), d.oid FROM pg_database AS d WHERE d.datname = current_database();

CREATE FUNCTION vitals.installation_id() RETURNS uuid
LANGUAGE sql STABLE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT i.id FROM vitals.installation AS i
$$;
COMMENT ON FUNCTION vitals.installation_id() IS 'Id of this installation: what makes a tenant one of this database.';

ALTER TABLE vitals.tenant_registry ADD COLUMN installation uuid NOT NULL DEFAULT vitals.installation_id();
COMMENT ON COLUMN vitals.tenant_registry.installation IS
'The installation that collects for the tenant. In a restored database it is that of the dumped one, until vitals.enable().';

CREATE VIEW vitals.installation_status WITH (security_barrier) AS
SELECT found.reason IS NOT NULL AS paused, found.reason
FROM (
    SELECT CASE
        WHEN i.id IS NULL THEN 'The table vitals.installation has lost its row.'
        WHEN i.database_oid = 0 THEN 'It was switched off with vitals.disable().'
        WHEN i.database_oid <> d.oid THEN 'This database was made as a copy of another one.'
        WHEN EXISTS (SELECT FROM vitals.tenant_registry AS t WHERE t.installation <> i.id)
            THEN 'The tenants of this database were restored from a dump.'
    END AS reason
    FROM pg_catalog.pg_database AS d
    LEFT JOIN vitals.installation AS i ON true
    WHERE d.datname = pg_catalog.current_database()
) AS found;
COMMENT ON VIEW vitals.installation_status IS 'Whether this database waits for vitals.enable() before anything is collected: one row.';
COMMENT ON COLUMN vitals.installation_status.paused IS 'Whether it waits.';
COMMENT ON COLUMN vitals.installation_status.reason IS 'Why it waits; NULL if it does not.';

CREATE FUNCTION vitals.enable() RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    tenant_role regrole;
BEGIN
    LOCK TABLE vitals.tenant_registry IN SHARE ROW EXCLUSIVE MODE;
    IF NOT (SELECT s.paused FROM vitals.installation_status AS s) THEN
        RETURN;
    END IF;
    -- A new id: a copy must not pass for the original when one is restored into the other.
    INSERT INTO vitals.installation AS i (id, database_oid)
    SELECT gen_random_uuid(), d.oid FROM pg_database AS d WHERE d.datname = current_database()
    ON CONFLICT (only_row) DO UPDATE SET id = excluded.id, database_oid = excluded.database_oid;
    UPDATE vitals.tenant_registry SET installation = vitals.installation_id();
    -- A dump leaves out what was granted before an upgrade script touched the same access list.
    FOR tenant_role IN SELECT DISTINCT t.role FROM vitals.tenant_registry AS t LOOP
        PERFORM vitals.grant_tenant_functions(tenant_role);
    END LOOP;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.enable() IS
'Begins to collect in a database that waits for it: a restored one, a copy of another one, or one that vitals.disable() switched off. Does nothing elsewhere. Needs a superuser.';

CREATE FUNCTION vitals.disable() RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE vitals.installation SET database_oid = 0;
    PERFORM vitals.notify_collector();
END
$$;
COMMENT ON FUNCTION vitals.disable() IS
'Stops all collection in this database until vitals.enable(), whatever its tenants have switched on. For a clone of the whole cluster, which nothing tells from the original. Needs a superuser.';
