\echo Use "CREATE EXTENSION pg_vitals" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

-- Not IF NOT EXISTS: a schema of this name that somebody else made before must not be adopted.
CREATE SCHEMA vitals;
COMMENT ON SCHEMA vitals IS 'pg_vitals: monitoring of a fleet, polled and stored by this database';

CREATE FUNCTION vitals.version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vitals_version';
COMMENT ON FUNCTION vitals.version() IS
'Version of the loaded module. Differs from the extension''s version between the upgrade of the package and ALTER EXTENSION pg_vitals UPDATE.';
