-- What `make demo` shows of the stored samples. A dot stands for NULL, which means not known.
\set QUIET on
\pset footer off
\pset null '·'
\set ECHO all
SELECT server, metric, value, unit, collected_at::timestamptz(0) FROM vitals.latest_metrics
WHERE instance = '' AND metric IN ('cpu_percent', 'memory_percent', 'connection_count', 'batch_requests_sec', 'blocked_processes',
                                   'page_life_expectancy', 'wait_time_ms', 'disk_io_reads', 'disk_io_writes');

SELECT server, count(DISTINCT metric) AS metrics, count(*) AS values FROM vitals.latest_metrics GROUP BY server ORDER BY server;

SELECT server, status, state, interval_seconds AS every, next_due_at::timestamptz(0), last_error FROM vitals.collection_status;
