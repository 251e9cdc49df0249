-- What PostgREST exposes: the schema vitals_api. Its views can be read and nothing else, since a PATCH or DELETE without a
-- filter would reach every server; what changes something is a function and acts on one. Nobody is granted anything here:
-- vitals.setup_rest does that. The comments are the texts of the OpenAPI document.

CREATE SCHEMA vitals_api;
COMMENT ON SCHEMA vitals_api IS
'pg_vitals
Monitoring of a fleet: servers, their collection and what was collected.

Everything is about one tenant: the one that the claim "tenant" of the token names, else the only one that the token''s role may use. Views are read with GET, filtered, ordered and cut as PostgREST does it, for example ?status=eq.offline&order=status_since.desc&limit=10; filters are applied to what the view''s description says it has, so ask the functions that take a server_id for one server or for history. A server is addressed by its id. All times are ISO 8601 with a zone. A value that is not known is null, never 0. Errors are objects of code, message, details, hint: 400 bad argument, 401 no valid token, 403 not permitted, 404 no such server or metric (another tenant''s looks the same), 409 name exists, 503 the collector cannot do it now, 504 it did not answer in time.';

CREATE VIEW vitals_api.servers AS
SELECT s.server_id, s.name, s.connector, s.host, s.port, s.options, s.has_credential, s.interval_seconds, s.enabled,
    s.metrics_enabled, s.status, s.status_since, s.last_collected_at, s.last_error, s.created_at
FROM vitals.server_rows() AS s;
COMMENT ON VIEW vitals_api.servers IS
'Servers
The servers of the tenant: how each is reached, how it is collected, and how it is. One row per server, by name.';
COMMENT ON COLUMN vitals_api.servers.server_id IS 'Id of the server: what all functions take. It never changes.';
COMMENT ON COLUMN vitals_api.servers.name IS 'Name of the server, unique in the tenant: 1 to 200 characters.';
COMMENT ON COLUMN vitals_api.servers.connector IS 'What kind of target it is, for example mssql.';
COMMENT ON COLUMN vitals_api.servers.host IS 'Host name or address; null where the connector needs none.';
COMMENT ON COLUMN vitals_api.servers.port IS 'TCP port, 1 to 65535; null where the connector needs none.';
COMMENT ON COLUMN vitals_api.servers.options IS 'Options of the connector, for example {"encrypt": "require"}.';
COMMENT ON COLUMN vitals_api.servers.has_credential IS 'Whether a login is stored. Neither it nor its password can be read.';
COMMENT ON COLUMN vitals_api.servers.interval_seconds IS 'Seconds between two polls: 30 to 3600.';
COMMENT ON COLUMN vitals_api.servers.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals_api.servers.metrics_enabled IS 'Names of metrics and metric groups that are collected; * is all.';
COMMENT ON COLUMN vitals_api.servers.status IS
'unknown: not polled yet; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals_api.servers.status_since IS 'Since when it has this status; null before the first poll.';
COMMENT ON COLUMN vitals_api.servers.last_collected_at IS 'When something was read last; null if never.';
COMMENT ON COLUMN vitals_api.servers.last_error IS 'Message of the newest poll''s error; null after a good one.';
COMMENT ON COLUMN vitals_api.servers.created_at IS 'When the server was added.';

CREATE VIEW vitals_api.fleet_status AS
SELECT f.server_id, f.server, f.connector, f.host, f.enabled, f.status, f.status_since, f.cpu_percent, f.memory_percent,
    f.connection_count, f.collected_at, f.last_seen_at, f.last_error
