-- The connector "collector": this database's collector, as a server like any other.

INSERT INTO vitals.connectors (name, description, default_port, needs_host, needs_superuser, options) VALUES
    ('collector', 'The collector of this database itself, and its probers', NULL, false, true, ARRAY[]::text[]);

INSERT INTO vitals.metric_catalogue (name, unit, kind, scale, connectors, description) VALUES
    ('collector_servers', 'servers', 'gauge', 0, '{collector}', 'Servers of all tenants whose collection is on.'),
    ('collector_servers_down', 'servers', 'gauge', 0, '{collector}', 'Those of them where nobody is there: probed, not polled.'),
    ('collector_in_flight', 'polls', 'gauge', 0, '{collector}', 'Polls and probes that run at the moment.'),
    ('collector_due', 'polls', 'gauge', 0, '{collector}', 'Polls that are due and not started yet.'),
    ('collector_overdue', 'polls', 'gauge', 0, '{collector}', 'Those of them that have been due for more than a second.'),
    ('collector_lag_p50_ms', 'ms', 'gauge', 3, '{collector}', 'How late the polls of the last five minutes started: the median.'),
    ('collector_lag_p99_ms', 'ms', 'gauge', 3, '{collector}', 'How late the polls of the last five minutes started: 99 of 100 were not later.'),
    ('collector_polls_sec', '1/s', 'rate', 2, '{collector}', 'Polls that ended, well or not, per second.'),
    ('collector_polls_failed', 'polls', 'delta', 0, '{collector}', 'Polls of which nothing could be read, since the sample before.'),
    ('collector_polls_lost', 'polls', 'delta', 0, '{collector}', 'Polls that got lost with their prober, since the sample before.'),
    ('collector_errors', 'polls', 'delta', 0, '{collector}', 'Polls that ended with an error since the sample before, by error class.'),
    ('collector_cycles_skipped', 'cycles', 'delta', 0, '{collector}', 'Cycles that came and went before anything could be done for them, since the sample before.'),
    ('collector_probes', 'probes', 'delta', 0, '{collector}', 'Probes of servers that are down, since the sample before.'),
    ('collector_samples_stored', 'samples', 'delta', 0, '{collector}', 'Rows written to server_snapshots since the sample before.'),
    ('collector_samples_lost', 'samples', 'delta', 0, '{collector}', 'Polls since the sample before that a tenant''s tables refused or took too long for.'),
    ('collector_cpu_percent', '%', 'rate', 2, '{collector}', 'CPU that the collector''s process used since the sample before, of one CPU.'),
    ('collector_resident_bytes', 'B', 'gauge', 0, '{collector}', 'Memory of the collector''s process, with what it shares with the server.'),
    ('prober_resident_bytes', 'B', 'gauge', 0, '{collector}', 'Memory of the prober of each tenant.'),
    ('prober_in_flight', 'polls', 'gauge', 0, '{collector}', 'Polls and probes that the prober of each tenant works on.'),
    ('prober_restarts', 'restarts', 'delta', 0, '{collector}', 'How often the prober of each tenant was replaced since the sample before.');
