#include "tds_server/system_views.h"

namespace tds_server {

namespace {

constexpr std::string_view backupset = R"(
SELECT CAST(ROW_NUMBER() OVER (ORDER BY b.backup_finish_date) AS int) AS backup_set_id,
       CAST(NULL AS uniqueidentifier) AS backup_set_uuid, CAST(1 AS int) AS media_set_id, b.database_name, b.type,
       DATEADD(second, -40, b.backup_finish_date) AS backup_start_date, b.backup_finish_date, b.backup_size,
       CAST(b.backup_size / 3 AS numeric(20, 0)) AS compressed_backup_size,
       CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name,
       CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS machine_name,
       CAST(N'FULL' AS nvarchar(60)) AS recovery_model, b.is_copy_only, CAST(0 AS bit) AS is_snapshot,
       CAST(0 AS bit) AS is_damaged, CAST(0 AS bit) AS has_incomplete_metadata, CAST(1 AS bit) AS has_backup_checksums,
       CAST(NULL AS nvarchar(128)) AS name, CAST(NULL AS nvarchar(128)) AS user_name,
       CAST(NULL AS nvarchar(32)) AS key_algorithm, CAST(NULL AS nvarchar(32)) AS encryptor_type
FROM (SELECT database_name, type, backup_finish_date, backup_size, is_copy_only FROM fixture.backupset
      UNION ALL
      SELECT database_name, type, DATEADD(day, -1, backup_finish_date), backup_size, is_copy_only FROM fixture.backupset
      UNION ALL
      SELECT database_name, type, DATEADD(day, -7, backup_finish_date), backup_size, is_copy_only FROM fixture.backupset
      UNION ALL
      SELECT database_name, type, DATEADD(hour, 4, backup_finish_date), backup_size, CAST(1 AS bit)
      FROM fixture.backupset WHERE database_name = N'SalesDB' AND type = 'D') AS b)";

constexpr std::string_view sysjobs = R"(
SELECT j.job_id, CAST(0 AS int) AS originating_server_id, j.name, j.enabled,
       CAST(N'No description available.' AS nvarchar(512)) AS description, CAST(1 AS int) AS start_step_id,
       CAST(0 AS int) AS category_id, CAST(0x01 AS varbinary(85)) AS owner_sid, CAST(0 AS int) AS notify_level_eventlog,
       CAST(2 AS int) AS notify_level_email, CAST(0 AS int) AS delete_level,
       CAST('2024-03-01T08:00:00' AS datetime) AS date_created, CAST('2025-11-11T08:00:00' AS datetime) AS date_modified,
       CAST(4 AS int) AS version_number
FROM fixture.sysjobs AS j)";

// Each run has a row of its outcome (step 0) and one of its step; and there was a run before it.
constexpr std::string_view sysjobhistory = R"(
SELECT CAST(ROW_NUMBER() OVER (ORDER BY h.run_date, h.run_time, h.step_id DESC) AS int) AS instance_id, h.job_id, h.step_id,
       CAST(CASE WHEN h.step_id = 0 THEN N'(Job outcome)' ELSE N'step 1' END AS nvarchar(128)) AS step_name,
       CAST(0 AS int) AS sql_message_id, CAST(0 AS int) AS sql_severity,
       CAST(CASE h.run_status WHEN 1 THEN N'The job succeeded.' ELSE N'The job failed.' END AS nvarchar(4000)) AS message,
       h.run_status, h.run_date, h.run_time, h.run_duration, CAST(0 AS int) AS operator_id_emailed,
       CAST(0 AS int) AS retries_attempted, CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server
FROM (SELECT job_id, CAST(0 AS int) AS step_id, run_status, run_date, run_time, run_duration
      FROM fixture.sysjobs WHERE run_status IS NOT NULL
      UNION ALL
      SELECT job_id, 1, run_status, run_date, run_time, run_duration FROM fixture.sysjobs WHERE run_status IS NOT NULL
      UNION ALL
      SELECT job_id, 0, 3, 20250101, 10000, 1 FROM fixture.sysjobs WHERE run_status IS NOT NULL) AS h)";

// The Agent's session before this one ended while a job ran.
constexpr std::string_view sysjobactivity = R"(
SELECT CAST(2 AS int) AS session_id, j.job_id, CAST(NULL AS datetime) AS run_requested_date,
       CAST(NULL AS nvarchar(128)) AS run_requested_source, CAST(NULL AS datetime) AS queued_date,
       CASE WHEN j.run_status IS NULL AND j.is_running = 0 THEN NULL
            ELSE DATEADD(minute, -30, GETDATE()) END AS start_execution_date,
       CAST(NULL AS int) AS last_executed_step_id, CAST(NULL AS datetime) AS last_executed_step_date,
       CASE WHEN j.run_status IS NULL OR j.is_running = 1 THEN NULL
            ELSE DATEADD(minute, -5, GETDATE()) END AS stop_execution_date, CAST(NULL AS int) AS job_history_id,
       CASE WHEN j.enabled = 1 THEN DATEADD(hour, 1, GETDATE()) ELSE NULL END AS next_scheduled_run_date
