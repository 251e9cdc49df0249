-- pg_vitals: collection by stored procedures. For sites where a monitoring login may execute procedures and read nothing.
-- Made from the catalogue of metric groups; the statements are those that are sent without this script.
--
-- Run it in the database that is to hold the procedures: master, or any other one (then give the server that name as
-- option database). With sqlcmd or SSMS, as a member of sysadmin; in Azure SQL Database as the database's administrator.
-- It may be run again: after an update of pg_vitals, of SQL Server, or to renew the certificate. SQL Server 2012 and later.
--
-- What it makes, and nothing else:
--   schema vitals, with one procedure per metric group: a single SELECT each;
--   role vitals_collector, which may execute them;
--   certificate vitals_signing, whose private key is thrown away once it has signed the procedures, and from it a login
--   (VIEW SERVER STATE, VIEW ANY DEFINITION) and, in msdb, a user (SELECT on the four tables that are read). Nobody can log
--   in as these: they lend their rights to the signed procedures while these run. A procedure that is changed loses the
--   signature, and with it the rights.
-- remove_procedures.sql takes all of it away.
--
-- Then make the login that collects; it needs no right but this role (not in Azure SQL Database: CREATE USER … WITH PASSWORD):
--   CREATE LOGIN vitals WITH PASSWORD = N'…';
--   CREATE USER vitals FOR LOGIN vitals;
--   ALTER ROLE vitals_collector ADD MEMBER vitals;
-- and in PostgreSQL: SELECT vitals.add_server('sql01', …, options => '{"mode": "procedures"}');

SET NOCOUNT ON;
-- Kept with each procedure; sqlcmd has them off.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO

IF SCHEMA_ID(N'vitals') IS NULL EXEC (N'CREATE SCHEMA vitals AUTHORIZATION dbo;');
IF DATABASE_PRINCIPAL_ID(N'vitals_collector') IS NULL EXEC (N'CREATE ROLE vitals_collector AUTHORIZATION dbo;');
GO

-- Those that are there, with their signatures.
DECLARE @statement nvarchar(max) = N'';
SELECT @statement = @statement + N'DROP PROCEDURE vitals.' + QUOTENAME(p.name) + N'; '
FROM sys.procedures AS p
WHERE p.schema_id = SCHEMA_ID(N'vitals') AND p.name LIKE N'collect[_]%';
EXEC sys.sp_executesql @statement;
GO

-- cpu_history: read before all others.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
SET @statement = N'SELECT TOP (4) [timestamp] AS cpu_history, record FROM sys.dm_os_ring_buffers WHERE ring_buffer_type = N''RING_BUFFER_SCHEDULER_MONITOR'' ORDER BY [timestamp] DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_cpu_history AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- server: read before all others.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
SET @statement = N'SELECT CAST(SERVERPROPERTY(''ProductVersion'') AS nvarchar(128)) AS server, CAST(SERVERPROPERTY(''Edition'') AS nvarchar(128)) AS edition, CAST(SERVERPROPERTY(''EngineEdition'') AS int) AS engine_edition, CAST(SERVERPROPERTY(''ServerName'') AS nvarchar(128)) AS server_name, HAS_PERMS_BY_NAME(NULL, NULL, ''VIEW SERVER STATE'') AS view_server_state, HAS_PERMS_BY_NAME(NULL, NULL, ''VIEW SERVER PERFORMANCE STATE'') AS view_server_performance_state, HAS_PERMS_BY_NAME(DB_NAME(), ''DATABASE'', ''VIEW DATABASE STATE'') AS view_database_state, HAS_PERMS_BY_NAME(DB_NAME(), ''DATABASE'', ''VIEW DATABASE PERFORMANCE STATE'') AS view_database_performance_state, HAS_PERMS_BY_NAME(NULL, NULL, ''VIEW ANY DEFINITION'') AS view_any_definition, HAS_PERMS_BY_NAME(NULL, NULL, ''VIEW ANY PERFORMANCE DEFINITION'') AS view_any_performance_definition, SYSUTCDATETIME() AS utc_now';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_server AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- sysinfo: read before all others.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
SET @statement = N'SELECT ms_ticks AS sysinfo, cpu_count, sqlserver_start_time_ms_ticks, sqlserver_start_time, process_kernel_time_ms, process_user_time_ms FROM sys.dm_os_sys_info';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_sysinfo AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- agent_jobs: jobs of SQL Server Agent.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT j.name AS job_name, j.enabled, s.last_run_outcome,
    s.last_run_duration / 10000 * 3600 + s.last_run_duration / 100 % 100 * 60 + s.last_run_duration % 100 AS last_run_s,
    CASE WHEN j.enabled = 1 AND s.last_run_outcome = 0 THEN 1 ELSE 0 END AS failed,
    CASE WHEN a.start_execution_date IS NULL THEN 0 ELSE 1 END AS running,
    DATEDIFF(second, a.start_execution_date, GETDATE()) AS running_s
FROM msdb.dbo.sysjobs AS j
LEFT JOIN msdb.dbo.sysjobservers AS s ON s.job_id = j.job_id AND s.server_id = 0
LEFT JOIN msdb.dbo.sysjobactivity AS a ON a.job_id = j.job_id AND a.stop_execution_date IS NULL
    AND a.session_id = (SELECT MAX(session_id) FROM msdb.dbo.sysjobactivity)';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_agent_jobs AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- availability_databases: availability groups: databases of each replica.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11) AND (@version >= 13 OR @edition IN (5, 8))
    SET @statement = N'SELECT g.name AS group_name, r.replica_server_name, d.name AS database_name, s.synchronization_state, s.synchronization_health,
    s.is_suspended, s.log_send_queue_size, s.log_send_rate, s.redo_queue_size, s.redo_rate,
    s.secondary_lag_seconds AS secondary_lag_seconds
