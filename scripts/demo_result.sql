-- What `make demo` shows of the stored samples. A dot stands for NULL, which means not known.
\set QUIET on
\pset footer off
\pset null '·'
\set ECHO all
SELECT server, metric, value, unit, collected_at::timestamptz(0) FROM vitals.latest_metrics WHERE instance = '';

SELECT server, status, state, interval_seconds AS every, next_due_at::timestamptz(0), last_error FROM vitals.collection_status;