FROM fixture.sysjobs AS j
UNION ALL
SELECT 1, j.job_id, NULL, NULL, NULL, DATEADD(day, -20, GETDATE()), NULL, NULL, NULL, NULL, NULL
FROM fixture.sysjobs AS j WHERE j.run_date = 20260301)";

constexpr std::string_view sysjobservers = R"(
SELECT j.job_id, CAST(0 AS int) AS server_id,
       CAST(CASE WHEN j.run_status IS NULL THEN 5 ELSE j.run_status END AS tinyint) AS last_run_outcome,
       CAST(CASE j.run_status WHEN 1 THEN N'The job succeeded.' WHEN 0 THEN N'The job failed.' END AS nvarchar(4000))
           AS last_outcome_message,
       ISNULL(j.run_date, 0) AS last_run_date, ISNULL(j.run_time, 0) AS last_run_time,
       ISNULL(j.run_duration, 0) AS last_run_duration
FROM fixture.sysjobs AS j)";

constexpr std::string_view databases = R"(
SELECT d.name, d.database_id, CAST(NULL AS int) AS source_database_id, CAST(0x01 AS varbinary(85)) AS owner_sid, d.create_date,
       d.compatibility_level, d.collation_name, d.user_access,
       CAST(CASE d.user_access WHEN 0 THEN N'MULTI_USER' WHEN 1 THEN N'SINGLE_USER' ELSE N'RESTRICTED_USER' END
            AS nvarchar(60)) AS user_access_desc,
       d.is_read_only, CAST(0 AS bit) AS is_auto_close_on, CAST(0 AS bit) AS is_auto_shrink_on, d.state, d.state_desc,
       CAST(0 AS bit) AS is_in_standby, CAST(0 AS bit) AS is_cleanly_shutdown,
       CAST(0 AS tinyint) AS snapshot_isolation_state, CAST(0 AS bit) AS is_read_committed_snapshot_on,
       d.recovery_model, d.recovery_model_desc, CAST(2 AS tinyint) AS page_verify_option,
       CAST(N'CHECKSUM' AS nvarchar(60)) AS page_verify_option_desc, CAST(0 AS bit) AS is_published,
       CAST(0 AS bit) AS is_distributor, d.log_reuse_wait, d.log_reuse_wait_desc, CAST(0 AS bit) AS is_cdc_enabled,
       CAST(0 AS bit) AS is_encrypted, d.replica_id, CAST(NULL AS uniqueidentifier) AS group_database_id,
       CAST(0 AS tinyint) AS containment, CAST(0 AS int) AS delayed_durability, d.is_query_store_on,
       CAST(0 AS bit) AS is_accelerated_database_recovery_on
FROM fixture.databases AS d)";

constexpr std::string_view master_files = R"(
SELECT f.database_id, f.file_id, CAST(NULL AS uniqueidentifier) AS file_guid, f.type, f.type_desc,
       CAST(CASE f.type WHEN 1 THEN 0 ELSE 1 END AS int) AS data_space_id, f.name, f.physical_name, f.state, f.state_desc,
       f.size, f.max_size, f.growth, CAST(0 AS bit) AS is_media_read_only, CAST(0 AS bit) AS is_read_only,
       CAST(0 AS bit) AS is_sparse, f.is_percent_growth, CAST(NULL AS int) AS credential_id
FROM fixture.master_files AS f)";

constexpr std::string_view sessions = R"(
SELECT s.session_id, s.login_time, s.host_name, s.program_name,
       CASE WHEN s.is_user_process = 1 THEN CAST(4242 AS int) END AS host_process_id,
       CASE WHEN s.is_user_process = 1 THEN CAST(7 AS int) END AS client_version,
       CASE WHEN s.is_user_process = 1 THEN CAST(N'ODBC' AS nvarchar(32)) END AS client_interface_name, s.login_name,
       CAST(NULL AS nvarchar(128)) AS nt_domain, CAST(NULL AS nvarchar(128)) AS nt_user_name, s.status, s.cpu_time,
       s.memory_usage, CAST(0 AS int) AS total_scheduled_time, s.total_elapsed_time, CAST(4 AS int) AS endpoint_id,
       s.last_request_start_time, s.last_request_end_time, s.reads, s.writes, s.logical_reads, s.is_user_process,
       s.transaction_isolation_level, CAST(-1 AS int) AS lock_timeout, CAST(0 AS int) AS deadlock_priority, s.row_count,
       CAST(0 AS int) AS prev_error, s.login_name AS original_login_name, CAST(2 AS int) AS group_id, s.database_id,
       CAST(1 AS int) AS authenticating_database_id, s.open_transaction_count