FROM sys.dm_hadr_database_replica_states AS s
INNER JOIN sys.availability_replicas AS r ON r.replica_id = s.replica_id
INNER JOIN sys.availability_groups AS g ON g.group_id = s.group_id
LEFT JOIN sys.databases AS d ON d.database_id = s.database_id';
ELSE IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT g.name AS group_name, r.replica_server_name, d.name AS database_name, s.synchronization_state, s.synchronization_health,
    s.is_suspended, s.log_send_queue_size, s.log_send_rate, s.redo_queue_size, s.redo_rate,
    CONVERT(bigint, NULL) AS secondary_lag_seconds
FROM sys.dm_hadr_database_replica_states AS s
INNER JOIN sys.availability_replicas AS r ON r.replica_id = s.replica_id
INNER JOIN sys.availability_groups AS g ON g.group_id = s.group_id
LEFT JOIN sys.databases AS d ON d.database_id = s.database_id';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_availability_databases AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- availability_replicas: availability groups: replicas. A secondary sees itself only.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT g.name AS group_name, r.replica_server_name, s.role, s.connected_state, s.operational_state, s.synchronization_health,
    CASE WHEN s.synchronization_health = 2 THEN 0 ELSE 1 END AS unhealthy,
    CASE WHEN s.connected_state = 1 THEN 0 ELSE 1 END AS disconnected
FROM sys.dm_hadr_availability_replica_states AS s
INNER JOIN sys.availability_replicas AS r ON r.replica_id = s.replica_id
INNER JOIN sys.availability_groups AS g ON g.group_id = s.group_id';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_availability_replicas AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- azure_database: use of the limits of an Azure SQL Database: the newest 15 seconds that are recorded.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition IN (5)
    SET @statement = N'SELECT TOP (1) avg_cpu_percent, avg_data_io_percent, avg_log_write_percent, avg_memory_usage_percent, xtp_storage_percent,
    max_worker_percent, max_session_percent, avg_instance_cpu_percent, avg_instance_memory_percent, dtu_limit
FROM sys.dm_db_resource_stats
ORDER BY end_time DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_azure_database AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- backups: age of the newest backup of each database in msdb, copies (COPY_ONLY) left out. Backups made on another replica are not known here.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT d.name AS database_name, DATEDIFF(second, MAX(CASE WHEN b.type = N''D'' THEN b.backup_finish_date END), GETDATE()) AS full_age_s,
    DATEDIFF(second, MAX(CASE WHEN b.type = N''I'' THEN b.backup_finish_date END), GETDATE()) AS diff_age_s,
    DATEDIFF(second, MAX(CASE WHEN b.type = N''L'' THEN b.backup_finish_date END), GETDATE()) AS log_age_s,
    CASE WHEN MAX(CASE WHEN b.type = N''D'' THEN 1 ELSE 0 END) = 1 THEN 0 ELSE 1 END AS never,
    CASE WHEN d.recovery_model <> 3 AND MAX(CASE WHEN b.type = N''L'' THEN 1 ELSE 0 END) = 0 THEN 1 ELSE 0 END AS no_log
FROM sys.databases AS d
LEFT JOIN msdb.dbo.backupset AS b
    ON b.database_name COLLATE Latin1_General_BIN2 = d.name COLLATE Latin1_General_BIN2 AND b.is_copy_only = 0
WHERE d.database_id <> 2 AND d.source_database_id IS NULL
GROUP BY d.name, d.recovery_model
OPTION (MAXDOP 1)';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_backups AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- blocking: sessions that wait for another one, and those at the root of the chains.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COUNT(DISTINCT r.session_id) AS blocked, MAX(r.wait_time) AS longest_ms,
    COUNT(DISTINCT CASE WHEN b.session_id IS NULL OR b.blocking_session_id = 0 OR b.blocking_session_id = b.session_id
        THEN r.blocking_session_id END) AS roots,
    COUNT(DISTINCT CASE WHEN b.session_id IS NULL AND r.blocking_session_id > 0 THEN r.blocking_session_id END) AS idle_roots
FROM sys.dm_exec_requests AS r
LEFT JOIN sys.dm_exec_requests AS b ON b.session_id = r.blocking_session_id
WHERE r.blocking_session_id <> 0 AND r.blocking_session_id <> r.session_id';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT COUNT(DISTINCT r.session_id) AS blocked, MAX(r.wait_time) AS longest_ms,
    COUNT(DISTINCT CASE WHEN b.session_id IS NULL OR b.blocking_session_id = 0 OR b.blocking_session_id = b.session_id
        THEN r.blocking_session_id END) AS roots,
    COUNT(DISTINCT CASE WHEN b.session_id IS NULL AND r.blocking_session_id > 0 THEN r.blocking_session_id END) AS idle_roots
FROM sys.dm_exec_requests AS r
LEFT JOIN sys.dm_exec_requests AS b ON b.session_id = r.blocking_session_id
WHERE r.blocking_session_id <> 0 AND r.blocking_session_id <> r.session_id';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_blocking AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- configuration: settings of sp_configure.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT c.name AS setting, CONVERT(bigint, c.value_in_use) AS value_in_use,
    CASE WHEN CONVERT(bigint, c.value) <> CONVERT(bigint, c.value_in_use) THEN 1 ELSE 0 END AS pending
FROM sys.configurations AS c';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_configuration AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- connections: network connections: how they log in, and whether they are encrypted.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT auth_scheme, net_transport, encrypt_option, COUNT(*) AS connections,
    SUM(CASE WHEN net_transport = N''TCP'' AND encrypt_option = N''FALSE'' THEN 1 ELSE 0 END) AS unencrypted,
    MAX(CASE WHEN session_id = @@SPID AND encrypt_option = N''TRUE'' THEN 1 ELSE 0 END) AS own_encrypted,
    MAX(CASE WHEN session_id = @@SPID AND auth_scheme = N''KERBEROS'' THEN 1 ELSE 0 END) AS own_kerberos
FROM sys.dm_exec_connections
GROUP BY auth_scheme, net_transport, encrypt_option';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT auth_scheme, net_transport, encrypt_option, COUNT(*) AS connections,
    SUM(CASE WHEN net_transport = N''TCP'' AND encrypt_option = N''FALSE'' THEN 1 ELSE 0 END) AS unencrypted,
    MAX(CASE WHEN session_id = @@SPID AND encrypt_option = N''TRUE'' THEN 1 ELSE 0 END) AS own_encrypted,
    MAX(CASE WHEN session_id = @@SPID AND auth_scheme = N''KERBEROS'' THEN 1 ELSE 0 END) AS own_kerberos
