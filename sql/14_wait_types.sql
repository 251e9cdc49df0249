-- Kinds of waits: which category each belongs to, and which mean nothing. Every list of these goes stale with every release
-- of SQL Server, so that all waits are collected and what they are is decided here, by rows that an administrator can overrule.

CREATE TABLE vitals.wait_type_catalogue (
    wait_type text PRIMARY KEY,
    category text NOT NULL,
    ignored boolean NOT NULL,
    poison boolean NOT NULL
);
COMMENT ON TABLE vitals.wait_type_catalogue IS 'What the extension says of wait types. vitals.wait_types has the choices of the administrator as well.';

INSERT INTO vitals.wait_type_catalogue (wait_type, category, ignored, poison)
SELECT w.wait_type, w.category, w.ignored, w.poison
FROM jsonb_to_recordset(
$json$
@include wait_types.json
$json$
) AS w (wait_type text, category text, ignored boolean, poison boolean);

-- Apart from the catalogue, so that a dump carries them alone, and an update of the extension leaves them.
CREATE TABLE vitals.wait_type_choices (
    wait_type text PRIMARY KEY CHECK (wait_type ~ '^[A-Z0-9_]{1,60}$'),
    -- In bytes as the prober counts: what it refuses would cost the group.
    category text CHECK (length(category) BETWEEN 1 AND 60 AND octet_length(category) <= 128),
    ignored boolean,
    chosen_by name NOT NULL DEFAULT session_user,
    chosen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vitals.wait_type_choices IS
'What vitals.classify_wait wrote; NULL: as in vitals.wait_type_catalogue. Dumps carry it.';
SELECT pg_catalog.pg_extension_config_dump('vitals.wait_type_choices', '');

CREATE VIEW vitals.wait_types AS
SELECT wait_type, coalesce(w.category, c.category, 'Other') AS category, coalesce(w.ignored, c.ignored, false) AS ignored,
    coalesce(c.poison, false) AS poison, CASE WHEN w.wait_type IS NULL THEN 'builtin' ELSE 'user' END AS origin
FROM vitals.wait_type_catalogue AS c
FULL JOIN vitals.wait_type_choices AS w USING (wait_type);
COMMENT ON VIEW vitals.wait_types IS
'Category of each wait type, and whether it counts. A type that is not here counts, in category Other. Change it with vitals.classify_wait.';
COMMENT ON COLUMN vitals.wait_types.wait_type IS 'Name, as in sys.dm_os_wait_stats.';
COMMENT ON COLUMN vitals.wait_types.category IS 'Category, as in SQL Server''s Query Store; wait_category_ms sums by it.';
COMMENT ON COLUMN vitals.wait_types.ignored IS 'Whether it is left out of all wait metrics: background threads that wait for work.';
COMMENT ON COLUMN vitals.wait_types.poison IS 'Whether any of it deserves a look, for example THREADPOOL.';
COMMENT ON COLUMN vitals.wait_types.origin IS 'builtin, or user: chosen with vitals.classify_wait.';