FROM fixture.sessions AS s)";

constexpr std::string_view requests = R"(
SELECT r.session_id, r.request_id, r.start_time, r.status, r.command, r.sql_handle, CAST(0 AS int) AS statement_start_offset,
       CAST(-1 AS int) AS statement_end_offset, r.plan_handle, r.database_id, r.user_id,
       CAST(NULL AS uniqueidentifier) AS connection_id, r.blocking_session_id, r.wait_type, r.wait_time, r.last_wait_type,
       r.wait_resource, r.open_transaction_count, CAST(1 AS int) AS open_resultset_count,
       CAST(0 AS bigint) AS transaction_id, r.percent_complete, CAST(0 AS bigint) AS estimated_completion_time, r.cpu_time,
       r.total_elapsed_time, CAST(1 AS int) AS scheduler_id, r.reads, r.writes, r.logical_reads,
       CAST(2 AS smallint) AS transaction_isolation_level, CAST(-1 AS int) AS lock_timeout,
       CAST(0 AS int) AS deadlock_priority, CAST(0 AS bigint) AS row_count, r.granted_query_memory, CAST(2 AS int) AS group_id,
       r.query_hash, r.query_plan_hash, r.dop
FROM fixture.requests AS r)";

constexpr std::string_view syssessions = R"(
SELECT CAST(1 AS int) AS session_id, DATEADD(day, -30, sqlserver_start_time) AS agent_start_date FROM sys.dm_os_sys_info
UNION ALL
SELECT 2, DATEADD(second, 20, sqlserver_start_time) FROM sys.dm_os_sys_info)";

constexpr std::string_view sysjobschedules = R"(
SELECT CAST(1 AS int) AS schedule_id, job_id, CAST(20300101 AS int) AS next_run_date, CAST(10000 AS int) AS next_run_time
FROM fixture.sysjobs WHERE enabled = 1)";

constexpr std::string_view suspect_pages = R"(
SELECT CAST(0 AS int) AS database_id, CAST(0 AS int) AS file_id, CAST(0 AS bigint) AS page_id, CAST(0 AS int) AS event_type,
       CAST(0 AS int) AS error_count, GETDATE() AS last_update_date FROM sys.dm_os_sys_info WHERE 1 = 0)";

constexpr std::string_view groups = R"(
SELECT CAST(N'11111111-2222-4333-8444-555555555555' AS uniqueidentifier) AS group_id, CAST(r.group_name AS sysname) AS name,
       CAST(N'21111111-2222-4333-8444-555555555555' AS nvarchar(40)) AS resource_id,
       CAST(N'31111111-2222-4333-8444-555555555555' AS nvarchar(40)) AS resource_group_id,
       CAST(3 AS int) AS failure_condition_level, CAST(30000 AS int) AS health_check_timeout,
       CAST(3 AS tinyint) AS automated_backup_preference, CAST(N'SECONDARY' AS nvarchar(60)) AS automated_backup_preference_desc,
       CAST(0 AS bit) AS basic_features, CAST(0 AS bit) AS dtc_support, CAST(1 AS bit) AS db_failover,
       CAST(0 AS bit) AS is_distributed, CAST(0 AS tinyint) AS cluster_type, CAST(N'wsfc' AS nvarchar(60)) AS cluster_type_desc
FROM fixture.replica_states AS r WHERE r.is_local = 1)";