FROM sys.dm_exec_connections
GROUP BY auth_scheme, net_transport, encrypt_option';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_connections AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- counters: performance counters of the server as a whole.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active Temp Tables'', N''Average Latch Wait Time (ms)'', N''Average Latch Wait Time Base'', N''Average Wait Time (ms)'', N''Average Wait Time Base'', N''Background writer pages/sec'', N''Backup/Restore Throughput/sec'', N''Batch Requests/sec'', N''Buffer cache hit ratio'', N''Buffer cache hit ratio base'', N''CLR Execution'', N''Cache Hit Ratio'', N''Cache Hit Ratio Base'', N''Cache Object Counts'', N''Cache Pages'', N''Checkpoint pages/sec'', N''Connection Memory (KB)'', N''Connection Reset/sec'', N''Database Cache Memory (KB)'', N''Database pages'', N''Errors/sec'', N''Forwarded Records/sec'', N''Free Memory (KB)'', N''Free Space in tempdb (KB)'', N''Free list stalls/sec'', N''Full Scans/sec'', N''Granted Workspace Memory (KB)'', N''Index Searches/sec'', N''Latch Waits/sec'', N''Lazy writes/sec'', N''Lock Memory (KB)'', N''Lock Requests/sec'', N''Lock Timeouts (timeout > 0)/sec'', N''Lock Timeouts/sec'', N''Lock Wait Time (ms)'', N''Lock Waits/sec'', N''Log Bytes Flushed/sec'', N''Log Flush Wait Time'', N''Log Flush Waits/sec'', N''Log Flushes/sec'', N''Log Pool Memory (KB)'', N''Logins/sec'', N''Logouts/sec'', N''Longest Transaction Running Time'', N''Maximum Workspace Memory (KB)'', N''Memory Grants Outstanding'', N''Memory Grants Pending'', N''Number of Deadlocks/sec'', N''Optimizer Memory (KB)'', N''Page Splits/sec'', N''Page life expectancy'', N''Page lookups/sec'', N''Page reads/sec'', N''Page writes/sec'', N''Pages Allocated/sec'', N''Probe Scans/sec'', N''Processes blocked'', N''Range Scans/sec'', N''Readahead pages/sec'', N''SQL Attention rate'', N''SQL Cache Memory (KB)'', N''SQL Compilations/sec'', N''SQL Re-Compilations/sec'', N''Stolen Server Memory (KB)'', N''Table Lock Escalations/sec'', N''Target Server Memory (KB)'', N''Temp Tables Creation Rate'', N''Temp Tables For Destruction'', N''Total Latch Wait Time (ms)'', N''Total Server Memory (KB)'', N''Transactions'', N''Transactions/sec'', N''Update conflict ratio'', N''Update conflict ratio base'', N''User Connections'', N''Version Cleanup rate (KB/s)'', N''Version Generation rate (KB/s)'', N''Version Store Size (KB)'', N''Workfiles Created/sec'', N''Worktables Created/sec'', N''Worktables From Cache Base'', N''Worktables From Cache Ratio'', N''Write Transactions/sec'')
    AND (instance_name IS NULL OR instance_name = N'''' OR instance_name COLLATE Latin1_General_CI_AS = N''_Total'')';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active Temp Tables'', N''Average Latch Wait Time (ms)'', N''Average Latch Wait Time Base'', N''Average Wait Time (ms)'', N''Average Wait Time Base'', N''Background writer pages/sec'', N''Backup/Restore Throughput/sec'', N''Batch Requests/sec'', N''Buffer cache hit ratio'', N''Buffer cache hit ratio base'', N''CLR Execution'', N''Cache Hit Ratio'', N''Cache Hit Ratio Base'', N''Cache Object Counts'', N''Cache Pages'', N''Checkpoint pages/sec'', N''Connection Memory (KB)'', N''Connection Reset/sec'', N''Database Cache Memory (KB)'', N''Database pages'', N''Errors/sec'', N''Forwarded Records/sec'', N''Free Memory (KB)'', N''Free Space in tempdb (KB)'', N''Free list stalls/sec'', N''Full Scans/sec'', N''Granted Workspace Memory (KB)'', N''Index Searches/sec'', N''Latch Waits/sec'', N''Lazy writes/sec'', N''Lock Memory (KB)'', N''Lock Requests/sec'', N''Lock Timeouts (timeout > 0)/sec'', N''Lock Timeouts/sec'', N''Lock Wait Time (ms)'', N''Lock Waits/sec'', N''Log Bytes Flushed/sec'', N''Log Flush Wait Time'', N''Log Flush Waits/sec'', N''Log Flushes/sec'', N''Log Pool Memory (KB)'', N''Logins/sec'', N''Logouts/sec'', N''Longest Transaction Running Time'', N''Maximum Workspace Memory (KB)'', N''Memory Grants Outstanding'', N''Memory Grants Pending'', N''Number of Deadlocks/sec'', N''Optimizer Memory (KB)'', N''Page Splits/sec'', N''Page life expectancy'', N''Page lookups/sec'', N''Page reads/sec'', N''Page writes/sec'', N''Pages Allocated/sec'', N''Probe Scans/sec'', N''Processes blocked'', N''Range Scans/sec'', N''Readahead pages/sec'', N''SQL Attention rate'', N''SQL Cache Memory (KB)'', N''SQL Compilations/sec'', N''SQL Re-Compilations/sec'', N''Stolen Server Memory (KB)'', N''Table Lock Escalations/sec'', N''Target Server Memory (KB)'', N''Temp Tables Creation Rate'', N''Temp Tables For Destruction'', N''Total Latch Wait Time (ms)'', N''Total Server Memory (KB)'', N''Transactions'', N''Transactions/sec'', N''Update conflict ratio'', N''Update conflict ratio base'', N''User Connections'', N''Version Cleanup rate (KB/s)'', N''Version Generation rate (KB/s)'', N''Version Store Size (KB)'', N''Workfiles Created/sec'', N''Worktables Created/sec'', N''Worktables From Cache Base'', N''Worktables From Cache Ratio'', N''Write Transactions/sec'')
    AND (instance_name IS NULL OR instance_name = N'''' OR instance_name COLLATE Latin1_General_CI_AS = N''_Total'')';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_counters AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- database_counters: performance counters of each database.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active Transactions'', N''Backup/Restore Throughput/sec'', N''Data File(s) Size (KB)'', N''Log Bytes Flushed/sec'', N''Log File(s) Size (KB)'', N''Log File(s) Used Size (KB)'', N''Log Flush Wait Time'', N''Log Flush Waits/sec'', N''Log Flushes/sec'', N''Log Growths'', N''Log Shrinks'', N''Log Truncations'', N''Transactions/sec'', N''Write Transactions/sec'', N''XTP Memory Used (KB)'')
    AND object_name COLLATE Latin1_General_CI_AS LIKE N''%:Databases%''
    AND instance_name COLLATE Latin1_General_CI_AS NOT IN (N''mssqlsystemresource'', N''model_msdb'', N''model_replicatedmaster'')';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active Transactions'', N''Backup/Restore Throughput/sec'', N''Data File(s) Size (KB)'', N''Log Bytes Flushed/sec'', N''Log File(s) Size (KB)'', N''Log File(s) Used Size (KB)'', N''Log Flush Wait Time'', N''Log Flush Waits/sec'', N''Log Flushes/sec'', N''Log Growths'', N''Log Shrinks'', N''Log Truncations'', N''Transactions/sec'', N''Write Transactions/sec'', N''XTP Memory Used (KB)'')
    AND object_name COLLATE Latin1_General_CI_AS LIKE N''%:Databases%''
    AND instance_name COLLATE Latin1_General_CI_AS NOT IN (N''mssqlsystemresource'', N''model_msdb'', N''model_replicatedmaster'')';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_database_counters AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- database_sessions: user sessions by database.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COALESCE(d.name, CONVERT(nvarchar(11), s.database_id)) AS database_name, COUNT(*) AS sessions