FROM vitals.fleet_status_rows() AS f;
COMMENT ON VIEW vitals_api.fleet_status IS
'Fleet status
How every server is, with its newest values: one row per server, by name, without a look at history.';
COMMENT ON COLUMN vitals_api.fleet_status.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.fleet_status.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.fleet_status.connector IS 'What kind of target it is, for example mssql.';
COMMENT ON COLUMN vitals_api.fleet_status.host IS 'Host name or address; null where the connector needs none.';
COMMENT ON COLUMN vitals_api.fleet_status.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals_api.fleet_status.status IS
'unknown: not polled yet; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals_api.fleet_status.status_since IS 'Since when it has this status; null before the first poll.';
COMMENT ON COLUMN vitals_api.fleet_status.cpu_percent IS 'Newest value, in percent of all CPUs; null where it is not known.';
COMMENT ON COLUMN vitals_api.fleet_status.memory_percent IS 'Newest value, in percent of the physical memory; null where it is not known.';
COMMENT ON COLUMN vitals_api.fleet_status.connection_count IS 'Newest number of user sessions; null where it is not known.';
COMMENT ON COLUMN vitals_api.fleet_status.collected_at IS
'When these values are from: look here before trusting those of a server that is offline.';
COMMENT ON COLUMN vitals_api.fleet_status.last_seen_at IS 'When something was read last; null if never.';
COMMENT ON COLUMN vitals_api.fleet_status.last_error IS 'Message of the newest poll''s error; null after a good one.';

CREATE VIEW vitals_api.latest_metrics AS
SELECT l.server_id, l.server, l.metric, l.instance, l.value, l.unit, l.collected_at FROM vitals.latest_metrics_rows() AS l;
COMMENT ON VIEW vitals_api.latest_metrics IS
'Newest values
The newest value of every metric of every server, by server and metric. All of it is read whatever the filter: for one server GET /rpc/server_metrics is faster.';
COMMENT ON COLUMN vitals_api.latest_metrics.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.latest_metrics.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.latest_metrics.metric IS 'Name of the metric, for example cpu_percent.';
COMMENT ON COLUMN vitals_api.latest_metrics.instance IS 'What of the server was measured, for example a disk; empty for the server as a whole.';
COMMENT ON COLUMN vitals_api.latest_metrics.value IS
'null where it is not known: first sample of a rate, restart of the server, gap, no permission. Never 0 instead.';
COMMENT ON COLUMN vitals_api.latest_metrics.unit IS 'Unit of the value, for example % or 1/s.';
COMMENT ON COLUMN vitals_api.latest_metrics.collected_at IS
'When it was collected: look here before trusting a value of a server that is offline.';

CREATE VIEW vitals_api.collection_status AS
SELECT c.server_id, c.server, c.connector, c.enabled, c.interval_seconds, c.status, c.state, c.next_due_at, c.next_probe_at,
    pg_catalog.round(EXTRACT(epoch FROM c.lag) * 1000, 3) AS lag_ms, c.last_collected_at,
    pg_catalog.round(EXTRACT(epoch FROM c.duration) * 1000, 3) AS duration_ms,
    c.consecutive_failures, c.error_class, c.last_error, c.last_error_at, c.facts
FROM vitals.collection_status_rows() AS c;
COMMENT ON VIEW vitals_api.collection_status IS
'Collection status
How the collection of every server is going: one row per server, by name.';
COMMENT ON COLUMN vitals_api.collection_status.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.collection_status.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.collection_status.connector IS 'What kind of target it is, for example mssql.';
COMMENT ON COLUMN vitals_api.collection_status.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals_api.collection_status.interval_seconds IS 'Seconds between two polls; null where its configuration is missing.';
COMMENT ON COLUMN vitals_api.collection_status.status IS
'unknown: not polled yet; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals_api.collection_status.state IS
'stopped: collection is off; paused: it is on, but nothing is collected in this database; no collector: it is on, but no collector runs; waiting: for the first poll; scheduled; overdue: the next poll is more than 10 seconds late.';
COMMENT ON COLUMN vitals_api.collection_status.next_due_at IS
'When the next poll is due, or, of a server that is probed, its next cycle; null while collection is off or before the first one.';
COMMENT ON COLUMN vitals_api.collection_status.next_probe_at IS
'When a server where nobody is there is asked again whether it is back, which makes a poll due at once; null while it is polled. Written with each of its cycles: one that is past was made since, in vain, or waits for its turn; the next follows after a longer wait, at most five minutes.';
COMMENT ON COLUMN vitals_api.collection_status.lag_ms IS 'How many milliseconds late the last poll started.';
COMMENT ON COLUMN vitals_api.collection_status.last_collected_at IS 'When something was read last; null if never.';
COMMENT ON COLUMN vitals_api.collection_status.duration_ms IS 'How many milliseconds the last poll took.';
COMMENT ON COLUMN vitals_api.collection_status.consecutive_failures IS 'How many of the newest polls failed in a row.';
COMMENT ON COLUMN vitals_api.collection_status.error_class IS 'Class of the last poll''s error, for example login; null after a good poll.';
COMMENT ON COLUMN vitals_api.collection_status.last_error IS 'Message of the last poll''s error; null after a good poll.';
COMMENT ON COLUMN vitals_api.collection_status.last_error_at IS 'When a poll failed last, also if the newest did not.';
COMMENT ON COLUMN vitals_api.collection_status.facts IS 'What the server said of itself: version, edition, encrypted, clock_skew_ms.';