constexpr std::string_view replicas = R"(
SELECT CASE WHEN r.is_local = 1 THEN CAST(N'5f0b2a8e-6f1a-4a1b-9a11-0c1d2e3f4a5b' AS uniqueidentifier)
            ELSE CAST(N'6f0b2a8e-6f1a-4a1b-9a11-0c1d2e3f4a5c' AS uniqueidentifier) END AS replica_id,
       CAST(N'11111111-2222-4333-8444-555555555555' AS uniqueidentifier) AS group_id, CAST(1 AS int) AS replica_metadata_id,
       CASE WHEN r.is_local = 1 THEN CAST(SERVERPROPERTY('ServerName') AS nvarchar(256))
            ELSE r.replica_server_name END AS replica_server_name,
       CAST(0x01 AS varbinary(85)) AS owner_sid, CAST(N'TCP://replica:5022' AS nvarchar(128)) AS endpoint_url,
       r.availability_mode, CAST(CASE r.availability_mode WHEN 1 THEN N'SYNCHRONOUS_COMMIT' ELSE N'ASYNCHRONOUS_COMMIT' END
                                 AS nvarchar(60)) AS availability_mode_desc,
       r.failover_mode, CAST(CASE r.failover_mode WHEN 0 THEN N'AUTOMATIC' ELSE N'MANUAL' END AS nvarchar(60))
           AS failover_mode_desc,
       CAST(10 AS int) AS session_timeout, CAST(2 AS tinyint) AS primary_role_allow_connections,
       CAST(0 AS tinyint) AS secondary_role_allow_connections, CAST('2024-03-01T08:00:00' AS datetime) AS create_date,
       CAST('2024-03-01T08:00:00' AS datetime) AS modify_date, CAST(50 AS int) AS backup_priority,
       CAST(NULL AS nvarchar(256)) AS read_only_routing_url, CAST(1 AS tinyint) AS seeding_mode,
       CAST(N'MANUAL' AS nvarchar(60)) AS seeding_mode_desc
FROM fixture.replica_states AS r)";

constexpr std::string_view replica_states = R"(
SELECT a.replica_id, a.group_id, r.is_local, r.role, r.role_desc, r.operational_state,
       CAST(CASE r.operational_state WHEN 2 THEN N'ONLINE' END AS nvarchar(60)) AS operational_state_desc,
       r.connected_state, CAST(CASE r.connected_state WHEN 1 THEN N'CONNECTED' WHEN 0 THEN N'DISCONNECTED' END
                               AS nvarchar(60)) AS connected_state_desc,
       CAST(CASE WHEN r.is_local = 1 THEN 1 END AS tinyint) AS recovery_health,
       CAST(CASE WHEN r.is_local = 1 THEN N'ONLINE' END AS nvarchar(60)) AS recovery_health_desc,
       r.synchronization_health, r.synchronization_health_desc, r.last_connect_error_number,
       CAST(NULL AS nvarchar(1024)) AS last_connect_error_description, CAST(NULL AS datetime) AS last_connect_error_timestamp
FROM fixture.replica_states AS r
JOIN sys.availability_replicas AS a
  ON (r.is_local = 1 AND a.replica_id = N'5f0b2a8e-6f1a-4a1b-9a11-0c1d2e3f4a5b')
  OR (r.is_local = 0 AND a.replica_id = N'6f0b2a8e-6f1a-4a1b-9a11-0c1d2e3f4a5c'))";

constexpr std::string_view group_states = R"(
SELECT g.group_id, CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS primary_replica,
       CAST(1 AS tinyint) AS primary_recovery_health, CAST(N'ONLINE' AS nvarchar(60)) AS primary_recovery_health_desc,
       CAST(NULL AS tinyint) AS secondary_recovery_health, CAST(NULL AS nvarchar(60)) AS secondary_recovery_health_desc,
       CAST(1 AS tinyint) AS synchronization_health,
       CAST(N'PARTIALLY_HEALTHY' AS nvarchar(60)) AS synchronization_health_desc
FROM sys.availability_groups AS g)";

constexpr std::string_view database_cluster = R"(
SELECT DISTINCT s.group_id, s.group_database_id, CAST(d.name AS nvarchar(128)) AS database_name
FROM sys.dm_hadr_database_replica_states AS s JOIN sys.databases AS d ON d.database_id = s.database_id)";

constexpr std::string_view database_cluster_states = R"(
SELECT s.replica_id, s.group_database_id, CAST(d.name AS nvarchar(128)) AS database_name,
       CAST(CASE WHEN s.synchronization_state = 2 THEN 1 ELSE 0 END AS bit) AS is_failover_ready,
       CAST(0 AS bit) AS is_pending_secondary_suspend, CAST(1 AS bit) AS is_database_joined
FROM sys.dm_hadr_database_replica_states AS s JOIN sys.databases AS d ON d.database_id = s.database_id)";

constexpr std::string_view configurations = R"(
SELECT CASE c.name WHEN N'max server memory (MB)' THEN 1544 WHEN N'min server memory (MB)' THEN 1543
                   WHEN N'max degree of parallelism' THEN 1539 WHEN N'cost threshold for parallelism' THEN 1538
                   ELSE 503 END AS configuration_id,
       c.name, c.value_in_use AS value, CAST(0 AS bigint) AS minimum, CAST(2147483647 AS bigint) AS maximum, c.value_in_use,
       CAST(c.name AS nvarchar(255)) AS description, CAST(1 AS bit) AS is_dynamic, CAST(1 AS bit) AS is_advanced
