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

CREATE TABLE vitals.metric_catalogue (
    name text PRIMARY KEY,
    unit text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('gauge', 'rate', 'delta')),
    scale smallint NOT NULL CHECK (scale BETWEEN 0 AND 9),
    connectors text[] NOT NULL,
    description text NOT NULL
);
COMMENT ON TABLE vitals.metric_catalogue IS 'The metrics that the connectors collect; a new tenant''s metric_types start as a copy.';
COMMENT ON COLUMN vitals.metric_catalogue.kind IS
'gauge: a reading; rate: change per second over the target''s own clock; delta: change since the sample before.';
COMMENT ON COLUMN vitals.metric_catalogue.scale IS 'Digits after the decimal point that are stored.';

INSERT INTO vitals.metric_catalogue (name, unit, kind, scale, connectors, description) VALUES
    ('cpu_percent', '%', 'rate', 2, '{mssql,local}',
     'CPU used since the sample before, of all CPUs: by the SQL Server process, or by the whole local host.'),
    ('memory_percent', '%', 'gauge', 2, '{mssql,local}', 'Physical memory of the host that is in use.'),
    ('connection_count', 'sessions', 'gauge', 0, '{mssql}', 'User sessions with a finished login.'),
    ('batch_requests_sec', '1/s', 'rate', 2, '{mssql}', 'T-SQL batches received per second.'),
    ('page_life_expectancy', 's', 'gauge', 0, '{mssql}', 'Seconds a page stays in the buffer pool without references.'),
    ('blocked_processes', 'sessions', 'gauge', 0, '{mssql}', 'Sessions that wait for another session.'),
    ('wait_time_ms', 'ms', 'delta', 0, '{mssql}', 'Time spent in finished, non-benign waits since the sample before.'),
    ('disk_io_reads', '1/s', 'rate', 2, '{mssql,local}', 'Read operations per second, over all database files or disks.'),
    ('disk_io_writes', '1/s', 'rate', 2, '{mssql,local}', 'Write operations per second, over all database files or disks.'),
    ('cpu_iowait_percent', '%', 'rate', 2, '{local}', 'CPU time spent idle while waiting for disks.'),
    ('cpu_steal_percent', '%', 'rate', 2, '{local}', 'CPU time the hypervisor gave to other machines.'),
    ('load1', '1', 'gauge', 2, '{local}', 'Load average over one minute.'),
    ('load5', '1', 'gauge', 2, '{local}', 'Load average over five minutes.'),
    ('load15', '1', 'gauge', 2, '{local}', 'Load average over fifteen minutes.'),
    ('memory_total_bytes', 'B', 'gauge', 0, '{local}', 'Physical memory.'),
    ('memory_available_bytes', 'B', 'gauge', 0, '{local}', 'Memory available without swapping.'),
    ('swap_percent', '%', 'gauge', 2, '{local}', 'Swap space in use.'),
    ('disk_percent', '%', 'gauge', 2, '{local}', 'Space in use per mount point, as df computes it.'),
    ('disk_used_bytes', 'B', 'gauge', 0, '{local}', 'Space in use per mount point.'),
    ('disk_total_bytes', 'B', 'gauge', 0, '{local}', 'Size of the file system per mount point.'),
    ('disk_read_ops', '1/s', 'rate', 2, '{local}', 'Read operations per second and device.'),
    ('disk_write_ops', '1/s', 'rate', 2, '{local}', 'Write operations per second and device.'),
    ('disk_read_bytes', 'B/s', 'rate', 2, '{local}', 'Bytes read per second and device.'),
    ('disk_write_bytes', 'B/s', 'rate', 2, '{local}', 'Bytes written per second and device.'),
    ('net_bytes_in', 'B/s', 'rate', 2, '{local}', 'Bytes received per second and interface.'),
    ('net_bytes_out', 'B/s', 'rate', 2, '{local}', 'Bytes sent per second and interface.'),
    ('uptime_seconds', 's', 'gauge', 0, '{local}', 'Time since the host started.');