FROM sys.dm_exec_sessions AS s
LEFT JOIN sys.databases AS d ON d.database_id = s.database_id
WHERE s.is_user_process = 1 AND s.login_time > ''19000101''
GROUP BY COALESCE(d.name, CONVERT(nvarchar(11), s.database_id))';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_database_sessions AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- database_sizes: size of each database on disk, those that are offline left out.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COALESCE(d.name, CONVERT(nvarchar(11), f.database_id)) AS database_name,
    SUM(f.size_on_disk_bytes) AS size_bytes, COUNT(*) AS files
FROM sys.dm_io_virtual_file_stats(NULL, NULL) AS f
LEFT JOIN sys.databases AS d ON d.database_id = f.database_id
GROUP BY COALESCE(d.name, CONVERT(nvarchar(11), f.database_id))';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT DB_NAME() AS database_name, SUM(CONVERT(bigint, f.size)) * 8192 AS size_bytes, COUNT(*) AS files
FROM sys.database_files AS f';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_database_sizes AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- databases: state of each database.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT d.name AS database_name, d.state, CASE WHEN d.state = 0 THEN 0 ELSE 1 END AS not_online, d.is_read_only,
    d.recovery_model, d.log_reuse_wait, d.user_access, d.compatibility_level
FROM sys.databases AS d';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT d.name AS database_name, d.state, CASE WHEN d.state = 0 THEN 0 ELSE 1 END AS not_online, d.is_read_only,
    d.recovery_model, d.log_reuse_wait, d.user_access, d.compatibility_level
FROM sys.databases AS d';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_databases AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- files: input and output per database file.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COALESCE(d.name, CONVERT(nvarchar(11), f.database_id)) AS database_name,
    COALESCE(m.name, CONVERT(nvarchar(11), f.file_id)) AS file_name, f.file_id, d.create_date,
    f.num_of_reads, f.num_of_bytes_read, f.io_stall_read_ms,
    f.num_of_writes, f.num_of_bytes_written, f.io_stall_write_ms, f.size_on_disk_bytes
FROM sys.dm_io_virtual_file_stats(NULL, NULL) AS f
LEFT JOIN sys.databases AS d ON d.database_id = f.database_id
LEFT JOIN sys.master_files AS m ON m.database_id = f.database_id AND m.file_id = f.file_id';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT DB_NAME() AS database_name, COALESCE(m.name, CONVERT(nvarchar(11), f.file_id)) AS file_name,
    f.file_id, CONVERT(datetime, NULL) AS create_date,
    f.num_of_reads, f.num_of_bytes_read, f.io_stall_read_ms,
    f.num_of_writes, f.num_of_bytes_written, f.io_stall_write_ms, f.size_on_disk_bytes
FROM sys.dm_io_virtual_file_stats(DB_ID(), NULL) AS f
LEFT JOIN sys.database_files AS m ON m.file_id = f.file_id';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_files AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- head_blockers: who is at the root of the chains of blocked sessions: login, program, host and database, the 20 with the most behind them.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'WITH waits AS (
    SELECT session_id, blocking_session_id, wait_time,
        ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY wait_time DESC) AS number
    FROM sys.dm_exec_requests
    WHERE blocking_session_id <> 0 AND blocking_session_id <> session_id
        AND session_id <> @@SPID AND blocking_session_id <> @@SPID),
edges AS (
    SELECT session_id, blocking_session_id AS blocker, wait_time AS wait_ms,
        ROW_NUMBER() OVER (PARTITION BY blocking_session_id ORDER BY session_id) AS number
    FROM waits
    WHERE number = 1),
blockers AS (
    SELECT e.blocker AS head, e.blocker AS session_id, 1 AS depth
    FROM edges AS e
    LEFT JOIN edges AS above ON above.session_id = e.blocker
    WHERE e.number = 1 AND above.session_id IS NULL
    UNION ALL
    SELECT b.head, e.session_id, b.depth + 1
    FROM blockers AS b
    INNER JOIN edges AS e ON e.blocker = b.session_id
    INNER JOIN edges AS below ON below.blocker = e.session_id
    WHERE below.number = 1 AND b.depth < 100)