FROM fixture.configurations AS c)";

constexpr std::string_view connections = R"(
SELECT CAST(s.session_id AS int) AS session_id, CAST(s.session_id AS int) AS most_recent_session_id,
       s.login_time AS connect_time, CASE WHEN own.session_id IS NULL THEN N'TCP' ELSE own.net_transport END AS net_transport,
       CASE WHEN own.session_id IS NULL THEN N'TSQL' ELSE own.protocol_type END AS protocol_type,
       CAST(1946157060 AS int) AS protocol_version, CAST(4 AS int) AS endpoint_id,
       CASE WHEN own.session_id IS NULL THEN N'TRUE' ELSE own.encrypt_option END AS encrypt_option,
       CASE WHEN own.session_id IS NULL THEN N'NTLM' ELSE own.auth_scheme END AS auth_scheme,
       CAST(0 AS smallint) AS node_affinity, CAST(12 AS int) AS num_reads, CAST(12 AS int) AS num_writes,
       s.last_request_start_time AS last_read, s.last_request_end_time AS last_write,
       CAST(4096 AS int) AS net_packet_size,
       CASE WHEN own.session_id IS NULL THEN CAST('10.0.0.20' AS varchar(48)) ELSE own.client_net_address END
           AS client_net_address, CAST(50123 AS int) AS client_tcp_port, CAST('10.0.0.1' AS varchar(48)) AS local_net_address,
       CASE WHEN own.session_id IS NULL THEN 1433 ELSE own.local_tcp_port END AS local_tcp_port,
       CAST(NULL AS uniqueidentifier) AS connection_id, CAST(NULL AS uniqueidentifier) AS parent_connection_id
FROM sys.dm_exec_sessions AS s LEFT JOIN fixture.connections AS own ON own.session_id = s.session_id
WHERE s.is_user_process = 1)";

constexpr std::string_view waiting_tasks = R"(
SELECT CAST(0x01 AS varbinary(8)) AS waiting_task_address, r.session_id, CAST(0 AS int) AS exec_context_id,
       CAST(r.wait_time AS bigint) AS wait_duration_ms, r.wait_type, CAST(0x02 AS varbinary(8)) AS resource_address,
       CASE WHEN r.blocking_session_id = 0 THEN NULL ELSE r.blocking_session_id END AS blocking_session_id,
       CAST(NULL AS int) AS blocking_exec_context_id, CAST(r.wait_resource AS nvarchar(3072)) AS resource_description
FROM sys.dm_exec_requests AS r WHERE r.wait_type IS NOT NULL)";

constexpr std::string_view active_transactions = R"(
SELECT CAST(r.session_id AS bigint) * 1000 AS transaction_id, CAST(N'user_transaction' AS nvarchar(32)) AS name,
       r.start_time AS transaction_begin_time, CAST(1 AS int) AS transaction_type, CAST(2 AS int) AS transaction_state
FROM sys.dm_exec_requests AS r WHERE r.open_transaction_count > 0)";

constexpr std::string_view session_transactions = R"(
SELECT r.session_id, CAST(r.session_id AS bigint) * 1000 AS transaction_id, CAST(1 AS bit) AS is_user_transaction,
       CAST(1 AS bit) AS is_local, r.open_transaction_count
FROM sys.dm_exec_requests AS r WHERE r.open_transaction_count > 0)";

constexpr std::string_view database_transactions = R"(
SELECT CAST(r.session_id AS bigint) * 1000 AS transaction_id, CAST(r.database_id AS int) AS database_id,
       r.start_time AS database_transaction_begin_time, CAST(4096 AS bigint) AS database_transaction_log_bytes_used,
       CAST(8192 AS bigint) AS database_transaction_log_bytes_reserved
FROM sys.dm_exec_requests AS r WHERE r.open_transaction_count > 0)";

constexpr std::string_view version_store = R"(
SELECT CAST(d.database_id AS int) AS database_id, CAST(d.database_id AS bigint) * 16 AS reserved_page_count,
       CAST(d.database_id AS bigint) * 128 AS reserved_space_kb FROM sys.databases AS d WHERE d.state = 0)";

constexpr std::string_view persistent_version_store = R"(
SELECT CAST(d.database_id AS int) AS database_id, CAST(0 AS smallint) AS pvs_filegroup_id,
       CAST(d.database_id AS bigint) * 1024 AS persistent_version_store_size_kb,
       CAST(0 AS bigint) AS online_index_version_store_size_kb, CAST(d.database_id AS bigint) AS current_aborted_transaction_count,
       CAST(0 AS bigint) AS oldest_active_transaction_id, CAST(0 AS bigint) AS oldest_aborted_transaction_id,
       CAST(NULL AS datetime2(7)) AS offrow_version_cleaner_start_time, CAST(NULL AS datetime2(7)) AS offrow_version_cleaner_end_time,
       CAST(NULL AS datetime2(7)) AS aborted_version_cleaner_start_time, CAST(NULL AS datetime2(7)) AS aborted_version_cleaner_end_time
