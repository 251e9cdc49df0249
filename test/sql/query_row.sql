-- vitals.query_row: a statement with parameters, and a plan that the session keeps.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE TABLE query_row_things (id integer PRIMARY KEY, name text);
INSERT INTO query_row_things VALUES (1, 'one'), (2, 'two');

SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', n) AS found FROM generate_series(1, 3) AS n ORDER BY n;
SELECT vitals.query_row('SELECT name FROM public.query_row_things ORDER BY id DESC LIMIT $1', 2) AS first_of_two;
SELECT vitals.query_row('SELECT $1 IS NULL, $2', NULL::integer, 'x'::text) AS with_null;
-- The same text with other types is another statement.
SELECT vitals.query_row('SELECT pg_typeof($1)', 1), vitals.query_row('SELECT pg_typeof($1)', 1::bigint);

-- ---- what changes under a plan that is kept
INSERT INTO query_row_things VALUES (3, 'three');
SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', 3) AS new_row;
ALTER TABLE query_row_things ALTER name TYPE integer USING length(name);
SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', 3) AS other_type;
DROP TABLE query_row_things;
SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', 3);
CREATE VIEW query_row_things AS SELECT 3 AS id, 'a view'::text AS name;
SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', 3) AS other_relation;
DISCARD ALL;
\set SHOW_CONTEXT never
SELECT vitals.query_row('SELECT name, id FROM public.query_row_things WHERE id = $1', 3) AS after_discard;

-- ---- more statements than are kept, and one that calls back while it runs
SELECT count(vitals.query_row(format('SELECT %s + $1', n), 1)) AS different FROM generate_series(1, 200) AS n;
-- Of more than there is room for the first stay, and not each in turn.
SELECT count(*) AS kept, min(substring(ident FROM 'SELECT (\d+) \+')::integer) AS first, max(substring(ident FROM 'SELECT (\d+) \+')::integer) < 64 AS no_late_one
FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT % + $1';
CREATE FUNCTION query_row_nested(depth integer) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
    found record;
BEGIN
    IF depth = 0 THEN
        RETURN (SELECT count(vitals.query_row(format('SELECT %s * $1', n), 2)) FROM generate_series(1, 100) AS n);
    END IF;
    found := vitals.query_row('SELECT public.query_row_nested($1 - 1) AS n', depth);
    RETURN found.n;
END
$$;
SELECT query_row_nested(3);
-- An error in between leaves nothing behind.
SELECT vitals.query_row('SELECT 1 / $1', 0);
SELECT vitals.query_row('SELECT 1 / $1', 1);
SELECT query_row_nested(3);

-- ---- a statement that is long is not kept
\c -
\set SHOW_CONTEXT never
SELECT vitals.query_row('SELECT $1 AS short_one', 1), vitals.query_row('SELECT $1 AS long_one --' || repeat('x', 16384), 2);
SELECT count(*) FILTER (WHERE ident LIKE 'SELECT $1 AS short_one%') AS short, count(*) FILTER (WHERE ident LIKE 'SELECT $1 AS long_one%') AS long
FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource';

-- ---- execute_row: all of a statement that changes rows is run, and what comes after it sees that
CREATE TABLE query_row_changed (id integer, name text);
SELECT vitals.execute_row('INSERT INTO public.query_row_changed SELECT n, $2 FROM generate_series(1, $1) AS n RETURNING id, name', n, 'x'::text) AS first_of_them
FROM generate_series(2, 3) AS n;
SELECT count(*) AS all_of_them FROM query_row_changed;
SELECT vitals.execute_row('WITH gone AS (DELETE FROM public.query_row_changed WHERE id = $1 RETURNING id) SELECT count(*) FROM gone', 1) AS gone,
    vitals.execute_row('SELECT count(*) FROM public.query_row_changed WHERE id = $1', 1) AS then_left;
SELECT vitals.execute_row('DELETE FROM public.query_row_changed WHERE id >= $1', 1) IS NULL AS without_a_row,
    vitals.execute_row('SELECT count(*) FROM public.query_row_changed WHERE id >= $1', 1) AS left_over;
SELECT vitals.execute_row('SELECT 1 / $1', 0);
SELECT vitals.execute_row('SELECT 1 / $1', 1);
-- Its plan and that of query_row for the same text are two.
SELECT vitals.query_row('INSERT INTO public.query_row_changed VALUES ($1) RETURNING id', 1);
SELECT vitals.execute_row('INSERT INTO public.query_row_changed VALUES ($1) RETURNING id', 1);
SELECT vitals.query_row('INSERT INTO public.query_row_changed VALUES ($1) RETURNING id', 1);
DROP TABLE query_row_changed;

-- ---- with the rights of whoever calls, also where another's plan is kept
CREATE ROLE regress_query_row;
GRANT USAGE ON SCHEMA vitals TO regress_query_row;
GRANT EXECUTE ON FUNCTION vitals.query_row(text, "any") TO regress_query_row;
CREATE SCHEMA query_row_hidden;
CREATE TABLE query_row_hidden.things AS SELECT 1 AS id;
GRANT SELECT ON query_row_hidden.things TO regress_query_row;
SELECT vitals.query_row('SELECT id FROM query_row_hidden.things WHERE id = $1', 1) AS owners;
SET ROLE regress_query_row;
SELECT vitals.query_row('SELECT id FROM query_row_hidden.things WHERE id = $1', 1);
RESET ROLE;
GRANT USAGE ON SCHEMA query_row_hidden TO regress_query_row;
SET ROLE regress_query_row;
SELECT vitals.query_row('SELECT id FROM query_row_hidden.things WHERE id = $1', 1) AS now_allowed;
RESET ROLE;
REVOKE SELECT ON query_row_hidden.things FROM regress_query_row;
SET ROLE regress_query_row;
SELECT vitals.query_row('SELECT id FROM query_row_hidden.things WHERE id = $1', 1);
RESET ROLE;

-- ---- refused
SELECT vitals.query_row('DELETE FROM query_row_hidden.things WHERE id = $1', 1);
SELECT vitals.query_row(NULL, 1);
SELECT vitals.query_row('SELECT $1', 'x');
SELECT vitals.query_row('SELECT $1', VARIADIC ARRAY[1]);
SELECT vitals.query_row('SELECT 1', 1, 2, 3, 4, 5, 6, 7, 8, 9);

DROP FUNCTION query_row_nested(integer);
DROP VIEW query_row_things;
DROP TABLE query_row_hidden.things;
DROP SCHEMA query_row_hidden;
DROP OWNED BY regress_query_row;
DROP ROLE regress_query_row;