SELECT TOP (20) h.login_name, h.program_name, h.host_name, h.database_name,
    COUNT(*) AS blocked, MAX(h.wait_ms) AS wait_ms, MAX(h.idle) AS idle
FROM (
    SELECT CASE b.head
            WHEN -2 THEN N''(orphaned distributed transaction)''
            WHEN -3 THEN N''(deferred recovery)''
            WHEN -4 THEN N''(latch, owner in transition)''
            WHEN -5 THEN N''(latch, owner not tracked)''
            ELSE COALESCE(s.login_name, N''(session has ended)'') END AS login_name,
        COALESCE(s.program_name, N'''') AS program_name, COALESCE(s.host_name, N'''') AS host_name,
        COALESCE(d.name, CONVERT(nvarchar(11), s.database_id), N'''') AS database_name, e.wait_ms,
        CASE WHEN s.status = N''sleeping'' AND s.open_transaction_count > 0 THEN 1 ELSE 0 END AS idle
    FROM blockers AS b
    INNER JOIN edges AS e ON e.blocker = b.session_id
    LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = b.head
    LEFT JOIN sys.databases AS d ON d.database_id = s.database_id) AS h
GROUP BY h.login_name, h.program_name, h.host_name, h.database_name
ORDER BY COUNT(*) DESC, MAX(h.wait_ms) DESC';
ELSE IF @edition IN (5)
    SET @statement = N'WITH waits AS (
    SELECT session_id, blocking_session_id, wait_time,
        ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY wait_time DESC) AS number
    FROM sys.dm_exec_requests
    WHERE blocking_session_id <> 0 AND blocking_session_id <> session_id
        AND session_id <> @@SPID AND blocking_session_id <> @@SPID),
edges AS (
    SELECT session_id, blocking_session_id AS blocker, wait_time AS wait_ms,
        ROW_NUMBER() OVER (PARTITION BY blocking_session_id ORDER BY session_id) AS number
    FROM waits
    WHERE number = 1),
blockers AS (
    SELECT e.blocker AS head, e.blocker AS session_id, 1 AS depth
    FROM edges AS e
    LEFT JOIN edges AS above ON above.session_id = e.blocker
    WHERE e.number = 1 AND above.session_id IS NULL
    UNION ALL
    SELECT b.head, e.session_id, b.depth + 1
    FROM blockers AS b
    INNER JOIN edges AS e ON e.blocker = b.session_id
    INNER JOIN edges AS below ON below.blocker = e.session_id
    WHERE below.number = 1 AND b.depth < 100)
SELECT TOP (20) h.login_name, h.program_name, h.host_name, h.database_name,
    COUNT(*) AS blocked, MAX(h.wait_ms) AS wait_ms, MAX(h.idle) AS idle
FROM (
    SELECT CASE b.head
            WHEN -2 THEN N''(orphaned distributed transaction)''
            WHEN -3 THEN N''(deferred recovery)''
            WHEN -4 THEN N''(latch, owner in transition)''
            WHEN -5 THEN N''(latch, owner not tracked)''
            ELSE COALESCE(s.login_name, N''(session has ended)'') END AS login_name,
        COALESCE(s.program_name, N'''') AS program_name, COALESCE(s.host_name, N'''') AS host_name,
        CASE WHEN s.session_id IS NULL THEN N'''' ELSE DB_NAME() END AS database_name, e.wait_ms,
        CASE WHEN s.status = N''sleeping'' AND s.open_transaction_count > 0 THEN 1 ELSE 0 END AS idle
    FROM blockers AS b
    INNER JOIN edges AS e ON e.blocker = b.session_id
    LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = b.head) AS h
GROUP BY h.login_name, h.program_name, h.host_name, h.database_name
ORDER BY COUNT(*) DESC, MAX(h.wait_ms) DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_head_blockers AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- host_cpu: cPU of the host, as the scheduler monitor of SQL Server writes it down once a minute. Not on Linux, where it knows its own part only.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11) AND (@version >= 14 OR @edition IN (5, 8))
    SET @statement = N'SELECT TOP (1) TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<ProcessUtilization>'', r.record) + 20, 3), N''<'', N''''), N''/'', N'''') AS int) AS sql_percent,
    100 - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<SystemIdle>'', r.record) + 12, 3), N''<'', N''''), N''/'', N'''') AS int) AS host_percent,
    100 - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<SystemIdle>'', r.record) + 12, 3), N''<'', N''''), N''/'', N'''') AS int)
        - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<ProcessUtilization>'', r.record) + 20, 3), N''<'', N''''), N''/'', N'''') AS int) AS other_percent,
    i.ms_ticks - r.[timestamp] AS age_ms