FROM sys.databases AS d WHERE d.state = 0)";

constexpr std::string_view log_space = R"(
SELECT m.database_id, CAST(m.size AS bigint) * 8192 AS total_log_size_in_bytes,
       CAST(m.size AS bigint) * 2048 AS used_log_space_in_bytes, CAST(25 AS real) AS used_log_space_in_percent,
       CAST(m.size AS bigint) * 1024 AS log_space_in_bytes_since_last_backup
FROM fixture.master_files AS m WHERE m.type = 1 AND m.database_id = DB_ID())";

constexpr std::string_view log_stats = R"(
SELECT m.database_id, CAST(N'FULL' AS nvarchar(60)) AS recovery_model, CAST(16 AS bigint) AS total_vlf_count,
       CAST(m.size AS float) / 128 AS total_log_size_mb, CAST(4 AS bigint) AS active_vlf_count,
       CAST(m.size AS float) / 512 AS active_log_size_mb, CAST(N'NOTHING' AS nvarchar(60)) AS log_truncation_holdup_reason,
       DATEADD(minute, -5, GETDATE()) AS log_backup_time, CAST(m.size AS float) / 1024 AS log_since_last_log_backup_mb
FROM fixture.master_files AS m WHERE m.type = 1)";

constexpr std::string_view database_files = R"(
SELECT m.file_id, m.type, m.type_desc, CAST(1 AS int) AS data_space_id, m.name, m.physical_name, m.state, m.state_desc,
       m.size, m.max_size, m.growth, CAST(0 AS bit) AS is_media_read_only, CAST(0 AS bit) AS is_read_only,
       m.is_percent_growth
FROM fixture.master_files AS m WHERE m.database_id = DB_ID())";

constexpr std::string_view os_nodes = R"(
SELECT CAST(0 AS smallint) AS node_id, CAST(N'ONLINE' AS nvarchar(256)) AS node_state_desc, CAST(0 AS smallint) AS memory_node_id,
       i.cpu_count AS online_scheduler_count, CAST(96 AS int) AS active_worker_count, CAST(120 AS int) AS foreign_committed_kb,
       CAST(1 AS tinyint) AS processor_group FROM sys.dm_os_sys_info AS i)";

constexpr std::string_view host_info_windows = R"(
SELECT CAST(N'Windows' AS nvarchar(256)) AS host_platform, CAST(N'Windows Server 2022 Datacenter' AS nvarchar(256))
           AS host_distribution, CAST(N'10.0' AS nvarchar(256)) AS host_release,
       CAST(N'' AS nvarchar(256)) AS host_service_pack_level, CAST(8 AS int) AS host_sku, CAST(1033 AS int) AS os_language_version,
       CAST(N'X64' AS nvarchar(256)) AS host_architecture)";
constexpr std::string_view host_info_linux = R"(
SELECT CAST(N'Linux' AS nvarchar(256)) AS host_platform, CAST(N'Ubuntu' AS nvarchar(256)) AS host_distribution,
       CAST(N'22.04' AS nvarchar(256)) AS host_release, CAST(N'' AS nvarchar(256)) AS host_service_pack_level,
       CAST(NULL AS int) AS host_sku, CAST(0 AS int) AS os_language_version, CAST(N'X64' AS nvarchar(256)) AS host_architecture)";

constexpr std::string_view windows_info = R"(
SELECT CAST(N'10.0' AS nvarchar(256)) AS windows_release, CAST(N'' AS nvarchar(256)) AS windows_service_pack_level,
       CAST(8 AS int) AS windows_sku, CAST(1033 AS int) AS os_language_version)";

constexpr std::string_view services = R"(
SELECT CAST(N'SQL Server (MSSQLSERVER)' AS nvarchar(256)) AS servicename, CAST(2 AS int) AS startup_type,
       CAST(N'Automatic' AS nvarchar(256)) AS startup_type_desc, CAST(4 AS int) AS status,
       CAST(N'Running' AS nvarchar(256)) AS status_desc, CAST(2412 AS int) AS process_id,
       CAST(SYSDATETIMEOFFSET() AS datetimeoffset(7)) AS last_startup_time,
       CAST(N'NT Service\MSSQLSERVER' AS nvarchar(256)) AS service_account,
       CAST(N'Y' AS nvarchar(1)) AS instant_file_initialization_enabled