CREATE VIEW vitals_api.collection_config AS
SELECT s.server_id, s.name AS server, s.interval_seconds, s.enabled, s.metrics_enabled, s.last_collected_at
FROM vitals.server_rows() AS s;
COMMENT ON VIEW vitals_api.collection_config IS
'Collection configurations
How every server is collected: one row per server, by name. POST /rpc/collection_config_put changes one.';
COMMENT ON COLUMN vitals_api.collection_config.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.collection_config.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.collection_config.interval_seconds IS 'Seconds between two polls: 30 to 3600.';
COMMENT ON COLUMN vitals_api.collection_config.enabled IS 'Whether its collection is on.';
COMMENT ON COLUMN vitals_api.collection_config.metrics_enabled IS 'Names of metrics and metric groups that are collected; * is all.';
COMMENT ON COLUMN vitals_api.collection_config.last_collected_at IS 'When something was read last; null if never.';

CREATE VIEW vitals_api.metric_types AS
SELECT t.metric, t.unit, t.kind, t.scale, t.description FROM vitals.metric_type_rows() AS t;
COMMENT ON VIEW vitals_api.metric_types IS
'Metrics
The metrics that the tenant can collect, by name.';
COMMENT ON COLUMN vitals_api.metric_types.metric IS 'Name of the metric, for example cpu_percent.';
COMMENT ON COLUMN vitals_api.metric_types.unit IS 'Unit of its values, for example %, 1/s, B or ms.';
COMMENT ON COLUMN vitals_api.metric_types.kind IS
'gauge: a reading; rate: change per second over the server''s own clock; delta: change since the sample before; ratio: 100 times a reading over another one; average: change of a counter over change of another one.';
COMMENT ON COLUMN vitals_api.metric_types.scale IS 'Digits after the decimal point that are stored: 0 to 9.';
COMMENT ON COLUMN vitals_api.metric_types.description IS 'What it measures.';

CREATE VIEW vitals_api.server_snapshots AS
SELECT n.id, n.server_id, n.server, n.collected_at, n.status, n.cpu_percent, n.memory_percent, n.connection_count,
    n.interval_ms, n.duration_ms
FROM vitals.snapshot_rows(NULL, now() - interval '1 day', now() + interval '1 day', 10) AS n;
COMMENT ON VIEW vitals_api.server_snapshots IS
'Newest collections
The newest 10 collections of each server in the last 24 hours, also those that failed, the newest first. All of it is read whatever the filter, hence the bounds: for one server and any range use GET /rpc/snapshot_history.';
COMMENT ON COLUMN vitals_api.server_snapshots.id IS 'Id of the collection.';
COMMENT ON COLUMN vitals_api.server_snapshots.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.server_snapshots.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.server_snapshots.collected_at IS 'When it was collected.';
COMMENT ON COLUMN vitals_api.server_snapshots.status IS
'unknown: not polled, but inserted; online; degraded: connected, but something could not be read; offline: nothing could be read, as often in a row as vitals.offline_after says.';
COMMENT ON COLUMN vitals_api.server_snapshots.cpu_percent IS 'In percent of all CPUs; null where it was not known.';
COMMENT ON COLUMN vitals_api.server_snapshots.memory_percent IS 'In percent of the physical memory; null where it was not known.';
COMMENT ON COLUMN vitals_api.server_snapshots.connection_count IS 'Number of user sessions; null where it was not known.';
COMMENT ON COLUMN vitals_api.server_snapshots.interval_ms IS
'Milliseconds, by the server''s own clock, that rates and differences are over; null where there are none.';
COMMENT ON COLUMN vitals_api.server_snapshots.duration_ms IS 'How many milliseconds the poll took.';

