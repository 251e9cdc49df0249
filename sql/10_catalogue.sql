-- What can be polled and what can be measured. The rows are the extension's own: no dump carries them.

CREATE TABLE vitals.connectors (
    name text PRIMARY KEY,
    description text NOT NULL,
    default_port integer,
    needs_host boolean NOT NULL,
    needs_superuser boolean NOT NULL,
    options text[] NOT NULL
);
COMMENT ON TABLE vitals.connectors IS 'The kinds of target that can be polled.';
COMMENT ON COLUMN vitals.connectors.needs_superuser IS
'Only a superuser may add such a server: it shows the database''s own host.';
COMMENT ON COLUMN vitals.connectors.options IS 'The keys that servers.options may have for this connector.';

INSERT INTO vitals.connectors (name, description, default_port, needs_host, needs_superuser, options) VALUES
    ('mssql', 'Microsoft SQL Server, over TDS with FreeTDS', 1433, true, false,
     ARRAY['instance', 'auth', 'encrypt', 'ca_file', 'hostname_in_certificate', 'trust_server_certificate', 'server_spn', 'database',
           'application_intent', 'app_name', 'packet_size', 'mode']),
    ('local', 'The host that PostgreSQL runs on', NULL, false, true, ARRAY[]::text[]);

CREATE TABLE vitals.metric_group_catalogue (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    connector text NOT NULL REFERENCES vitals.connectors,
    description text NOT NULL,
    cost text NOT NULL CHECK (cost IN ('cheap', 'medium', 'expensive')),
    permission text,
    every integer NOT NULL CHECK (every BETWEEN 1 AND 3600),
    timeout_ms integer,
    row_limit integer NOT NULL CHECK (row_limit BETWEEN 1 AND 5000),
    layout text NOT NULL CHECK (layout IN ('columns', 'rows')),
    labels text[] NOT NULL,
    key_columns text[] NOT NULL,
    new_rows text NOT NULL CHECK (new_rows IN ('from_zero', 'own_life')),
    variants jsonb NOT NULL
);
COMMENT ON TABLE vitals.metric_group_catalogue IS
'The groups that come with the extension: one statement each, whose result becomes metrics.';
COMMENT ON COLUMN vitals.metric_group_catalogue.cost IS
'What it costs the target. cheap: structures in memory; medium: grows with sessions or databases; expensive: reads disks or history.';
COMMENT ON COLUMN vitals.metric_group_catalogue.permission IS 'What the login needs for it; NULL: nothing but the login.';
COMMENT ON COLUMN vitals.metric_group_catalogue.every IS 'It runs in every n-th cycle of a server.';
COMMENT ON COLUMN vitals.metric_group_catalogue.timeout_ms IS 'Of the statement; NULL: the deadline of the poll.';
COMMENT ON COLUMN vitals.metric_group_catalogue.row_limit IS 'Rows beyond it are not used.';
COMMENT ON COLUMN vitals.metric_group_catalogue.layout IS
'columns: a metric is a column; rows: rows of object_name, counter_name, instance_name, cntr_value.';
COMMENT ON COLUMN vitals.metric_group_catalogue.labels IS 'Columns whose texts, joined with /, are the instance of a metric of rows.';
COMMENT ON COLUMN vitals.metric_group_catalogue.key_columns IS
'Further columns that tell whether a row is about the same thing as in the sample before.';
COMMENT ON COLUMN vitals.metric_group_catalogue.new_rows IS
'What a row counts from that the sample before did not have. from_zero: zero; own_life: unknown until the next sample.';
COMMENT ON COLUMN vitals.metric_group_catalogue.variants IS
'Array of min_version (major, 11 is SQL Server 2012), editions (SERVERPROPERTY(''EngineEdition''); without: all but Azure SQL Database and Synapse) and sql: the first one that fits the target is run.';

CREATE TABLE vitals.metric_catalogue (
    name text PRIMARY KEY,
    unit text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('gauge', 'rate', 'delta', 'ratio', 'average')),
    scale smallint NOT NULL CHECK (scale BETWEEN 0 AND 9),
    connectors text[] NOT NULL,
    description text NOT NULL,
    metric_group text REFERENCES vitals.metric_group_catalogue,
    source text,
    base text,
    factor double precision NOT NULL DEFAULT 1,
    over_rows text NOT NULL DEFAULT 'row' CHECK (over_rows IN ('row', 'sum', 'max', 'min', 'count', 'category')),
    instance text NOT NULL DEFAULT '',
    skip_ignored boolean NOT NULL DEFAULT false,
    nr integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE vitals.metric_catalogue IS 'The metrics that the connectors collect; a new tenant''s metric_types start as a copy.';