UNION ALL
SELECT N'SQL Server Agent (MSSQLSERVER)', 2, N'Automatic', 4, N'Running', 2500, SYSDATETIMEOFFSET(),
       N'NT Service\SQLSERVERAGENT', N'N')";

constexpr std::string_view database_wait_stats = "SELECT * FROM sys.dm_os_wait_stats";

constexpr std::string_view instance_resource_stats = R"(
SELECT DATEADD(second, -15, r.end_time) AS start_time, CAST(r.end_time AS datetime2(7)) AS end_time,
       CAST(N'SqlInstance' AS nvarchar(128)) AS resource_type, CAST(N'managed' AS nvarchar(128)) AS resource_name,
       CAST(N'GeneralPurpose' AS nvarchar(128)) AS sku, CAST(N'Gen5' AS nvarchar(128)) AS hardware_generation,
       CAST(8 AS int) AS virtual_core_count, r.avg_cpu_percent, CAST(262144 AS bigint) AS reserved_storage_mb,
       CAST(131072 AS decimal(18, 2)) AS storage_space_used_mb, CAST(1200 AS bigint) AS io_requests,
       CAST(9830400 AS bigint) AS io_bytes_read, CAST(4915200 AS bigint) AS io_bytes_written
FROM fixture.sys.dm_db_resource_stats AS r)";

constexpr std::string_view resource_pools = R"(
SELECT CAST(1 AS int) AS pool_id, CAST(N'internal' AS sysname) AS name, CAST(8000 AS bigint) AS used_memory_kb,
       CAST(1048576 AS bigint) AS target_memory_kb, CAST(0 AS bigint) AS out_of_memory_count
UNION ALL SELECT 2, N'default', 123456, 33554432, 0)";

constexpr ViewRule view(std::string_view name, Need need, std::string_view query, int since = 11,
                        unsigned platforms = everywhere, bool function = false) {
    return {name, need, since, platforms, function, query};
}

}  // namespace

const std::vector<ViewRule>& view_rules() {
    constexpr unsigned not_database = on_box | on_instance;
    static const std::vector<ViewRule> rules{
        {"sys.dm_os_performance_counters", Need::server_state},
        {"sys.dm_os_wait_stats", Need::server_state},
        {"sys.dm_io_virtual_file_stats", Need::server_state, 11, everywhere, true},
        view("sys.master_files", Need::server_definition, master_files, 11, not_database),
        {"sys.dm_os_volume_stats", Need::server_state, 11, not_database, true},
        {"sys.dm_os_sys_info", Need::server_state},
        {"sys.dm_os_sys_memory", Need::server_state, 11, not_database},
        {"sys.dm_os_process_memory", Need::server_state, 11, not_database},
        {"sys.dm_os_schedulers", Need::server_state},
        {"sys.dm_os_ring_buffers", Need::server_state, 11, not_database},
        {"sys.dm_os_memory_clerks", Need::server_state},
        view("sys.dm_exec_sessions", Need::own_rows, sessions),
        view("sys.dm_exec_requests", Need::own_rows, requests),
        {"sys.dm_exec_query_memory_grants", Need::server_state},
        view("sys.databases", Need::nothing, databases),
        {"tempdb.sys.dm_db_file_space_usage", Need::server_state},
        {"sys.dm_hadr_database_replica_states", Need::server_state, 11, not_database},
        {"sys.dm_db_resource_stats", Need::database_state, 11, on_database},
        view("msdb.dbo.backupset", Need::msdb, backupset, 11, not_database),
        view("msdb.dbo.sysjobs", Need::msdb, sysjobs, 11, not_database),
        view("msdb.dbo.sysjobhistory", Need::msdb, sysjobhistory, 11, not_database),
        view("msdb.dbo.sysjobactivity", Need::msdb, sysjobactivity, 11, not_database),
        view("msdb.dbo.sysjobservers", Need::msdb, sysjobservers, 11, not_database),
        view("msdb.dbo.syssessions", Need::msdb, syssessions, 11, not_database),
        view("msdb.dbo.sysjobschedules", Need::msdb, sysjobschedules, 11, not_database),
        view("msdb.dbo.suspect_pages", Need::msdb, suspect_pages, 11, not_database),
        view("sys.availability_groups", Need::server_definition, groups, 11, not_database),
        view("sys.availability_replicas", Need::server_definition, replicas, 11, not_database),
        view("sys.availability_databases_cluster", Need::server_definition, database_cluster, 11, not_database),
        view("sys.dm_hadr_availability_replica_states", Need::server_state, replica_states, 11, not_database),
        view("sys.dm_hadr_availability_group_states", Need::server_state, group_states, 11, not_database),
        view("sys.dm_hadr_database_replica_cluster_states", Need::server_state, database_cluster_states, 11,
             not_database),
        view("sys.configurations", Need::nothing, configurations, 11, not_database),
        view("sys.dm_exec_connections", Need::server_state, connections),
        view("sys.dm_os_waiting_tasks", Need::server_state, waiting_tasks),
        view("sys.dm_tran_active_transactions", Need::server_state, active_transactions),
        view("sys.dm_tran_session_transactions", Need::server_state, session_transactions),
        view("sys.dm_tran_database_transactions", Need::server_state, database_transactions),
        view("sys.dm_tran_version_store_space_usage", Need::server_state, version_store, 13),
        view("sys.dm_tran_persistent_version_store_stats", Need::server_state, persistent_version_store, 15),
        view("sys.dm_db_log_space_usage", Need::database_state, log_space),
        view("sys.dm_db_log_stats", Need::database_state, log_stats, 13, everywhere, true),
        view("sys.database_files", Need::nothing, database_files),
        view("sys.dm_os_nodes", Need::server_state, os_nodes),
        view("sys.dm_os_windows_info", Need::server_state, windows_info, 11, on_box | on_windows),
        view("sys.dm_server_services", Need::server_state, services, 11, on_box),
        view("sys.dm_db_wait_stats", Need::database_state, database_wait_stats, 11, on_database),
        view("sys.server_resource_stats", Need::server_state, instance_resource_stats, 11, on_instance),
        view("sys.dm_resource_governor_resource_pools", Need::server_state, resource_pools),
        view("sys.dm_os_host_info", Need::server_state, host_info_windows, 14, on_box | on_windows),
        view("sys.dm_os_host_info", Need::server_state, host_info_linux, 14, not_database),
    };
    return rules;
}