FROM sys.dm_os_ring_buffers AS r
CROSS JOIN sys.dm_os_sys_info AS i
CROSS JOIN sys.dm_os_host_info AS h
WHERE r.ring_buffer_type = N''RING_BUFFER_SCHEDULER_MONITOR'' AND r.record LIKE N''%<SystemHealth>%'' AND h.host_platform = N''Windows''
ORDER BY r.[timestamp] DESC';
ELSE IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT TOP (1) TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<ProcessUtilization>'', r.record) + 20, 3), N''<'', N''''), N''/'', N'''') AS int) AS sql_percent,
    100 - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<SystemIdle>'', r.record) + 12, 3), N''<'', N''''), N''/'', N'''') AS int) AS host_percent,
    100 - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<SystemIdle>'', r.record) + 12, 3), N''<'', N''''), N''/'', N'''') AS int)
        - TRY_CAST(REPLACE(REPLACE(SUBSTRING(r.record, CHARINDEX(N''<ProcessUtilization>'', r.record) + 20, 3), N''<'', N''''), N''/'', N'''') AS int) AS other_percent,
    i.ms_ticks - r.[timestamp] AS age_ms
FROM sys.dm_os_ring_buffers AS r
CROSS JOIN sys.dm_os_sys_info AS i
WHERE r.ring_buffer_type = N''RING_BUFFER_SCHEDULER_MONITOR'' AND r.record LIKE N''%<SystemHealth>%''
ORDER BY r.[timestamp] DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_host_cpu AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- instance: what the service says of itself.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT ms_ticks - sqlserver_start_time_ms_ticks AS uptime_ms, cpu_count, scheduler_count, max_workers_count,
    committed_kb, committed_target_kb
FROM sys.dm_os_sys_info';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT ms_ticks - sqlserver_start_time_ms_ticks AS uptime_ms, cpu_count, scheduler_count, max_workers_count,
    committed_kb, committed_target_kb
FROM sys.dm_os_sys_info';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_instance AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- instance_counters: performance counters with instances: NUMA nodes, kinds of locks, errors and plans, resource pools, availability replicas.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active memory grant amount (KB)'', N''Active memory grants count'', N''Active requests'', N''Blocked tasks'', N''Bytes Received from Replica/sec'', N''Bytes Sent to Replica/sec'', N''CPU usage %'', N''CPU usage % base'', N''Cache Hit Ratio'', N''Cache Hit Ratio Base'', N''Cache Pages'', N''Disk Read IO/sec'', N''Disk Write IO/sec'', N''Errors/sec'', N''Flow Control Time (ms/sec)'', N''Flow Control/sec'', N''Lock Wait Time (ms)'', N''Lock Waits/sec'', N''Log Bytes Received/sec'', N''Memory grant timeouts/sec'', N''Mirrored Write Transactions/sec'', N''Number of Deadlocks/sec'', N''Page life expectancy'', N''Pending memory grants count'', N''Queued requests'', N''Redone Bytes/sec'', N''Requests completed/sec'', N''Resent Messages/sec'', N''Target memory (KB)'', N''Transaction Delay'', N''Used memory (KB)'')
    AND object_name COLLATE Latin1_General_CI_AS NOT LIKE N''%:Databases%''
    AND instance_name <> N'''' AND instance_name COLLATE Latin1_General_CI_AS <> N''_Total''';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT RTRIM(CONVERT(varchar(128), SUBSTRING(object_name, CHARINDEX(N'':'', object_name) + 1, 128))) AS object_name,
    RTRIM(CONVERT(varchar(128), counter_name)) AS counter_name, RTRIM(instance_name) AS instance_name, cntr_value
FROM sys.dm_os_performance_counters
WHERE counter_name COLLATE Latin1_General_CI_AS IN (N''Active memory grant amount (KB)'', N''Active memory grants count'', N''Active requests'', N''Blocked tasks'', N''Bytes Received from Replica/sec'', N''Bytes Sent to Replica/sec'', N''CPU usage %'', N''CPU usage % base'', N''Cache Hit Ratio'', N''Cache Hit Ratio Base'', N''Cache Pages'', N''Disk Read IO/sec'', N''Disk Write IO/sec'', N''Errors/sec'', N''Flow Control Time (ms/sec)'', N''Flow Control/sec'', N''Lock Wait Time (ms)'', N''Lock Waits/sec'', N''Log Bytes Received/sec'', N''Memory grant timeouts/sec'', N''Mirrored Write Transactions/sec'', N''Number of Deadlocks/sec'', N''Page life expectancy'', N''Pending memory grants count'', N''Queued requests'', N''Redone Bytes/sec'', N''Requests completed/sec'', N''Resent Messages/sec'', N''Target memory (KB)'', N''Transaction Delay'', N''Used memory (KB)'')
    AND object_name COLLATE Latin1_General_CI_AS NOT LIKE N''%:Databases%''
    AND instance_name <> N'''' AND instance_name COLLATE Latin1_General_CI_AS <> N''_Total''';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_instance_counters AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- managed_instance: use of an Azure SQL Managed Instance: the newest 15 seconds that are recorded, some minutes old.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition IN (8)
    SET @statement = N'SELECT TOP (1) avg_cpu_percent, virtual_core_count, reserved_storage_mb, storage_space_used_mb
FROM master.sys.server_resource_stats
ORDER BY end_time DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_managed_instance AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- memory: memory of the host and of the SQL Server process.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT m.total_physical_memory_kb - m.available_physical_memory_kb AS memory_used, m.total_physical_memory_kb AS memory_total,
    m.total_physical_memory_kb, m.available_physical_memory_kb,
    m.total_page_file_kb - m.available_page_file_kb AS used_page_file_kb, m.total_page_file_kb, m.system_low_memory_signal_state,
    p.physical_memory_in_use_kb, p.locked_page_allocations_kb, p.large_page_allocations_kb,
    p.virtual_address_space_committed_kb, p.page_fault_count, p.process_physical_memory_low
FROM sys.dm_os_sys_memory AS m
CROSS JOIN sys.dm_os_process_memory AS p';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT TOP (1) avg_memory_usage_percent AS memory_used, CONVERT(int, 100) AS memory_total,
    CONVERT(bigint, NULL) AS total_physical_memory_kb, CONVERT(bigint, NULL) AS available_physical_memory_kb,
    CONVERT(bigint, NULL) AS used_page_file_kb, CONVERT(bigint, NULL) AS total_page_file_kb,
    CONVERT(bit, NULL) AS system_low_memory_signal_state, CONVERT(bigint, NULL) AS physical_memory_in_use_kb,
    CONVERT(bigint, NULL) AS locked_page_allocations_kb, CONVERT(bigint, NULL) AS large_page_allocations_kb,
    CONVERT(bigint, NULL) AS virtual_address_space_committed_kb, CONVERT(bigint, NULL) AS page_fault_count,
    CONVERT(bit, NULL) AS process_physical_memory_low
FROM sys.dm_db_resource_stats
ORDER BY end_time DESC';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_memory AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- memory_clerks: the twenty kinds of memory clerks that hold most.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT TOP (20) type AS clerk_type, SUM(pages_kb) AS pages_kb
FROM sys.dm_os_memory_clerks
GROUP BY type
HAVING SUM(pages_kb) > 0
ORDER BY SUM(pages_kb) DESC
OPTION (MAXDOP 1)';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT TOP (20) type AS clerk_type, SUM(pages_kb) AS pages_kb
FROM sys.dm_os_memory_clerks
GROUP BY type
HAVING SUM(pages_kb) > 0
ORDER BY SUM(pages_kb) DESC
OPTION (MAXDOP 1)';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_memory_clerks AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- memory_grants: memory that queries were granted or wait for.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COUNT(*) AS requests, COALESCE(SUM(CASE WHEN grant_time IS NULL THEN 1 ELSE 0 END), 0) AS waiting,
    COALESCE(SUM(requested_memory_kb), 0) AS requested_kb, COALESCE(SUM(granted_memory_kb), 0) AS granted_kb,
    COALESCE(SUM(used_memory_kb), 0) AS used_kb, MAX(CASE WHEN grant_time IS NULL THEN wait_time_ms END) AS longest_wait_ms
FROM sys.dm_exec_query_memory_grants';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT COUNT(*) AS requests, COALESCE(SUM(CASE WHEN grant_time IS NULL THEN 1 ELSE 0 END), 0) AS waiting,
    COALESCE(SUM(requested_memory_kb), 0) AS requested_kb, COALESCE(SUM(granted_memory_kb), 0) AS granted_kb,
    COALESCE(SUM(used_memory_kb), 0) AS used_kb, MAX(CASE WHEN grant_time IS NULL THEN wait_time_ms END) AS longest_wait_ms
FROM sys.dm_exec_query_memory_grants';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_memory_grants AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- persistent_version_store: version store of accelerated database recovery.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11) AND (@version >= 15 OR @edition IN (5, 8))
    SET @statement = N'SELECT COALESCE(d.name, CONVERT(nvarchar(11), p.database_id)) AS database_name, p.persistent_version_store_size_kb,
    p.online_index_version_store_size_kb, p.current_aborted_transaction_count
FROM sys.dm_tran_persistent_version_store_stats AS p
LEFT JOIN sys.databases AS d ON d.database_id = p.database_id';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT DB_NAME() AS database_name, p.persistent_version_store_size_kb,
    p.online_index_version_store_size_kb, p.current_aborted_transaction_count
FROM sys.dm_tran_persistent_version_store_stats AS p
WHERE p.database_id = DB_ID()';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_persistent_version_store AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- requests: requests of user sessions that run now, this one left out.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COUNT(*) AS requests,
    COALESCE(SUM(CASE WHEN r.status = N''running'' THEN 1 ELSE 0 END), 0) AS running,
    COALESCE(SUM(CASE WHEN r.status = N''runnable'' THEN 1 ELSE 0 END), 0) AS runnable,
    COALESCE(SUM(CASE WHEN r.status = N''suspended'' THEN 1 ELSE 0 END), 0) AS suspended,
    MAX(r.total_elapsed_time) AS longest_ms, SUM(CONVERT(bigint, r.granted_query_memory)) AS granted_pages
FROM sys.dm_exec_requests AS r
INNER JOIN sys.dm_exec_sessions AS s ON s.session_id = r.session_id
WHERE s.is_user_process = 1 AND r.session_id <> @@SPID';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT COUNT(*) AS requests,
    COALESCE(SUM(CASE WHEN r.status = N''running'' THEN 1 ELSE 0 END), 0) AS running,
    COALESCE(SUM(CASE WHEN r.status = N''runnable'' THEN 1 ELSE 0 END), 0) AS runnable,
    COALESCE(SUM(CASE WHEN r.status = N''suspended'' THEN 1 ELSE 0 END), 0) AS suspended,
    MAX(r.total_elapsed_time) AS longest_ms, SUM(CONVERT(bigint, r.granted_query_memory)) AS granted_pages
FROM sys.dm_exec_requests AS r
INNER JOIN sys.dm_exec_sessions AS s ON s.session_id = r.session_id
WHERE s.is_user_process = 1 AND r.session_id <> @@SPID';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_requests AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- schedulers: schedulers and worker threads.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT COUNT(*) AS schedulers, SUM(s.runnable_tasks_count) AS runnable_tasks, SUM(s.current_tasks_count) AS current_tasks,
    SUM(s.current_workers_count) AS current_workers, SUM(s.active_workers_count) AS active_workers,
    SUM(s.work_queue_count) AS work_queue, SUM(s.pending_disk_io_count) AS pending_disk_io, MAX(i.max_workers_count) AS max_workers
FROM sys.dm_os_schedulers AS s
CROSS JOIN sys.dm_os_sys_info AS i
WHERE s.status = N''VISIBLE ONLINE'' AND s.scheduler_id < 255';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT COUNT(*) AS schedulers, SUM(s.runnable_tasks_count) AS runnable_tasks, SUM(s.current_tasks_count) AS current_tasks,
    SUM(s.current_workers_count) AS current_workers, SUM(s.active_workers_count) AS active_workers,
    SUM(s.work_queue_count) AS work_queue, SUM(s.pending_disk_io_count) AS pending_disk_io, MAX(i.max_workers_count) AS max_workers
FROM sys.dm_os_schedulers AS s
CROSS JOIN sys.dm_os_sys_info AS i
WHERE s.status = N''VISIBLE ONLINE'' AND s.scheduler_id < 255';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_schedulers AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- sessions: user sessions by status.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT status, COUNT(*) AS sessions,
    SUM(CASE WHEN open_transaction_count > 0 THEN 1 ELSE 0 END) AS in_transaction,
    SUM(CASE WHEN open_transaction_count > 0 AND status = N''sleeping'' THEN 1 ELSE 0 END) AS idle_in_transaction,
    MAX(CASE WHEN open_transaction_count > 0 AND status = N''sleeping''
        THEN DATEDIFF(second, last_request_end_time, GETDATE()) ELSE 0 END) AS idle_in_transaction_s
FROM sys.dm_exec_sessions
WHERE is_user_process = 1 AND login_time > ''19000101''
GROUP BY status';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT status, COUNT(*) AS sessions,
    SUM(CASE WHEN open_transaction_count > 0 THEN 1 ELSE 0 END) AS in_transaction,
    SUM(CASE WHEN open_transaction_count > 0 AND status = N''sleeping'' THEN 1 ELSE 0 END) AS idle_in_transaction,
    MAX(CASE WHEN open_transaction_count > 0 AND status = N''sleeping''
        THEN DATEDIFF(second, last_request_end_time, GETDATE()) ELSE 0 END) AS idle_in_transaction_s
FROM sys.dm_exec_sessions
WHERE is_user_process = 1 AND login_time > ''19000101''
GROUP BY status';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_sessions AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- tempdb: space in tempdb.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT SUM(total_page_count) AS total_pages, SUM(total_page_count) - SUM(unallocated_extent_page_count) AS used_pages,
    SUM(version_store_reserved_page_count) AS version_store_pages, SUM(user_object_reserved_page_count) AS user_pages,
    SUM(internal_object_reserved_page_count) AS internal_pages, COUNT(*) AS files
FROM tempdb.sys.dm_db_file_space_usage';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_tempdb AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- volumes: space of the volumes that hold database files.
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT v.volume_mount_point, MAX(v.total_bytes) AS total_bytes, MIN(v.available_bytes) AS available_bytes
FROM sys.dm_io_virtual_file_stats(NULL, NULL) AS f
CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v
GROUP BY v.volume_mount_point
OPTION (MAXDOP 1)';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_volumes AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- waits: finished waits by type, from the wait statistics of the server (Azure SQL Database: of the database).
DECLARE @statement nvarchar(max) = NULL,
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition')),
    @version int = CONVERT(int, PARSENAME(CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), 4));
IF @edition NOT IN (5, 6, 11)
    SET @statement = N'SELECT CONVERT(varchar(60), wait_type) AS wait_type, waiting_tasks_count, wait_time_ms, signal_wait_time_ms
FROM sys.dm_os_wait_stats
WHERE waiting_tasks_count > 0';
ELSE IF @edition IN (5)
    SET @statement = N'SELECT CONVERT(varchar(60), wait_type) AS wait_type, waiting_tasks_count, wait_time_ms, signal_wait_time_ms
FROM sys.dm_db_wait_stats
WHERE waiting_tasks_count > 0';

IF @statement IS NOT NULL
BEGIN
    SET @statement = N'CREATE PROCEDURE vitals.collect_waits AS
SET NOCOUNT ON;
' + @statement + N';';
    EXEC sys.sp_executesql @statement;
END;
GO

-- Nothing depends on the former certificate any more.
IF CONVERT(int, SERVERPROPERTY('EngineEdition')) <> 5
    EXEC (N'IF SUSER_ID(N''vitals_signing'') IS NOT NULL DROP LOGIN vitals_signing;');
IF DATABASE_PRINCIPAL_ID(N'vitals_signing') IS NOT NULL EXEC (N'DROP USER vitals_signing;');
IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N'vitals_signing') EXEC (N'DROP CERTIFICATE vitals_signing;');
IF CONVERT(int, SERVERPROPERTY('EngineEdition')) <> 5
    EXEC (N'USE master;
        IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N''vitals_signing'') DROP CERTIFICATE vitals_signing;
        USE msdb;
        IF DATABASE_PRINCIPAL_ID(N''vitals_signing'') IS NOT NULL DROP USER vitals_signing;
        IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N''vitals_signing'') DROP CERTIFICATE vitals_signing;');