CREATE VIEW vitals_api.metrics AS
SELECT v.server_id, v.server, v.metric, v.instance, v.value, v.unit, v.collected_at
FROM vitals.value_rows(now() - interval '1 day', 5) AS v;
COMMENT ON VIEW vitals_api.metrics IS
'Newest values, with the ones before
The values of the newest 5 collections of each server in the last 24 hours, at most 50000 of all of them, the newest first. All of it is read whatever the filter, hence the bounds: for one server and any range use GET /rpc/metric_values, /rpc/metric_history or /rpc/chart_data.';
COMMENT ON COLUMN vitals_api.metrics.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.metrics.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.metrics.metric IS 'Name of the metric, for example cpu_percent.';
COMMENT ON COLUMN vitals_api.metrics.instance IS 'What of the server was measured, for example a disk; empty for the server as a whole.';
COMMENT ON COLUMN vitals_api.metrics.value IS 'The value. There is no row where it was not known.';
COMMENT ON COLUMN vitals_api.metrics.unit IS 'Unit of the value, for example % or 1/s.';
COMMENT ON COLUMN vitals_api.metrics.collected_at IS 'When it was collected.';

CREATE VIEW vitals_api.server_events AS
SELECT e.server_id, e.server, e.happened_at, e.old_status, e.new_status, e.error_class, e.error_number, e.message
FROM vitals.event_rows(NULL, now() - interval '7 days', now() + interval '1 day', 20) AS e;
COMMENT ON VIEW vitals_api.server_events IS
'Newest events
When servers changed their status in the last 7 days: of each server the newest 20 changes, the newest first. For one server and any range use GET /rpc/event_history.';
COMMENT ON COLUMN vitals_api.server_events.server_id IS 'Id of the server.';
COMMENT ON COLUMN vitals_api.server_events.server IS 'Name of the server.';
COMMENT ON COLUMN vitals_api.server_events.happened_at IS 'When the status changed.';
COMMENT ON COLUMN vitals_api.server_events.old_status IS 'The status before: unknown, online, degraded or offline.';
COMMENT ON COLUMN vitals_api.server_events.new_status IS 'The status from then on.';
COMMENT ON COLUMN vitals_api.server_events.error_class IS 'Class of the error that changed it, for example login; null where there was none.';
COMMENT ON COLUMN vitals_api.server_events.error_number IS 'The server''s own number of the error, for example 18456; null where it has none.';
COMMENT ON COLUMN vitals_api.server_events.message IS 'Message of the error; null where there was none.';

CREATE VIEW vitals_api.tenants AS
SELECT t.name AS tenant, t.status, t.access, t.problem, t.created_at FROM vitals.tenants AS t;
COMMENT ON VIEW vitals_api.tenants IS
'Tenants
The tenants that the token''s role may use. Where there are several, the claim "tenant" of the token chooses.';
COMMENT ON COLUMN vitals_api.tenants.tenant IS 'Name of the tenant.';
COMMENT ON COLUMN vitals_api.tenants.status IS 'active, or suspended: nothing is collected.';
COMMENT ON COLUMN vitals_api.tenants.access IS 'What the token''s role may do with it: operate, or read.';
COMMENT ON COLUMN vitals_api.tenants.problem IS 'What keeps the collector from serving it; null where nothing does.';
COMMENT ON COLUMN vitals_api.tenants.created_at IS 'When the tenant was made.';
