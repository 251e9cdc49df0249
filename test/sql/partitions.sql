-- Partitions: by month of UTC, made when they are needed.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET datestyle TO 'ISO';
SELECT vitals.create_tenant('parts', retention_days => 3650);
CREATE VIEW partitions AS
SELECT c.relname AS partition, pg_get_userbyid(c.relowner) AS owner, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'tenant_parts.server_snapshots'::regclass ORDER BY c.relname;
GRANT SELECT ON partitions TO tenant_parts;
SET SESSION AUTHORIZATION tenant_parts;

-- This month and the next two are there from the start.
SELECT count(*) AS partitions, min(p.partition) = 'server_snapshots_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM01') AS this_month_first,
    min(p.owner) AS owner
FROM public.partitions AS p;
SELECT vitals.maintain_tenant('tenant_parts');
SELECT count(*) AS partitions FROM public.partitions;

-- The same month whatever the session's time zone, and only once.
SET TIME ZONE 'Pacific/Kiritimati';
SELECT vitals.ensure_partition('tenant_parts', '2020-02-29 23:59:59.999+00');
SET TIME ZONE 'America/Los_Angeles';
SELECT vitals.ensure_partition('tenant_parts', '2020-02-01 00:00:00+00');
SELECT vitals.ensure_partition('tenant_parts', '2020-03-01 00:00:00+00');
SELECT vitals.ensure_partition('tenant_parts', '2019-12-31 16:00:00-08');
SET TIME ZONE 'UTC';
SELECT vitals.ensure_partition('tenant_parts', '2020-02-15');
SELECT p.partition, p.owner, p.bounds FROM public.partitions AS p WHERE p.partition < 'server_snapshots_p2025';
-- Each has the parent's index.
SELECT count(*) AS indexes FROM pg_indexes WHERE schemaname = 'tenant_parts' AND tablename LIKE 'server\_snapshots\_p%'
    AND indexdef LIKE '%(server_id, collected_at)';

-- ---- refused
SELECT vitals.ensure_partition('tenant_parts', NULL);
SELECT vitals.ensure_partition('tenant_parts', 'infinity');
SELECT vitals.ensure_partition('tenant_parts', '-infinity');
SELECT vitals.ensure_partition('tenant_parts', '1999-12-31 23:59:59+00');
\set VERBOSITY sqlstate
SELECT vitals.ensure_partition('tenant_no_such', '2020-02-15');
SELECT vitals.ensure_partition(NULL, '2020-02-15');

-- ---- a row whose partition is missing makes it, at a month's turn and far away
INSERT INTO tenant_parts.servers (name, connector, host, port) VALUES ('sql01', 'mssql', 'a', 1433);
SELECT p.stored, p.rejected, p.reason
FROM vitals.store_polls('tenant_parts', (
    SELECT jsonb_build_object('sets', '[[["cpu_percent", ""]]]'::jsonb, 'polls', jsonb_agg(jsonb_build_object(
        'server_id', s.id, 'collected_at', at, 'started_at', at, 'next_due_at', at, 'status', 'online',
        'collected', true, 'consecutive_failures', 0, 'lag_ms', 0, 'duration_ms', 1, 'set', 0, 'vals', '{1}')))
    FROM tenant_parts.servers AS s,
        unnest('{2021-05-31 23:59:59.9994+00, 2021-05-31 23:59:59.9996+00, 2031-01-15 00:00:00+00}'::timestamptz[]) AS at)) AS p;
SELECT n.tableoid::regclass AS partition, n.collected_at FROM tenant_parts.server_snapshots AS n ORDER BY n.collected_at;
-- Readers of one month read no other.
EXPLAIN (COSTS OFF) SELECT * FROM tenant_parts.server_snapshots
WHERE server_id = '00000000-0000-4000-8000-000000000000' AND collected_at >= '2021-06-01 00:00:00+00' AND collected_at < '2021-06-02 00:00:00+00';

RESET SESSION AUTHORIZATION;

-- ---- values that others insert: the partition is the tenant's own and a whole month of UTC, however a session writes times
CREATE ROLE regress_parts_member;
SELECT vitals.grant_tenant('parts', 'regress_parts_member', 'operate');
SET TIME ZONE 'Asia/Kolkata';
SET datestyle TO 'SQL, DMY';
INSERT INTO tenant_parts.metrics (server_id, metric_type_id, value, collected_at)
SELECT s.id, t.id, 1, '2022-04-30 19:00:00+00' FROM tenant_parts.servers AS s, tenant_parts.metric_types AS t WHERE t.name = 'cpu_percent';
SET SESSION AUTHORIZATION regress_parts_member;
INSERT INTO tenant_parts.metrics (server_id, metric_type_id, value, collected_at)
SELECT s.id, t.id, 1, '2022-06-30 20:00:00+00' FROM tenant_parts.servers AS s, tenant_parts.metric_types AS t WHERE t.name = 'cpu_percent';
RESET SESSION AUTHORIZATION;
SET TIME ZONE 'UTC';
SET datestyle TO 'ISO';
SELECT p.partition, p.owner, p.bounds FROM partitions AS p WHERE p.partition LIKE '%p2022%';
SET SESSION AUTHORIZATION tenant_parts;
SELECT p.partition, p.collections, p.outcome FROM vitals.retention_preview(1) AS p WHERE p.partition LIKE '%p2022%';
RESET SESSION AUTHORIZATION;
DROP ROLE regress_parts_member;
-- What is done with them is said by name.
INSERT INTO tenant_parts.settings (retention_days) VALUES (1) ON CONFLICT (only_row) DO UPDATE SET retention_days = 1;
SELECT vitals.partition_step('tenant_parts') FROM generate_series(1, 2);
DROP VIEW partitions;