GO

-- The password is needed until the key is removed, and known to nobody.
DECLARE @password nvarchar(100) = N'a1!A' + CONVERT(nvarchar(36), NEWID()) + CONVERT(nvarchar(36), NEWID()),
    @statement nvarchar(max),
    @public_key nvarchar(max),
    @edition int = CONVERT(int, SERVERPROPERTY('EngineEdition'));
SET @statement = N'CREATE CERTIFICATE vitals_signing ENCRYPTION BY PASSWORD = N''' + @password
    + N''' WITH SUBJECT = N''pg_vitals: signs the procedures of schema vitals'', EXPIRY_DATE = ''20991231'';';
EXEC sys.sp_executesql @statement;

SET @statement = N'';
SELECT @statement = @statement + N'ADD SIGNATURE TO vitals.' + QUOTENAME(p.name)
    + N' BY CERTIFICATE vitals_signing WITH PASSWORD = N''' + @password + N'''; '
FROM sys.procedures AS p
WHERE p.schema_id = SCHEMA_ID(N'vitals') AND p.name LIKE N'collect[_]%';
EXEC sys.sp_executesql @statement;

EXEC (N'ALTER CERTIFICATE vitals_signing REMOVE PRIVATE KEY;');

IF @edition = 5
    EXEC (N'CREATE USER vitals_signing FROM CERTIFICATE vitals_signing; GRANT VIEW DATABASE STATE TO vitals_signing;');
ELSE
BEGIN
    -- A login is made of a certificate in master, and a user of one in its own database: the public key is enough.
    SET @public_key = CONVERT(nvarchar(max), CERTENCODED(CERT_ID(N'vitals_signing')), 1);
    SET @statement = N'';
    IF DB_ID() <> 1
        SET @statement = N'USE master; CREATE CERTIFICATE vitals_signing FROM BINARY = ' + @public_key + N'; ';
    SET @statement = @statement + N'USE master; CREATE LOGIN vitals_signing FROM CERTIFICATE vitals_signing;
        GRANT VIEW SERVER STATE TO vitals_signing; GRANT VIEW ANY DEFINITION TO vitals_signing; ';
    IF DB_ID() <> 4
        SET @statement = @statement + N'USE msdb; CREATE CERTIFICATE vitals_signing FROM BINARY = ' + @public_key + N'; ';
    SET @statement = @statement + N'USE msdb; CREATE USER vitals_signing FROM CERTIFICATE vitals_signing;
        GRANT SELECT ON dbo.backupset TO vitals_signing; GRANT SELECT ON dbo.sysjobs TO vitals_signing;
        GRANT SELECT ON dbo.sysjobservers TO vitals_signing; GRANT SELECT ON dbo.sysjobactivity TO vitals_signing;';
    EXEC sys.sp_executesql @statement;
END;

GRANT EXECUTE ON SCHEMA::vitals TO vitals_collector;
GO