COMMENT ON COLUMN vitals.metric_catalogue.kind IS
'gauge: a reading; rate: change per second over the target''s own clock; delta: change since the sample before; ratio: 100 times the reading over its base; average: change of the reading over change of its base.';
COMMENT ON COLUMN vitals.metric_catalogue.scale IS 'Digits after the decimal point that are stored.';
COMMENT ON COLUMN vitals.metric_catalogue.metric_group IS
'The group that reads it from targets of connector mssql; NULL: the connectors'' own code does.';
COMMENT ON COLUMN vitals.metric_catalogue.source IS 'What is read: a column of the group''s result, or object\counter.';
COMMENT ON COLUMN vitals.metric_catalogue.base IS 'What it is divided by, for kinds ratio and average.';
COMMENT ON COLUMN vitals.metric_catalogue.factor IS 'What the value is multiplied with, so that it has its unit.';
COMMENT ON COLUMN vitals.metric_catalogue.over_rows IS
'row: a value a row; sum, max, min, count: one value of all rows; category: a sum for each category of vitals.wait_types.';
COMMENT ON COLUMN vitals.metric_catalogue.instance IS
'For counters: whose rows count. Empty: those without instance; *: all instances but _Total; else the instance of this name.';
COMMENT ON COLUMN vitals.metric_catalogue.skip_ignored IS 'Whether rows do not count that vitals.wait_types ignores.';
COMMENT ON COLUMN vitals.metric_catalogue.nr IS 'Its place within the group.';

-- What connectors read with code of their own.
INSERT INTO vitals.metric_catalogue (name, unit, kind, scale, connectors, description) VALUES
    ('cpu_percent', '%', 'rate', 2, '{mssql,local}',
     'CPU used since the sample before, of all CPUs: by the SQL Server process, or by the whole local host.'),
    ('clock_skew_ms', 'ms', 'gauge', 0, '{mssql}',
     'The server''s clock minus the collector''s: above 0 where the server''s is ahead.'),
    ('memory_percent', '%', 'ratio', 2, '{local}', ''),
    ('disk_io_reads', '1/s', 'rate', 2, '{local}', ''),
    ('disk_io_writes', '1/s', 'rate', 2, '{local}', ''),
    ('memory_total_bytes', 'B', 'gauge', 0, '{local}', ''),
    ('memory_available_bytes', 'B', 'gauge', 0, '{local}', ''),
    ('uptime_seconds', 's', 'gauge', 0, '{local}', ''),
    ('cpu_iowait_percent', '%', 'rate', 2, '{local}', 'CPU time spent idle while waiting for disks.'),
    ('cpu_steal_percent', '%', 'rate', 2, '{local}', 'CPU time the hypervisor gave to other machines.'),
    ('load1', '1', 'gauge', 2, '{local}', 'Load average over one minute.'),
    ('load5', '1', 'gauge', 2, '{local}', 'Load average over five minutes.'),
    ('load15', '1', 'gauge', 2, '{local}', 'Load average over fifteen minutes.'),
    ('swap_percent', '%', 'gauge', 2, '{local}', 'Swap space in use.'),
    ('disk_percent', '%', 'gauge', 2, '{local}', 'Space in use per mount point, as df computes it.'),
    ('disk_used_bytes', 'B', 'gauge', 0, '{local}', 'Space in use per mount point.'),
    ('disk_total_bytes', 'B', 'gauge', 0, '{local}', 'Size of the file system per mount point.'),
    ('disk_read_ops', '1/s', 'rate', 2, '{local}', 'Read operations per second and device.'),
    ('disk_write_ops', '1/s', 'rate', 2, '{local}', 'Write operations per second and device.'),
    ('disk_read_bytes', 'B/s', 'rate', 2, '{local}', 'Bytes read per second and device.'),
    ('disk_write_bytes', 'B/s', 'rate', 2, '{local}', 'Bytes written per second and device.'),
    ('net_bytes_in', 'B/s', 'rate', 2, '{local}', 'Bytes received per second and interface.'),
    ('net_bytes_out', 'B/s', 'rate', 2, '{local}', 'Bytes sent per second and interface.');