const std::vector<ColumnRule>& column_rules() {
    static const std::vector<ColumnRule> rules{
        {"sys.dm_io_virtual_file_stats", "io_stall_queued_read_ms", 12},
        {"sys.dm_io_virtual_file_stats", "io_stall_queued_write_ms", 12},
        {"sys.dm_os_sys_info", "softnuma_configuration", 13},
        {"sys.dm_os_sys_info", "socket_count", 13},
        {"sys.dm_os_sys_info", "cores_per_socket", 13},
        {"sys.dm_os_sys_info", "numa_node_count", 13},
        {"sys.dm_os_sys_info", "container_type", 15},
        {"sys.dm_os_sys_info", "container_type_desc", 15},
        {"sys.dm_os_schedulers", "total_cpu_usage_ms", 13},
        {"sys.dm_os_schedulers", "total_scheduler_delay_ms", 13},
        {"sys.dm_exec_requests", "dop", 13},
        {"sys.databases", "is_query_store_on", 13},
        {"sys.databases", "delayed_durability", 12},
        {"sys.databases", "is_accelerated_database_recovery_on", 15},
        {"sys.master_files", "credential_id", 12},
        {"sys.dm_hadr_database_replica_states", "is_primary_replica", 12},
        {"sys.dm_hadr_database_replica_states", "secondary_lag_seconds", 13},
        {"sys.availability_groups", "basic_features", 13},
        {"sys.availability_groups", "dtc_support", 13},
        {"sys.availability_groups", "db_failover", 13},
        {"sys.availability_groups", "is_distributed", 13},
        {"sys.availability_groups", "cluster_type", 14},
        {"sys.availability_groups", "cluster_type_desc", 14},
        {"sys.availability_replicas", "seeding_mode", 13},
        {"sys.availability_replicas", "seeding_mode_desc", 13},
        {"sys.dm_db_log_space_usage", "log_space_in_bytes_since_last_backup", 12},
        {"sys.dm_server_services", "instant_file_initialization_enabled", 13},
        {"sys.dm_os_host_info", "host_architecture", 16},
        {"msdb.dbo.backupset", "key_algorithm", 12},
        {"msdb.dbo.backupset", "encryptor_type", 12},
        {"tempdb.sys.dm_db_file_space_usage", "mixed_extent_page_count", 12},
    };
    return rules;
}

bool exists_there(unsigned platforms, int since, int until, const ServerProfile& profile) {
    if (profile.features() < since || profile.features() > until) return false;
    if ((platforms & on_windows) != 0 && profile.linux_host) return false;
    const unsigned own = profile.is_azure_database()     ? on_database
                         : profile.is_managed_instance() ? on_instance
                                                         : on_box;
    return (platforms & own) != 0;
}

}  // namespace tds_server
